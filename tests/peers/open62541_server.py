"""An OPC UA server that is not ours: open62541, by the Python package o6, with a node of each type and a counter that ticks.

The options and the lines on stdin are those of `asyncua_server.py`, whose first lines say more; what it takes beyond
(`--structures`, `--before`, `--after`, `--odd`) this one has not. Without a licence a process lives for ten minutes.
"""

import argparse
import asyncio
import base64
import json
import math
import os
import sys
import threading
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path

# The package prints a banner on stdout, which belongs to the protocol here.
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import numpy  # noqa: E402
import o6  # noqa: E402

NAMESPACE = "urn:tagwise:test"
APPLICATION_URI = "urn:tagwise:test:server"
# An index of the package's own for our namespace; on the wire it is 2.
INDEX_IN_PYTHON = 5000

# Name, how a value of the type is made of JSON, and the first value as JSON.
TYPED = [
    ("Float", o6.Float, 0.1),
    ("Double", o6.Double, 0.1),
    ("SByte", o6.SByte, -128),
    ("Byte", o6.Byte, 255),
    ("Int16", o6.Int16, -32768),
    ("UInt16", o6.UInt16, 65535),
    ("Int32", o6.Int32, -2147483648),
    ("UInt32", o6.UInt32, 4294967295),
    ("Int64", o6.Int64, -9007199254740993),
    ("UInt64", o6.UInt64, 18446744073709551615),
    ("String", o6.String, 'grün "q" \n'),
    ("Boolean", o6.Boolean, True),
    ("DateTime", lambda text: o6.DateTime(text), "2026-01-02T03:04:05.1234567Z"),
    ("ByteString", lambda text: o6.ByteString(base64.b64decode(text)), "AAEH"),
    ("Guid", o6.Guid, "72962b91-fa75-4ae6-8d28-b404dc7daf63"),
    ("LocalizedText", lambda value: o6.LocalizedText(value["text"], value["locale"]), {"locale": "de", "text": "Schwingung"}),
    ("QualifiedName", lambda value: o6.QualifiedName(f"0:{value['name']}"), {"name": "Vibration"}),
    ("NaN", lambda _: o6.Double(math.nan), None),
    ("Int32Array", lambda value: numpy.array(value, dtype=numpy.int32), [1, 2, 3]),
    ("DoubleArray", lambda value: numpy.array(value, dtype=numpy.float64), [1.5, -2.0]),
    ("BooleanArray", lambda value: numpy.array(value, dtype=numpy.bool_), [True, False]),
    ("StringArray", lambda value: [o6.String(text) for text in value], ["a", "ü"]),
    ("Int32Matrix", lambda value: numpy.array(value, dtype=numpy.int32), [[1, 2, 3], [4, 5, 6]]),
]


def as_json(value):
    """A value as the line protocol prints it."""
    match value:
        case numpy.ndarray() | list() | tuple():
            return [as_json(element) for element in value]
        case bool() | numpy.bool_():
            return bool(value)
        case bytes():
            return base64.b64encode(value).decode()
        case numpy.integer() | int():
            return int(value)
        case numpy.floating() | float():
            # The digits of the node's own type, as others print them.
            return json.loads(str(value)) if math.isfinite(value) else None
        case uuid.UUID():
            return str(value)
        case o6.LocalizedText():
            return {"locale": value.locale, "text": value.text}
    return str(value)


class OneUser(o6.AccessControl):
    """Lets in one user by name and password, and nobody else."""

    def __init__(self, name, password):
        super().__init__(anonymous=False, username=True)
        self.name, self.password = name, password

    def activateSession(self, endpoint, remoteCertificate, session, userIdentityToken):
        token = userIdentityToken
        password = getattr(token, "password", b"")
        if isinstance(password, str):
            password = password.encode()
        if str(getattr(token, "userName", "")) == self.name and bytes(password or b"") == self.password.encode():
            return None
        raise o6.StatusCodeError(o6.StatusCode.BAD_USER_ACCESS_DENIED)


