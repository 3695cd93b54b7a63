package tagwise;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.eclipse.milo.opcua.sdk.server.EndpointConfig;
import org.eclipse.milo.opcua.sdk.server.OpcUaServer;
import org.eclipse.milo.opcua.sdk.server.OpcUaServerConfig;
import org.eclipse.milo.opcua.sdk.server.identity.AnonymousIdentityValidator;
import org.eclipse.milo.opcua.sdk.server.identity.IdentityValidator;
import org.eclipse.milo.opcua.sdk.server.identity.UsernameIdentityValidator;
import org.eclipse.milo.opcua.stack.core.security.SecurityPolicy;
import org.eclipse.milo.opcua.stack.core.types.builtin.LocalizedText;
import org.eclipse.milo.opcua.stack.core.types.enumerated.MessageSecurityMode;
import org.eclipse.milo.opcua.stack.core.types.enumerated.UserTokenType;
import org.eclipse.milo.opcua.stack.core.types.structured.UserTokenPolicy;
import org.eclipse.milo.opcua.stack.transport.server.tcp.OpcTcpServerTransport;
import org.eclipse.milo.opcua.stack.transport.server.tcp.OpcTcpServerTransportConfig;

/** An OPC UA server that is not ours: Eclipse Milo, with the nodes and the line protocol of ../asyncua_server.py. */
public final class TestServer {
  private int port;
  private double rate = 10;
  private int counters = 1;
  private final List<String> nodes = new ArrayList<>();
  private String user;
  private Path secure;
  private OpcUaServer server;
  private TestNamespace namespace;

  public static void main(String[] arguments) throws Exception {
    var test = new TestServer();
    test.parse(arguments);
    test.start();
    System.out.println("ready opc.tcp://127.0.0.1:" + test.port);
    var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null && !line.strip().equals("stop"); line = input.readLine()) {
      System.out.println(test.answer(line.strip()));
    }
    test.server.shutdown().get(10, TimeUnit.SECONDS);
    System.out.println("done");
    System.exit(0);
  }

  private void parse(String[] arguments) {
    for (int at = 0; at + 1 < arguments.length; at += 2) {
      String value = arguments[at + 1];
      switch (arguments[at]) {
        case "--port" -> port = Integer.parseInt(value);
        case "--rate" -> rate = Double.parseDouble(value);
        case "--counters" -> counters = Integer.parseInt(value);
        case "--node" -> nodes.add(value);
        case "--user" -> user = value;
        case "--secure" -> secure = Path.of(value);
        default -> throw new IllegalArgumentException("unknown argument " + arguments[at]);
      }
    }
  }

  private void start() throws Exception {
    var folder = secure != null ? secure : Files.createTempDirectory("milo");
    var certificate = ServerCertificate.in(folder);
    var config = OpcUaServerConfig.builder()
        .setApplicationName(LocalizedText.english("Tagwise test server"))
        .setApplicationUri(ServerCertificate.APPLICATION_URI)
        .setProductUri("urn:tagwise:test:product")
        .setCertificateManager(certificate.manager())
        .setIdentityValidator(identities())
        .setEndpoints(endpoints(certificate))
        .build();
    server = new OpcUaServer(
        config, profile -> new OpcTcpServerTransport(OpcTcpServerTransportConfig.newBuilder().build()));
    namespace = new TestNamespace(server);
    namespace.startup();
    for (int number = 1; number <= counters; number++) {
      namespace.addCounter("Counter" + number);
    }
    nodes.forEach(namespace::addCounter);
    server.startup().get(30, TimeUnit.SECONDS);
    long period = Math.round(1e9 / rate);
    // At a fixed rate: a late tick is made up for, so that none is left out.
    Executors.newSingleThreadScheduledExecutor(TestServer::daemon)
        .scheduleAtFixedRate(namespace::tick, period, period, TimeUnit.NANOSECONDS);
  }

  private static Thread daemon(Runnable job) {
    var thread = new Thread(job, "ticks");
    thread.setDaemon(true);
    return thread;
  }

  private IdentityValidator identities() {
    if (user == null) {
      return AnonymousIdentityValidator.INSTANCE;
    }
    return new UsernameIdentityValidator(given -> user.equals(given.getUsername() + ":" + given.getPassword()));
  }

  private Set<EndpointConfig> endpoints(ServerCertificate certificate) {
    var plain = endpoint(certificate)
        .addTokenPolicies(token(SecurityPolicy.None))
        .setSecurityPolicy(SecurityPolicy.None)
        .setSecurityMode(MessageSecurityMode.None);
    var endpoints = new LinkedHashSet<EndpointConfig>();
    endpoints.add(plain.build());
    if (secure != null) {
      endpoints.add(endpoint(certificate)
          .addTokenPolicies(token(SecurityPolicy.Basic256Sha256))
          .setSecurityPolicy(SecurityPolicy.Basic256Sha256)
          .setSecurityMode(MessageSecurityMode.SignAndEncrypt)
          .build());
    }
    return endpoints;
  }

  private EndpointConfig.Builder endpoint(ServerCertificate certificate) {
    return EndpointConfig.newBuilder()
        .setBindAddress("127.0.0.1")
        .setBindPort(port)
        .setHostname("127.0.0.1")
        .setCertificate(certificate.certificate());
  }

  /**
   * The password is kept by this policy; in the clear on a channel without security, where Milo tells clients no
   * certificate to encrypt it with.
   */
  private UserTokenPolicy token(SecurityPolicy policy) {
    return user == null
        ? new UserTokenPolicy("anonymous", UserTokenType.Anonymous, null, null, null)
        : new UserTokenPolicy("user-" + policy, UserTokenType.UserName, null, null, policy.getUri());
  }

  /** Carries out one line; the test on the other end reads what went wrong. */
  private String answer(String line) {
    try {
      String[] words = line.split(" ", 3);
      switch (words[0]) {
        case "add-node" -> namespace.addCounter(words[1]);
        case "read" -> {
          return "value " + namespace.read(words[1]);
        }
        case "write" -> namespace.write(words[1], words[2]);
        case "status" -> namespace.setStatus(words[1], words[2]);
        case "sessions" -> {
          return "value " + server.getSessionManager().getAllSessions().size();
        }
        default -> {
          return "error unknown command " + words[0];
        }
      }
      return "done";
    } catch (Exception error) {
      return "error " + String.valueOf(error).replace('\n', ' ');
    }
  }
}
