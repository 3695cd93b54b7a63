"""What is counted of sessions, and sessions that outlive their connection.

`--odd keeps-sessions`    a session stays until it is closed or its time is over, also where it was never activated
`--odd session-limit:N`   refuses more than N sessions with BadTooManySessions
`--odd proves-nothing`    the signature in CreateSession is not of the key of its certificate; needs `--secure`
"""

import json

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.server.uaprocessor import UaProcessor

from .registry import COUNTS, command, patch

REQUESTS = {
    number: name.removesuffix("Request_Encoding_DefaultBinary")
    for name, number in vars(ua.ObjectIds).items()
    if name.endswith("Request_Encoding_DefaultBinary")
}


def service(type_id):
    """The service that a request of this type asks for."""
    return REQUESTS.get(type_id.Identifier, str(type_id.Identifier))


process = UaProcessor._process_message


async def process_and_count(self, type_id, header, sequence, body):
    COUNTS[service(type_id)] += 1
    return await process(self, type_id, header, sequence, body)


UaProcessor._process_message = process_and_count


@command("counts")
async def counts(test, _):
    """How many requests of each service there have been."""
    return "value " + json.dumps(COUNTS)


@command("cut")
async def cut(test, _):
    """Resets all connections."""
    for client in list(test.server.bserver.clients):
        client.transport.abort()
    return "done"


@patch("keeps-sessions")
def keeps_sessions(_):
    UaProcessor._should_close_session_on_transport_loss = lambda self: False
    create = InternalSession.create_session

    async def create_with_end(self, *arguments, **named):
        result = await create(self, *arguments, **named)
        self._start_timeout_watchdog()
        return result

    InternalSession.create_session = create_with_end


@patch("session-limit")
def session_limit(argument):
    create = InternalServer.create_session

    def create_within_limit(self, *arguments, **named):
        if named.get("external") and len(self._external_sessions) >= int(argument):
            raise ServiceError(ua.StatusCodes.BadTooManySessions)
        return create(self, *arguments, **named)

    InternalServer.create_session = create_within_limit


@patch("proves-nothing")
def proves_nothing(_):
    send = UaProcessor.send_response

    def send_without_proof(self, handle, sequence, response, *more):
        if isinstance(response, ua.CreateSessionResponse):
            signature = response.Parameters.ServerSignature
            signature.Signature = bytes(len(signature.Signature or b""))
        send(self, handle, sequence, response, *more)

    UaProcessor.send_response = send_without_proof
