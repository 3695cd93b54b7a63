"""Whether OpenSecureChannel carries a session's token, which it never may.

`--odd drops-opening-with-token`   such a request gets no answer, as gopcua's server has it
"""

from asyncua import ua
from asyncua.server.binary_server_asyncio import OPCUAProtocol
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.ua_binary import nodeid_from_binary, struct_from_binary

from .registry import COUNTS, patch

open_channel = UaProcessor.open_secure_channel
connected = OPCUAProtocol.connection_made
is_dropping = False


def open_and_look(self, algorithm, sequence, body):
    header = body.copy()
    nodeid_from_binary(header)
    token = struct_from_binary(ua.RequestHeader, header).AuthenticationToken
    COUNTS["OpenSecureChannel"] += 1
    if token != ua.NodeId():
        COUNTS["OpenSecureChannelWithToken"] += 1
        if is_dropping:
            return
    open_channel(self, algorithm, sequence, body)


def connect_and_count(self, transport):
    COUNTS["connections"] += 1
    connected(self, transport)


UaProcessor.open_secure_channel = open_and_look
OPCUAProtocol.connection_made = connect_and_count


@patch("drops-opening-with-token")
def drops(_):
    global is_dropping
    is_dropping = True
