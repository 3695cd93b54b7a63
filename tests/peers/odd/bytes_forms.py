"""Byte[] and ByteString in each other's place, which Part 6 allows: `--odd bytes`.

Nodes `ArrayAsString` (Byte[] sent as ByteString), `StringAsArray` (the reverse), and `Flips` (Byte[], which `flip`
sends in the other form), all with the bytes 1, 2, 255.
"""

from asyncua import ua

from .registry import before_start, command, patch

STRING, ARRAY = ua.Variant(b"\x01\x02\xff", ua.VariantType.ByteString), ua.Variant([1, 2, 255], ua.VariantType.Byte)
NODES = [
    ("ArrayAsString", ua.ObjectIds.Byte, 1, STRING),
    ("StringAsArray", ua.ObjectIds.ByteString, -1, ARRAY),
    ("Flips", ua.ObjectIds.Byte, 1, STRING),
]


@patch("bytes")
def both_forms(_):
    @before_start
    async def add(test):
        test.server.iserver.aspace._is_expected_variant_type = lambda *arguments: True
        for name, data_type, rank, value in NODES:
            node_id = ua.NodeId(name, test.index)
            node = await test.folder.add_variable(node_id, name, value, datatype=ua.NodeId(data_type))
            rank = ua.DataValue(ua.Variant(rank, ua.VariantType.Int32))
            await node.write_attribute(ua.AttributeIds.ValueRank, rank)
            await node.set_writable()
            test.nodes[name] = (node, value.VariantType)


@command("flip")
async def flip(test, rest):
    """`array` or `string`: in which form `Flips` is sent now."""
    value = ARRAY if rest == "array" else STRING
    # A client that only compares values would see no change, and so would asyncua: the first byte counts.
    if rest == "array":
        value = ua.Variant([7, 2, 255], ua.VariantType.Byte)
    await test.server.write_attribute_value(test.nodes["Flips"][0].nodeid, ua.DataValue(value))
    return "done"