class TestServer:
    """The server, its nodes and its ticks."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.makers = {}
        self.ticking = []
        self.ticks = 0
        more = {}
        if arguments.user:
            more["accessControl"] = OneUser(*arguments.user.split(":", 1))
            more["allowNonePolicyPassword"] = True
        if arguments.secure:
            more.update(certificate_in(arguments.secure), applicationUri=APPLICATION_URI, acceptAllCertificates=True)
        self.server = o6.Server(port=arguments.port, **more)
        self.server._add_namespace(NAMESPACE, INDEX_IN_PYTHON)

    def start(self):
        self.server.start()
        for name, make, value in TYPED:
            self.add(f"Types.{name}", make, value, writable=True)
        self.add("ReadOnly", o6.Double, 1.0, writable=False)
        for number in range(1, self.arguments.counters + 1):
            self.add_counter(f"Counter{number}")
        for name in self.arguments.node:
            self.add_counter(name)

    def node(self, name):
        return o6.NodeId(f"ns={INDEX_IN_PYTHON};s={name}")

    def add(self, name, make, value, writable):
        node_id = self.node(name)
        self.server.addVariable(
            name, self.server.objectsNode, make(value), nodeId=node_id, ns=INDEX_IN_PYTHON, writable=writable
        )
        self.makers[name] = make

    def add_counter(self, name):
        self.add(name, o6.Double, float(self.ticks), writable=False)
        self.ticking.append(name)

    def tick(self):
        """Every ticking node counts the ticks; a late tick is made up for, so that none is left out."""
        period = 1 / self.arguments.rate
        due = time.monotonic()
        while True:
            due += period
            time.sleep(max(0, due - time.monotonic()))
            self.ticks += 1
            for name in list(self.ticking):
                self.write(name, o6.Double(float(self.ticks)))

    def write(self, name, value, status=o6.StatusCode.GOOD):
        now = o6.DateTime(datetime.now(timezone.utc))
        self.server.write(self.node(name), o6.DataValue(value, sourceTimestamp=now, serverTimestamp=now, status=status))

    def obey(self, line):
        """Carries out one line and returns the answer."""
        verb, _, rest = line.partition(" ")
        name, _, text = rest.partition(" ")
        match verb:
            case "add-node":
                self.add_counter(rest)
                return "done"
            case "read":
                return "value " + json.dumps(as_json(self.server.read(self.node(rest))))
            case "write":
                self.write(name, self.makers[name](json.loads(text)))
                return "done"
            case "sessions":
                count = o6.NodeId("i=2277")  # CurrentSessionCount
                return f"value {int(self.server.read(count))}"
            case "status":
                if name in self.ticking:
                    self.ticking.remove(name)
                value = self.server.read(self.node(name))
                # BadSensorFailure -> BAD_SENSOR_FAILURE
                symbol = "".join("_" + letter if letter.isupper() else letter for letter in text).strip("_").upper()
                self.write(name, value, getattr(o6.StatusCode, symbol))
                return "done"
        return f"error unknown command {verb!r}"


def certificate_in(folder):
    """A certificate for this server, made with what the other Python peer brings."""
    from asyncua.crypto.cert_gen import setup_self_signed_certificate
    from cryptography.x509.oid import ExtendedKeyUsageOID

    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = folder / "server.pem", folder / "server.der"
    use = [ExtendedKeyUsageOID.SERVER_AUTH]
    asyncio.run(setup_self_signed_certificate(key, certificate, APPLICATION_URI, "localhost", use, {}))
    return {"certificate": certificate, "privateKey": key}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, default=10, help="ticks per second")
    parser.add_argument("--counters", type=int, default=1, help="number of nodes Counter1, Counter2, ...")
    parser.add_argument("--node", action="append", default=[], help="one more counter of this name")
    parser.add_argument("--user", help="NAME:PASSWORD; refuses anonymous clients")
    parser.add_argument("--secure", type=Path, help="folder of server.der and server.pem; offers encryption too")
    arguments = parser.parse_args()

    test = TestServer(arguments)
    test.start()
    threading.Thread(target=test.tick, daemon=True).start()
    print(f"ready opc.tcp://127.0.0.1:{arguments.port}", file=answers, flush=True)
    for line in sys.stdin:
        line = line.rstrip("\n")
        if line == "stop":
            break
        try:
            print(test.obey(line), file=answers, flush=True)
        except Exception as error:  # the test on the other end reads what went wrong
            print(f"error {error!r}", file=answers, flush=True)
    else:
        # The end of stdin is the end of the test that started it.
        os._exit(0)
    test.server.stop()
    print("done", file=answers, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
