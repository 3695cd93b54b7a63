// An OPC UA server that is not ours: node-opcua, with the nodes and the line protocol of ../asyncua_server.py.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { parseArgs } = require("node:util");

// The packages stand in an ignored folder, which is named rather than found beside this file.
const modules = path.resolve(process.env.TAGWISE_NODE_MODULES || path.join(__dirname, "node_modules"));
const load = (name) => require(path.join(modules, name));
const { OPCUAServer } = load("node-opcua-server");
const { OPCUACertificateManager } = load("node-opcua-certificate-manager");
const { convertPEMtoDER } = load("node-opcua-crypto");
const { MessageSecurityMode, SecurityPolicy } = load("node-opcua-secure-channel");
const { StatusCodes } = load("node-opcua-status-code");
const { DataType, VariantArrayType } = load("node-opcua-variant");

// Its warnings would come between the answers.
console.log = console.error;

const NAMESPACE = "urn:tagwise:test";

const TYPED = [
  ["Float", DataType.Float, 0.1],
  ["Double", DataType.Double, 0.1],
  ["SByte", DataType.SByte, -128],
  ["Byte", DataType.Byte, 255],
  ["Int16", DataType.Int16, -32768],
  ["UInt16", DataType.UInt16, 65535],
  ["Int32", DataType.Int32, -2147483648],
  ["UInt32", DataType.UInt32, 4294967295],
  ["Int64", DataType.Int64, words(-9007199254740993n)],
  ["UInt64", DataType.UInt64, words(18446744073709551615n)],
  ["String", DataType.String, 'grün "q" \n'],
  ["Boolean", DataType.Boolean, true],
  ["DateTime", DataType.DateTime, new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 123))],
  ["ByteString", DataType.ByteString, Buffer.from([0, 1, 7])],
  ["Guid", DataType.Guid, "72962b91-fa75-4ae6-8d28-b404dc7daf63"],
  ["LocalizedText", DataType.LocalizedText, { locale: "de", text: "Schwingung" }],
  ["QualifiedName", DataType.QualifiedName, { namespaceIndex: 0, name: "Vibration" }],
  ["NaN", DataType.Double, NaN],
  ["Int32Array", DataType.Int32, [1, 2, 3]],
  ["DoubleArray", DataType.Double, [1.5, -2]],
  ["BooleanArray", DataType.Boolean, [true, false]],
  ["StringArray", DataType.String, ["a", "ü"]],
  ["Int32Matrix", DataType.Int32, [[1, 2, 3], [4, 5, 6]]],
];

/** A 64-bit integer as node-opcua has it: the upper and the lower 32 bits. */
function words(number) {
  const bits = BigInt.asUintN(64, number);
  return [Number(bits >> 32n), Number(bits & 0xffffffffn)];
}

/** What a node of this type gets for `value`: its shape is told from the nesting of lists. */
function variant(dataType, value) {
  const is64Bits = dataType === DataType.Int64 || dataType === DataType.UInt64;
  if (!Array.isArray(value) || is64Bits) {
    return { dataType, arrayType: VariantArrayType.Scalar, value };
  }
  if (!Array.isArray(value[0])) {
    return { dataType, arrayType: VariantArrayType.Array, value };
  }
  const dimensions = [value.length, value[0].length];
  return { dataType, arrayType: VariantArrayType.Matrix, dimensions, value: value.flat() };
}

/** A value of the node's own type from the text of a command. */
function parse(dataType, text) {
  switch (dataType) {
    case DataType.Int64:
    case DataType.UInt64:
      // Digits, since a number of JavaScript would round them.
      return words(BigInt(text));
    case DataType.DateTime:
      return new Date(JSON.parse(text));
    case DataType.ByteString:
      return Buffer.from(JSON.parse(text), "base64");
    default:
      return JSON.parse(text);
  }
}

/** The JSON text of what a node has. */
function print({ dataType, arrayType, dimensions, value }) {
  if (arrayType === VariantArrayType.Scalar) {
    return printScalar(dataType, value);
  }
  const list = Array.from(value, (element) => printScalar(dataType, element));
  if (arrayType === VariantArrayType.Array) {
    return `[${list.join(",")}]`;
  }
  const width = dimensions[1];
  const rows = Array.from({ length: dimensions[0] }, (_, row) => list.slice(row * width, (row + 1) * width));
  return `[${rows.map((row) => `[${row.join(",")}]`).join(",")}]`;
}

function printScalar(dataType, value) {
  switch (dataType) {
    case DataType.Int64:
    case DataType.UInt64: {
      const bits = (BigInt(value[0]) << 32n) | BigInt(value[1]);
      return String(dataType === DataType.Int64 ? BigInt.asIntN(64, bits) : bits);
    }
    case DataType.ByteString:
      return JSON.stringify(value.toString("base64"));
    case DataType.Guid:
      return JSON.stringify(value.toLowerCase());
    default:
      return JSON.stringify(value);
  }
}

class TestServer {
  constructor(options) {
    this.options = options;
    this.nodes = new Map();
    this.ticking = new Set();
    this.ticks = 0;
  }

  async start() {
    this.server = new OPCUAServer({ ...(await this.security()), ...this.limits() });
    await this.server.initialize();
    const addressSpace = this.server.engine.addressSpace;
    this.namespace = addressSpace.registerNamespace(NAMESPACE);
    this.folder = this.namespace.addFolder(addressSpace.rootFolder.objects, { browseName: "Types", nodeId: "s=Types" });
    for (const [name, dataType, value] of TYPED) {
      this.add(`Types.${name}`, dataType, value, true);
    }
    this.add("ReadOnly", DataType.Double, 1, false);
    for (let number = 1; number <= Number(this.options.counters); number += 1) {
      this.addCounter(`Counter${number}`);
    }
    this.options.node.forEach((name) => this.addCounter(name));
    await this.server.start();
    const period = 1000 / Number(this.options.rate);
    const begun = performance.now();
    // A late tick is made up for, so that none is left out.
    this.timer = setInterval(() => {
      while (this.ticks < Math.floor((performance.now() - begun) / period)) {
        this.tick();
      }
    }, period / 2);
  }

