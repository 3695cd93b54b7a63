"""MonitoredItems that are created late, and nodes that only seem to be absent.

`--odd slow-item:SECONDS`     CreateMonitoredItems is answered late where one of its items is of a node whose name begins
                              with `Slow`; other requests do not wait for it
`--odd class-unknown`         a node's NodeClass is always BadNodeIdUnknown, also of nodes that have values
"""

import asyncio

from asyncua import ua
from asyncua.server.address_space import AttributeService
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.ua_binary import struct_from_binary

from .answers import later
from .registry import COUNTS, command, patch
from .sessions import service

# How long the answers to CreateMonitoredItems are under way, in seconds.
DELAY = [0.0]


@command("delay-items")
async def delay_items(test, rest):
    """`SECONDS`: so long are answers to CreateMonitoredItems under way from now on; the items exist at once."""
    DELAY[0] = float(rest)
    return "done"


send = UaProcessor.send_response


def send_later(self, handle, sequence, response, *more):
    if type(response).__name__ != "CreateMonitoredItemsResponse" or DELAY[0] == 0:
        return send(self, handle, sequence, response, *more)
    COUNTS["delayed items"] += 1
    asyncio.get_running_loop().call_later(DELAY[0], lambda: send(self, handle, sequence, response, *more))


UaProcessor.send_response = send_later


@patch("slow-item")
def slow_item(argument):
    fast = UaProcessor._process_message

    async def slow_or_fast(self, type_id, header, sequence, body):
        if service(type_id) == "CreateMonitoredItems":
            created = struct_from_binary(ua.CreateMonitoredItemsParameters, body.copy()).ItemsToCreate
            if any(str(item.ItemToMonitor.NodeId.Identifier).startswith("Slow") for item in created):
                COUNTS["slow items"] += 1
                later(self, float(argument), (type_id, header, sequence, body))
                return True
        return await fast(self, type_id, header, sequence, body)

    UaProcessor._process_message = slow_or_fast


@patch("class-unknown")
def class_unknown(_):
    read = AttributeService.read

    def read_without_class(self, params):
        results = read(self, params)
        for index, wanted in enumerate(params.NodesToRead):
            if wanted.AttributeId == ua.AttributeIds.NodeClass:
                COUNTS["NodeClass asked"] += 1
                results[index] = ua.DataValue(StatusCode=ua.StatusCode(ua.StatusCodes.BadNodeIdUnknown))
        return results

    AttributeService.read = read_without_class
