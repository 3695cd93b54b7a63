"""An OPC UA server that is not ours: asyncua, with a node of each type and a counter that ticks.

Nodes have string ids in the namespace `urn:tagwise:test`. The first line on stdout is `ready <endpoint>`; after that each
line on stdin is a command and gets one line of answer:

    add-node NAME            a new Double that counts ticks from now on         -> `done`
    read NAME                what a client of the server would see              -> `value <json>`
    write NAME JSON          a new value of the node's own type                 -> `done`
    status NAME SYMBOL       the node's StatusCode, such as BadSensorFailure    -> `done`
    sessions                 how many sessions of clients the server has        -> `value <number>`
    stop                     close all sessions and end                         -> `done`

`--odd NAME[:ARGUMENT]` makes it as odd as servers in the field are; `odd/` has the names, and commands of their own.

JSON has a ByteString in base64, a DateTime in ISO 8601, a matrix as nested lists; a NaN is null.

The end of stdin ends the server, so it cannot outlive the test that started it.
"""

import argparse
import asyncio
import base64
import json
import logging
import math
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path

from asyncua import Server, ua
from asyncua.common.structures104 import new_enum, new_struct, new_struct_field
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.permission_rules import User, UserRole
from cryptography.x509.oid import ExtendedKeyUsageOID

from odd import clock, registry

NAMESPACE = "urn:tagwise:test"
APPLICATION_URI = "urn:tagwise:test:server"

TYPES = ua.VariantType
TYPED = [
    ("Float", TYPES.Float, 0.1),
    ("Double", TYPES.Double, 0.1),
    ("SByte", TYPES.SByte, -128),
    ("Byte", TYPES.Byte, 255),
    ("Int16", TYPES.Int16, -32768),
    ("UInt16", TYPES.UInt16, 65535),
    ("Int32", TYPES.Int32, -2147483648),
    ("UInt32", TYPES.UInt32, 4294967295),
    ("Int64", TYPES.Int64, -9007199254740993),
    ("UInt64", TYPES.UInt64, 18446744073709551615),
    ("String", TYPES.String, 'grün "q" \n'),
    ("Boolean", TYPES.Boolean, True),
    ("DateTime", TYPES.DateTime, datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=timezone.utc)),
    ("ByteString", TYPES.ByteString, b"\x00\x01\x07"),
    ("Guid", TYPES.Guid, uuid.UUID("72962b91-fa75-4ae6-8d28-b404dc7daf63")),
    ("LocalizedText", TYPES.LocalizedText, ua.LocalizedText("Schwingung", "de")),
    ("QualifiedName", TYPES.QualifiedName, ua.QualifiedName("Vibration", 0)),
    ("NaN", TYPES.Double, float("nan")),
    ("Int32Array", TYPES.Int32, [1, 2, 3]),
    ("DoubleArray", TYPES.Double, [1.5, -2.0]),
    ("BooleanArray", TYPES.Boolean, [True, False]),
    ("StringArray", TYPES.String, ["a", "ü"]),
    ("Int32Matrix", TYPES.Int32, [[1, 2, 3], [4, 5, 6]]),
]


def as_json(value):
    """A value as the line protocol prints it."""
    match value:
        case list():
            return [as_json(element) for element in value]
        case float() if not math.isfinite(value):
            return None
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.replace(tzinfo=timezone.utc).isoformat().replace("+00:00", "Z")
        case uuid.UUID():
            return str(value)
        case ua.LocalizedText():
            return {"locale": value.Locale, "text": value.Text}
        case ua.QualifiedName():
            return {"name": value.Name, "namespaceIndex": value.NamespaceIndex}
    return value


def of_json(kind, value):
    """The reverse, for a node of this type."""
    match kind:
        case TYPES.ByteString:
            return base64.b64decode(value)
        case TYPES.DateTime:
            return datetime.fromisoformat(value.replace("Z", "+00:00"))
        case TYPES.Guid:
            return uuid.UUID(value)
    return value


class OneUser:
    """Lets in one user by name and password, and nobody else."""

    def __init__(self, name, password):
        self.name, self.password = name, password

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if isinstance(password, bytes):
            password = password.decode()
        if username == self.name and password == self.password:
            return User(role=UserRole.User, name=username)
        return None


