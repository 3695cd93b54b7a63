package tagwise;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.milo.opcua.sdk.core.AccessLevel;
import org.eclipse.milo.opcua.sdk.core.Reference;
import org.eclipse.milo.opcua.sdk.server.ManagedNamespaceWithLifecycle;
import org.eclipse.milo.opcua.sdk.server.OpcUaServer;
import org.eclipse.milo.opcua.sdk.server.items.DataItem;
import org.eclipse.milo.opcua.sdk.server.items.MonitoredItem;
import org.eclipse.milo.opcua.sdk.server.nodes.UaFolderNode;
import org.eclipse.milo.opcua.sdk.server.nodes.UaNode;
import org.eclipse.milo.opcua.sdk.server.nodes.UaVariableNode;
import org.eclipse.milo.opcua.stack.core.AttributeId;
import org.eclipse.milo.opcua.stack.core.NodeIds;
import org.eclipse.milo.opcua.stack.core.OpcUaDataType;
import org.eclipse.milo.opcua.stack.core.StatusCodes;
import org.eclipse.milo.opcua.stack.core.types.builtin.DataValue;
import org.eclipse.milo.opcua.stack.core.types.builtin.LocalizedText;
import org.eclipse.milo.opcua.stack.core.types.builtin.NodeId;
import org.eclipse.milo.opcua.stack.core.types.builtin.StatusCode;
import org.eclipse.milo.opcua.stack.core.types.builtin.Variant;
import org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.UInteger;

/** The nodes, by string ids; what changes is pushed to the monitored items at once, so that no tick is sampled away. */
final class TestNamespace extends ManagedNamespaceWithLifecycle {
  private final Map<String, UaVariableNode> variables = new ConcurrentHashMap<>();
  private final Map<NodeId, Set<DataItem>> items = new ConcurrentHashMap<>();
  private final Set<UaVariableNode> ticking = ConcurrentHashMap.newKeySet();
  private long ticks;

  TestNamespace(OpcUaServer server) {
    super(server, "urn:tagwise:test");
    getLifecycleManager().addStartupTask(this::addTypes);
  }

  private void addTypes() {
    var folder = new UaFolderNode(
        getNodeContext(), newNodeId("Types"), newQualifiedName("Types"), LocalizedText.english("Types"));
    getNodeManager().addNode(folder);
    folder.addReference(new Reference(
        folder.getNodeId(), NodeIds.Organizes, NodeIds.ObjectsFolder.expanded(), Reference.Direction.INVERSE));
    Values.TYPED.forEach((name, value) -> add("Types." + name, value, true));
    add("ReadOnly", Variant.ofDouble(1), false);
  }

  private UaVariableNode add(String name, Variant value, boolean isWritable) {
    var levels = isWritable ? AccessLevel.READ_WRITE : AccessLevel.READ_ONLY;
    var builder = new UaVariableNode.UaVariableNodeBuilder(getNodeContext())
        .setNodeId(newNodeId(name))
        .setBrowseName(newQualifiedName(name))
        .setDisplayName(LocalizedText.english(name))
        .setDataType(Values.dataType(value).getNodeId())
        .setTypeDefinition(NodeIds.BaseDataVariableType)
        .setAccessLevel(levels)
        .setUserAccessLevel(levels)
        .setMinimumSamplingInterval(0.0);
    UInteger[] dimensions = Values.dimensions(value);
    builder.setValueRank(dimensions == null ? -1 : dimensions.length);
    if (dimensions != null) {
      builder.setArrayDimensions(dimensions);
    }
    var variable = builder.build();
    variable.setValue(new DataValue(value));
    variable.addAttributeObserver(this::push);
    getNodeManager().addNode(variable);
    variable.addReference(new Reference(
        variable.getNodeId(), NodeIds.HasComponent, newNodeId("Types").expanded(), Reference.Direction.INVERSE));
    variables.put(name, variable);
    return variable;
  }

  void addCounter(String name) {
    ticking.add(add(name, Variant.ofDouble(ticks), false));
  }

  void tick() {
    ticks += 1;
    ticking.forEach(variable -> variable.setValue(new DataValue(Variant.ofDouble(ticks))));
  }

  String read(String name) {
    return Values.print(variable(name).getValue().getValue());
  }

  void write(String name, String json) {
    var variable = variable(name);
    OpcUaDataType type = OpcUaDataType.fromNodeId(variable.getDataType());
    variable.setValue(new DataValue(Values.parse(type, json)));
  }

  void setStatus(String name, String symbol) throws ReflectiveOperationException {
    var variable = variable(name);
    ticking.remove(variable);
    var constant = StatusCodes.class.getField(symbol.replaceFirst("^(Bad|Uncertain|Good)", "$1_"));
    // The class that declares it is not public, though the constant is.
    constant.setAccessible(true);
    variable.setValue(new DataValue(variable.getValue().getValue(), new StatusCode(constant.getLong(null))));
  }

  private UaVariableNode variable(String name) {
    var variable = variables.get(name);
    if (variable == null) {
      throw new IllegalArgumentException("there is no node " + name);
    }
    return variable;
  }

  private void push(UaNode node, AttributeId attribute, Object value) {
    if (attribute == AttributeId.Value) {
      items.getOrDefault(node.getNodeId(), Set.of()).forEach(item -> item.setValue((DataValue) value));
    }
  }

  @Override
  public void onDataItemsCreated(List<DataItem> created) {
    for (var item : created) {
      NodeId id = item.getReadValueId().getNodeId();
      items.computeIfAbsent(id, key -> ConcurrentHashMap.newKeySet()).add(item);
      variables.values().stream()
          .filter(variable -> variable.getNodeId().equals(id))
          .forEach(variable -> item.setValue(variable.getValue()));
    }
  }

  @Override
  public void onDataItemsModified(List<DataItem> modified) {}

  @Override
  public void onDataItemsDeleted(List<DataItem> deleted) {
    deleted.forEach(item -> items.getOrDefault(item.getReadValueId().getNodeId(), Set.of()).remove(item));
  }

  @Override
  public void onMonitoringModeChanged(List<MonitoredItem> changed) {}
}
