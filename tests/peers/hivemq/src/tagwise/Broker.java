package tagwise;

import com.hivemq.configuration.service.InternalConfigurations;
import com.hivemq.embedded.EmbeddedExtension;
import com.hivemq.embedded.EmbeddedHiveMQ;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * HiveMQ Community Edition in a process of its own. It says "ready" once it listens, and ends in order on SIGTERM or at
 * the end of its input, so that it never outlives the test that has started it.
 */
public final class Broker {
  private static final String USAGE = """
      --data FOLDER          takes the configuration and, with --persistence file, what has to survive a restart
      --persistence MODE     file or in-memory
      --port PORT            plain TCP
      --tls-port PORT        TLS; needs --identity
      --websocket-port PORT  WebSocket on the path /mqtt
      --wss-port PORT        WebSocket over TLS; needs --identity
      --identity FOLDER      where server.pem and server.key lie
      --user NAME:PASSWORD   the only user; without it everyone may connect
      --server-name NAME     clients over TLS must ask for this name (SNI)
      --quota NUMBER         how many messages on quota/# are refused before the first is taken""";

  private Broker() {}

  public static void main(String[] arguments) throws Exception {
    var configuration = new Configuration();
    var rules = new Rules();
    Path data = null;
    for (int at = 0; at < arguments.length; at += 2) {
      if (at + 1 == arguments.length) {
        throw new IllegalArgumentException(arguments[at] + " wants a value\n" + USAGE);
      }
      String value = arguments[at + 1];
      switch (arguments[at]) {
        case "--data" -> data = Path.of(value);
        case "--persistence" -> configuration.persistence(value);
        case "--port" -> configuration.listener("tcp-listener", value);
        case "--tls-port" -> configuration.listener("tls-tcp-listener", value);
        case "--websocket-port" -> configuration.listener("websocket-listener", value);
        case "--wss-port" -> configuration.listener("tls-websocket-listener", value);
        case "--identity" -> configuration.identity(Path.of(value));
        case "--user" -> rules.user(value);
        case "--server-name" -> rules.serverName(value);
        case "--quota" -> rules.quota(Integer.parseInt(value));
        default -> throw new IllegalArgumentException("unknown argument " + arguments[at] + "\n" + USAGE);
      }
    }
    if (data == null) {
      throw new IllegalArgumentException("--data is missing\n" + USAGE);
    }
    try {
      start(data, configuration, rules);
    } catch (Exception error) {
      // Threads of a broker that has half started would keep the process alive.
      error.printStackTrace();
      System.exit(1);
    }
    System.out.println("ready");
    while (System.in.read() >= 0) {
      // Nothing is said to it: the end of the input is what it waits for.
    }
    System.exit(0);
  }

  private static void start(Path data, Configuration configuration, Rules rules) throws Exception {
    // It waits two seconds here for work that a busy broker may still have. Ours has none.
    InternalConfigurations.PERSISTENCE_SHUTDOWN_GRACE_PERIOD_MSEC.set(100);
    var extension = EmbeddedExtension.builder()
        .withId("tagwise-rules")
        .withName("Rules of the test")
        .withVersion("0")
        .withAuthor("Tagwise")
        .withExtensionMain(rules)
        .build();
    var broker = EmbeddedHiveMQ.builder()
        .withConfigurationFolder(configuration.write(Files.createDirectories(data.resolve("conf"))))
        .withDataFolder(Files.createDirectories(data.resolve("data")))
        .withExtensionsFolder(Files.createDirectories(data.resolve("extensions")))
        .withEmbeddedExtension(extension)
        .withoutLoggingBootstrap()
        .build();
    broker.start().get();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> broker.stop().join(), "stop"));
  }
}
