"""Numbers whose names stand beside the node: `--odd multi-state`.

`MultiState` (UInt32 2, EnumStrings), `MultiValue` (Int16 -7, EnumValues), `TwoState` (Boolean, TrueState and FalseState).
"""

from asyncua import ua

from .registry import before_start, patch

TYPES = ua.VariantType


def texts(*names):
    return [ua.LocalizedText(name, "en") for name in names]


async def add(test, name, value, kind, type_definition, properties):
    node = await test.folder.add_variable(ua.NodeId(name, test.index), name, ua.Variant(value, kind))
    await node.delete_reference(ua.ObjectIds.BaseDataVariableType, ua.ObjectIds.HasTypeDefinition, True, False)
    await node.add_reference(type_definition, ua.ObjectIds.HasTypeDefinition, bidirectional=False)
    await node.set_writable()
    for property_name, content, content_kind in properties:
        node_id = ua.NodeId(f"{name}.{property_name}", test.index)
        await node.add_property(node_id, f"0:{property_name}", ua.Variant(content, content_kind))
    test.nodes[name] = (node, kind)


@patch("multi-state")
def multi_state(_):
    @before_start
    async def add_all(test):
        strings = [("EnumStrings", texts("Stopped", "Starting", "Running"), TYPES.LocalizedText)]
        await add(test, "MultiState", 2, TYPES.UInt32, ua.ObjectIds.MultiStateDiscreteType, strings)
        values = [
            ua.EnumValueType(Value=number, DisplayName=name)
            for number, name in zip((-7, 100), texts("Reverse", "Forward"))
        ]
        values = [("EnumValues", values, TYPES.ExtensionObject)]
        await add(test, "MultiValue", -7, TYPES.Int16, ua.ObjectIds.MultiStateValueDiscreteType, values)
        states = zip(("TrueState", "FalseState"), texts("Open", "Closed"), [TYPES.LocalizedText] * 2)
        await add(test, "TwoState", True, TYPES.Boolean, ua.ObjectIds.TwoStateDiscreteType, list(states))