class TestServer:
    """The server, its nodes and its ticks."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.nodes = {}
        self.ticking = []
        self.ticks = 0

    async def start(self):
        user = self.arguments.user
        self.server = Server(user_manager=OneUser(*user.split(":", 1)) if user else None)
        await self.server.init()
        if user:
            self.server.set_identity_tokens([ua.UserNameIdentityToken])
        self.server.set_endpoint(f"opc.tcp://127.0.0.1:{self.arguments.port}/")
        self.server.set_server_name("Tagwise test server")
        await self.set_security()
        for uri in self.arguments.before:
            await self.add_twin(uri)
        self.index = await self.server.register_namespace(NAMESPACE)
        for uri in self.arguments.after:
            await self.add_twin(uri)
        self.folder = await self.server.nodes.objects.add_folder(self.index, "Types")
        for name, kind, value in TYPED:
            await self.add(f"Types.{name}", kind, value, writable=True)
        await self.add("ReadOnly", TYPES.Double, 1.0, writable=False)
        for number in range(1, self.arguments.counters + 1):
            await self.add_counter(f"Counter{number}")
        if self.arguments.structures:
            await add_structures(self.server, self.index, self.folder)
        for name in self.arguments.node:
            await self.add_counter(name)
        await self.add_analog()
        for prepare in registry.BEFORE_START:
            await prepare(self)
        await self.server.start()

    @staticmethod
    def now():
        """The time as this server has it."""
        return clock.Skewed.now(timezone.utc)

    async def add_analog(self):
        """A node with a range and a unit, and a way back up, so that the tree is none."""
        node = await self.folder.add_variable(ua.NodeId("Analog", self.index), "Analog", 20.0)
        unit = ua.EUInformation(DisplayName=ua.LocalizedText("°C"), UnitId=4408652)
        await node.add_property(ua.NodeId("Analog.Range", self.index), "0:EURange", ua.Range(Low=0, High=100))
        await node.add_property(ua.NodeId("Analog.Unit", self.index), "0:EngineeringUnits", unit)
        back = await self.folder.add_folder(self.index, "Back")
        await back.add_reference(self.server.nodes.objects, ua.ObjectIds.Organizes)

    async def add_twin(self, uri):
        """A namespace with a node that has the identifier of a counter and always the value -1."""
        index = await self.server.register_namespace(uri)
        await self.server.nodes.objects.add_variable(ua.NodeId("Counter1", index), f"{index}:Twin", -1.0)

    async def set_security(self):
        """No security; and, where there is a folder for a certificate, encryption for any client."""
        policies = [ua.SecurityPolicyType.NoSecurity]
        if self.arguments.secure:
            folder = self.arguments.secure
            folder.mkdir(parents=True, exist_ok=True)
            await self.server.set_application_uri(APPLICATION_URI)
            key, certificate = folder / "server.pem", folder / "server.der"
            use = [ExtendedKeyUsageOID.SERVER_AUTH]
            make = registry.MAKE_CERTIFICATE or setup_self_signed_certificate
            await make(key, certificate, APPLICATION_URI, "localhost", use, {})
            await self.server.load_certificate(certificate)
            await self.server.load_private_key(key)
            policies.append(ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt)
        self.server.set_security_policy(policies)

    async def add(self, name, kind, value, writable):
        node_id = ua.NodeId(name, self.index)
        node = await self.folder.add_variable(node_id, name, ua.Variant(value, kind))
        if writable:
            await node.set_writable()
        self.nodes[name] = (node, kind)

    async def add_counter(self, name):
        await self.add(name, TYPES.Double, float(self.ticks), writable=False)
        self.ticking.append(self.nodes[name][0])

    async def tick(self):
        """Every ticking node counts the ticks; a late tick is made up for, so that none is left out."""
        period = 1 / self.arguments.rate
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += period
            await asyncio.sleep(max(0, due - loop.time()))
            self.ticks += 1
            now = self.now()
            value = ua.DataValue(ua.Variant(float(self.ticks), TYPES.Double), SourceTimestamp=now, ServerTimestamp=now)
            for node in list(self.ticking):
                await node.write_value(value)

    async def obey(self, line):
        """Carries out one line and returns the answer."""
        verb, _, rest = line.partition(" ")
        if verb == "add-node":
            await self.add_counter(rest)
            return "done"
        if verb == "read":
            return "value " + json.dumps(as_json(await self.nodes[rest][0].read_value()))
        if verb == "write":
            name, _, text = rest.partition(" ")
            node, kind = self.nodes[name]
            await node.write_value(of_json(kind, json.loads(text)), kind)
            return "done"
        if verb == "sessions":
            # Including those whose connection is gone: it is the duplicates that are looked for.
            return f"value {len(self.server.iserver._external_sessions)}"
        if verb == "status":
            name, _, symbol = rest.partition(" ")
            node, kind = self.nodes[name]
            if node in self.ticking:
                self.ticking.remove(node)
            code = ua.StatusCode(getattr(ua.StatusCodes, symbol))
            value = await node.read_value()
            now = self.now()
            await node.write_value(
                ua.DataValue(ua.Variant(value, kind), StatusCode=code, SourceTimestamp=now, ServerTimestamp=now)
            )
            return "done"
        if verb in registry.COMMANDS:
            return await registry.COMMANDS[verb](self, rest)
        return f"error unknown command {verb!r}"


async def add_structures(server, index, folder):
    """Nodes `Structures.*` whose types are the server's own: nested, optional, a union, an enumeration, a matrix."""
    field = new_struct_field
    point, _ = await new_struct(server, index, "Point", [field("x", TYPES.Double), field("y", TYPES.Double)])
    state = await new_enum(server, index, "State", ["Stopped", "Starting", "Running"])
    members = [
        field("name", TYPES.String),
        field("state", state),
        field("position", point),
        field("points", point, array=True),
        field("counts", TYPES.Int16, array=True),
        field("note", TYPES.String, optional=True),
        field("extra", TYPES.Double, optional=True),
    ]
    machine, _ = await new_struct(server, index, "Machine", members)
    choice_members = [field("number", TYPES.Int32), field("text", TYPES.String)]
    choice, _ = await new_struct(server, index, "Choice", choice_members, is_union=True)
    await server.load_data_type_definitions()

    def value_of(name, **more):
        points = [ua.Point(x=1.0, y=2.0), ua.Point(x=3.0, y=float("nan"))]
        return ua.Machine(
            name=name, state=ua.State(2), position=ua.Point(x=0.5, y=-0.5), points=points, counts=[1, 2], **more
        )

    async def add(name, value, data_type, rank=-1):
        node_id = ua.NodeId(f"Structures.{name}", index)
        node = await folder.add_variable(node_id, name, value, datatype=data_type.nodeid)
        await node.write_attribute(ua.AttributeIds.ValueRank, ua.DataValue(ua.Variant(rank, TYPES.Int32)))

    await add("Point", ua.Point(x=1.5, y=2.5), point)
    await add("Machine", value_of("M1", note="new"), machine)
    await add("Machines", [value_of("M1"), value_of("M2", extra=7.5)], machine, 1)
    choices = ua.Choice()
    choices.text = "chosen"
    await add("Choice", choices, choice)
    await add("State", ua.Variant(2, TYPES.Int32), state)
    numbers = server.get_node(ua.ObjectIds.Int32)
    await add("Matrix", ua.Variant([[1, 2, 3], [4, 5, 6]], TYPES.Int32, Dimensions=[2, 3]), numbers, 2)
    mixed = [ua.Variant(1, TYPES.Int16), ua.Variant("a", TYPES.String), ua.Variant(ua.Point(x=1.0, y=2.0))]
    await add("Mixed", ua.Variant(mixed, TYPES.Variant), server.get_node(ua.ObjectIds.BaseDataType), 1)


