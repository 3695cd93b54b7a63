"""Nodes that are never answered for, and nodes that come later.

`hang-reads NAME` on stdin   no Read in which the node stands is answered; `hang-reads` ends it. Counted as `hung Read`
`add-analog NAME RANGE`      a Double with an EURange from 0 to RANGE
"""

from asyncua import ua
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.ua_binary import struct_from_binary

from .registry import COUNTS, command
from .sessions import service

process = UaProcessor._process_message
hanging = set()


async def process_or_hang(self, type_id, header, sequence, body):
    if hanging and service(type_id) == "Read":
        parameters = struct_from_binary(ua.ReadParameters, body.copy())
        if any(node.NodeId.Identifier in hanging for node in parameters.NodesToRead):
            COUNTS["hung Read"] += 1
            return True
    return await process(self, type_id, header, sequence, body)


UaProcessor._process_message = process_or_hang


@command("hang-reads")
async def hang_reads(test, rest):
    hanging.clear()
    hanging.update(rest.split())
    return "done"


@command("add-analog")
async def add_analog(test, rest):
    name, _, high = rest.partition(" ")
    await test.add(name, ua.VariantType.Double, 0.0, writable=False)
    node = test.nodes[name][0]
    await node.add_property(ua.NodeId(f"{name}.Range", test.index), "0:EURange", ua.Range(Low=0, High=float(high)))
    return "done"
