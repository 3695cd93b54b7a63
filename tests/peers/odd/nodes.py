"""Nodes that are deleted and come back, a state of the server, and DataTypes as ExpandedNodeIds.

`--odd data-type-expanded`   the attribute DataType is an ExpandedNodeId, as gopcua's server has it
"""

from asyncua import ua
from asyncua.server.address_space import AttributeService
from asyncua.server.monitored_item_service import MonitoredItemService

from .registry import command, patch


async def tell_by_item(self, handle, value, error=None):
    """As the standard has it: the item of a deleted node reports the code. asyncua ends the whole Subscription."""
    if error is None:
        return await report(self, handle, value)
    item = self._monitored_items[self._monitored_datachange[handle]]
    gone = ua.DataValue(ua.Variant(None, ua.VariantType.Null), StatusCode=error)
    event = ua.MonitoredItemNotification(ClientHandle=item.client_handle, Value=gone)
    await self.isub.enqueue_datachange_event(item.monitored_item_id, event, item.queue_size)


report = MonitoredItemService.datachange_callback


@command("delete-node")
async def delete_node(test, rest):
    """`NAME`: the node is no more; its items report BadNodeIdUnknown."""
    node, _ = test.nodes.pop(rest)
    if node in test.ticking:
        test.ticking.remove(node)
    code = ua.StatusCode(ua.StatusCodes.BadNodeIdUnknown)
    space = test.server.iserver.aspace
    callbacks = space._nodes[node.nodeid].attributes[ua.AttributeIds.Value].datachange_callbacks
    for handle, callback in list(callbacks.items()):
        await tell_by_item(callback.__self__, handle, None, code)
    callbacks.clear()
    await test.server.delete_nodes([node])
    return "done"


@command("state")
async def state(test, rest):
    """`NAME`: the server is in this state, such as CommunicationFault."""
    wanted = getattr(ua.ServerState, rest)
    whole = test.server.iserver.server_status_node
    status = await whole.read_value()
    status.State = wanted
    await whole.write_value(status)
    await test.server.get_node(ua.ObjectIds.Server_ServerStatus_State).write_value(wanted, ua.VariantType.Int32)
    return "done"


@patch("data-type-expanded")
def data_type_expanded(_):
    read = AttributeService.read

    def read_expanded(self, params):
        results = read(self, params)
        for wanted, result in zip(params.NodesToRead, results):
            if wanted.AttributeId != ua.AttributeIds.DataType or result.Value is None or result.Value.Value is None:
                continue
            plain = result.Value.Value
            expanded = ua.ExpandedNodeId(plain.Identifier, plain.NamespaceIndex, plain.NodeIdType)
            variant = ua.Variant(expanded, ua.VariantType.ExpandedNodeId)
            results[results.index(result)] = ua.DataValue(variant, StatusCode=result.StatusCode)
        return results

    AttributeService.read = read_expanded


@command("writable")
async def set_writable(test, rest):
    """`NAME yes|no`: whether AccessLevel and UserAccessLevel of a node allow CurrentWrite."""
    name, _, answer = rest.partition(" ")
    await test.nodes[name][0].set_writable(answer == "yes")
    return "done"