async def standard_input():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, default=10, help="ticks per second")
    parser.add_argument("--counters", type=int, default=1, help="number of nodes Counter1, Counter2, ...")
    parser.add_argument("--node", action="append", default=[], help="one more counter of this name")
    parser.add_argument("--before", action="append", default=[], help="a namespace that is registered before ours")
    parser.add_argument("--after", action="append", default=[], help="a namespace that is registered after ours")
    parser.add_argument("--structures", action="store_true", help="nodes of structured types")
    parser.add_argument("--user", help="NAME:PASSWORD; refuses anonymous clients")
    parser.add_argument("--secure", type=Path, help="folder of server.der and server.pem; offers encryption too")
    parser.add_argument("--odd", action="append", default=[], help="NAME[:ARGUMENT] of `odd/`; several times for several")
    arguments = parser.parse_args()
    for specification in arguments.odd:
        registry.choose(specification)
    logging.basicConfig(level=logging.WARNING)

    test = TestServer(arguments)
    await test.start()
    ticking = asyncio.create_task(test.tick())
    print(f"ready opc.tcp://127.0.0.1:{arguments.port}", flush=True)
    lines = await standard_input()
    while line := (await lines.readline()).decode().strip():
        if line == "stop":
            break
        try:
            print(await test.obey(line), flush=True)
        except Exception as error:  # the test on the other end reads what went wrong
            print(f"error {error!r}", flush=True)
    ticking.cancel()
    await test.server.stop()
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