  limits() {
    return {
      host: "127.0.0.1",
      hostname: "127.0.0.1",
      port: Number(this.options.port),
      disableDiscovery: true,
      serverCapabilities: { maxSessions: 100 },
      maxConnectionsPerEndpoint: 100,
      buildInfo: { productName: "Tagwise test server" },
      // Only the standard's own nodes.
      nodeset_filename: [load("node-opcua-nodesets").nodesets.standard],
    };
  }

  async security() {
    const user = this.options.user;
    const secure = this.options.secure;
    const folder = secure || fs.mkdtempSync(path.join(require("node:os").tmpdir(), "node-opcua-"));
    if (!secure) {
      process.once("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
    }
    const serverCertificateManager = new OPCUACertificateManager({
      rootFolder: path.join(folder, "pki"),
      automaticallyAcceptUnknownCertificate: true,
    });
    await serverCertificateManager.initialize();
    const certificateFile = path.join(folder, "server.pem");
    if (!fs.existsSync(certificateFile)) {
      await serverCertificateManager.createSelfSignedCertificate({
        applicationUri: "urn:tagwise:test:server",
        subject: "/CN=Tagwise test server",
        dns: ["localhost"],
        ip: ["127.0.0.1"],
        startDate: new Date(Date.now() - 3600e3),
        validity: 365,
        outputFile: certificateFile,
      });
    }
    fs.writeFileSync(path.join(folder, "server.der"), convertPEMtoDER(fs.readFileSync(certificateFile, "utf8")));
    return {
      serverCertificateManager,
      userCertificateManager: serverCertificateManager,
      certificateFile,
      privateKeyFile: serverCertificateManager.privateKey,
      serverInfo: { applicationUri: "urn:tagwise:test:server" },
      securityModes: secure
        ? [MessageSecurityMode.None, MessageSecurityMode.SignAndEncrypt]
        : [MessageSecurityMode.None],
      // On a channel without security, node-opcua takes only passwords that are encrypted, and only by these policies.
      securityPolicies: [SecurityPolicy.None, SecurityPolicy.Basic256Sha256],
      allowAnonymous: !user,
      userManager: { isValidUser: (name, password) => `${name}:${password}` === user },
    };
  }

  add(name, dataType, value, isWritable) {
    const initial = variant(dataType, value);
    const rank = { [VariantArrayType.Scalar]: -1, [VariantArrayType.Array]: 1, [VariantArrayType.Matrix]: 2 };
    const variable = this.namespace.addVariable({
      organizedBy: this.folder,
      nodeId: `s=${name}`,
      browseName: name,
      dataType,
      valueRank: rank[initial.arrayType],
      arrayDimensions: initial.dimensions,
      accessLevel: isWritable ? "CurrentRead | CurrentWrite" : "CurrentRead",
      userAccessLevel: isWritable ? "CurrentRead | CurrentWrite" : "CurrentRead",
      // Every change is reported, and not what a timer happens to see.
      minimumSamplingInterval: 0,
    });
    variable.setValueFromSource(initial);
    this.nodes.set(name, { variable, dataType });
    return variable;
  }

  addCounter(name) {
    this.ticking.add(this.add(name, DataType.Double, this.ticks, false));
  }

  tick() {
    this.ticks += 1;
    for (const variable of this.ticking) {
      variable.setValueFromSource(variant(DataType.Double, this.ticks));
    }
  }

  node(name) {
    const node = this.nodes.get(name);
    if (!node) {
      throw new Error(`there is no node ${name}`);
    }
    return node;
  }

  obey(line) {
    const [verb, name, rest] = line.match(/^(\S+) ?(\S*) ?(.*)$/).slice(1);
    switch (verb) {
      case "add-node":
        this.addCounter(name);
        return "done";
      case "read":
        return `value ${print(this.node(name).variable.readValue().value)}`;
      case "write": {
        const { variable, dataType } = this.node(name);
        variable.setValueFromSource(variant(dataType, parse(dataType, rest)));
        return "done";
      }
      case "status": {
        const { variable } = this.node(name);
        this.ticking.delete(variable);
        variable.setValueFromSource(variable.readValue().value, StatusCodes[rest]);
        return "done";
      }
      case "sessions":
        return `value ${this.server.currentSessionCount}`;
      default:
        return `error unknown command ${verb}`;
    }
  }

  async stop() {
    clearInterval(this.timer);
    await this.server.shutdown(10);
  }
}

async function main() {
  const { values: options } = parseArgs({
    options: {
      port: { type: "string" },
      rate: { type: "string", default: "10" },
      counters: { type: "string", default: "1" },
      node: { type: "string", multiple: true, default: [] },
      user: { type: "string" },
      secure: { type: "string" },
    },
  });
  const test = new TestServer(options);
  await test.start();
  process.stdout.write(`ready opc.tcp://127.0.0.1:${options.port}\n`);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line.trim() === "stop") {
      break;
    }
    try {
      process.stdout.write(`${test.obey(line.trim())}\n`);
    } catch (error) {
      // The test on the other end reads what went wrong.
      process.stdout.write(`error ${String(error.message).replaceAll("\n", " ")}\n`);
    }
  }
  await test.stop();
  process.stdout.write("done\n");
  process.exit(0);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
