"""Values that are what their bytes say: `raw NAME HEX` gives a node a Variant of these bytes.

A value that begins with `MARK` is written to the wire as the bytes that follow in hexadecimal, type byte and all.
"""

from datetime import datetime, timezone

import asyncua.ua.ua_binary as binary
from asyncua import ua
from asyncua.server.address_space import AddressSpace

from .registry import command, patch

MARK = "\0raw:"

variant_to_binary = binary.variant_to_binary
is_expected = AddressSpace._is_expected_variant_type
to_ticks = ua.datetime_to_win_epoch
extension_to_binary = binary.extensionobject_to_binary


def is_raw(value):
    return isinstance(value, str) and value.startswith(MARK)


def raw_or_plain(variant):
    if is_raw(variant.Value):
        return bytes.fromhex(variant.Value[len(MARK):])
    return variant_to_binary(variant)


def anything_raw_is_expected(self, value, attribute, node):
    before = attribute.value.Value.Value if attribute.value and attribute.value.Value else None
    return is_raw(value.Value.Value) or is_raw(before) or is_expected(self, value, attribute, node)


class Ticks(datetime):
    """A time with ticks of its own, which need be no time at all."""

    ticks = 0

    @classmethod
    def of(cls, ticks):
        time = cls(2000, 1, 1, tzinfo=timezone.utc)
        time.ticks = ticks
        return time

    def __deepcopy__(self, memo):
        return self


def ticks_of(time):
    return time.ticks if isinstance(time, Ticks) else to_ticks(time)


binary.variant_to_binary = raw_or_plain
AddressSpace._is_expected_variant_type = anything_raw_is_expected
ua.datetime_to_win_epoch = ticks_of


@command("add-raw")
async def add_raw(test, rest):
    """`NAME HEX [DATATYPE [RANK]]`: a node of this value; the DataType is a number of namespace 0, 24 when absent."""
    name, text, *more = rest.split(" ")
    data_type = ua.NodeId(int(more[0]) if more else ua.ObjectIds.BaseDataType)
    value = ua.Variant(MARK + text, ua.VariantType.String)
    node = await test.folder.add_variable(ua.NodeId(name, test.index), name, value, datatype=data_type)
    rank = int(more[1]) if more[1:] else -1
    await node.write_attribute(ua.AttributeIds.ValueRank, ua.DataValue(ua.Variant(rank, ua.VariantType.Int32)))
    await node.set_writable()
    test.nodes[name] = (node, ua.VariantType.String)
    return "done"


@command("raw")
async def write_raw(test, rest):
    """`NAME HEX`: a new value of a node."""
    name, _, text = rest.partition(" ")
    now = test.now()
    value = ua.DataValue(ua.Variant(MARK + text, ua.VariantType.String), SourceTimestamp=now, ServerTimestamp=now)
    await test.server.write_attribute_value(test.nodes[name][0].nodeid, value)
    return "done"


@command("ticks")
async def write_ticks(test, rest):
    """`NAME VALUE SOURCE SERVER`: a Double with these ticks as timestamps; `now` for a right one."""
    name, value, source, server = rest.split(" ")
    times = [test.now() if text == "now" else Ticks.of(int(text)) for text in (source, server)]
    value = ua.DataValue(ua.Variant(float(value)), SourceTimestamp=times[0], ServerTimestamp=times[1])
    await test.server.write_attribute_value(test.nodes[name][0].nodeid, value)
    return "done"


@command("fill")
async def fill(test, rest):
    """`NAME LENGTH`: a ByteString of so many zeros."""
    name, length = rest.split(" ")
    node, _ = test.nodes[name]
    await node.write_value(bytes(int(length)), ua.VariantType.ByteString)
    return "done"


@patch("notification-of-unknown-length")
def unknown_length(_):
    """DataChangeNotifications say -1 for their length, as old servers do; who reads them has to go by their type."""

    def to_binary(value):
        encoded = extension_to_binary(value)
        if not isinstance(value, ua.DataChangeNotification):
            return encoded
        # Behind the NodeId in four bytes and the encoding of one.
        return encoded[:5] + b"\xff\xff\xff\xff" + encoded[9:]

    binary.extensionobject_to_binary = to_binary
