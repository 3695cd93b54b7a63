"""Answers that are refusals, late, missing, or of another length than the question.

`fault SERVICE HOW [TIMES]` on stdin, or `--odd fault:SERVICE:HOW[:TIMES]`, from now on for so many requests (without
end when absent): HOW is a StatusCode, `never`, or `late=SECONDS`.
`--odd count:SERVICE=DIFFERENCE`    the response has so many results more (the last again) or fewer
`--odd too-large:SERVICE=N`         BadResponseTooLarge for more than N nodes in a call of Read or CreateMonitoredItems
`--odd slow-writes:SECONDS`         a write to a node whose name begins with `Slow` is answered late, others at once
"""

import asyncio

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.internal_session import InternalSession
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.ua_binary import struct_from_binary

from .registry import COUNTS, command, patch
from .sessions import service

# Service -> [how, times].
FAULTS = {}

process = UaProcessor._process_message
send = UaProcessor.send_response
background = set()


async def process_or_fault(self, type_id, header, sequence, body):
    name = service(type_id)
    fault = FAULTS.get(name)
    if fault is None or fault[1] == 0:
        return await process(self, type_id, header, sequence, body)
    fault[1] -= 1
    COUNTS[f"{name} faulted"] += 1
    how = fault[0]
    if how == "never":
        return True
    if how.startswith("late="):
        later(self, float(how.removeprefix("late=")), (type_id, header, sequence, body))
        return True
    raise ServiceError(getattr(ua.StatusCodes, how))


def later(processor, seconds, request):
    """Processes a request after a while; what comes behind it on the connection does not wait."""

    async def wait_and_process():
        await asyncio.sleep(seconds)
        await process(processor, *request)

    task = asyncio.create_task(wait_and_process())
    background.add(task)
    task.add_done_callback(background.discard)


UaProcessor._process_message = process_or_fault


@patch("fault")
def fault(argument):
    name, how, *times = argument.split(":")
    FAULTS[name] = [how, int(times[0]) if times else -1]


@command("fault")
async def fault_now(test, rest):
    fault(rest.replace(" ", ":"))
    return "done"


@patch("count")
def count(argument):
    name, _, difference = argument.partition("=")
    difference = int(difference)
    send_before = UaProcessor.send_response

    def send_other_count(self, handle, sequence, response, *more):
        if type(response).__name__ == f"{name}Response" and response.Results:
            results = list(response.Results)
            response.Results = results + results[-1:] * difference if difference > 0 else results[:difference]
        send_before(self, handle, sequence, response, *more)

    UaProcessor.send_response = send_other_count


@patch("too-large")
def too_large(argument):
    name, _, limit = argument.partition("=")
    method, field = {
        "Read": ("read", "NodesToRead"),
        "CreateMonitoredItems": ("create_monitored_items", "ItemsToCreate"),
    }[name]
    plain = getattr(InternalSession, method)

    async def within_limit(self, params):
        if self.external and len(getattr(params, field)) > int(limit):
            raise ServiceError(ua.StatusCodes.BadResponseTooLarge)
        return await plain(self, params)

    setattr(InternalSession, method, within_limit)


@patch("slow-writes")
def slow_writes(argument):
    fast = UaProcessor._process_message

    async def slow_or_fast(self, type_id, header, sequence, body):
        if service(type_id) == "Write":
            nodes = struct_from_binary(ua.WriteParameters, body.copy()).NodesToWrite
            if any(str(node.NodeId.Identifier).startswith("Slow") for node in nodes):
                COUNTS["slow writes"] += 1
                later(self, float(argument), (type_id, header, sequence, body))
                return True
        return await fast(self, type_id, header, sequence, body)

    UaProcessor._process_message = slow_or_fast
