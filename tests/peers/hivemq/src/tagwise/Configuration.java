package tagwise;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** HiveMQ's configuration file, and the key store that its TLS listeners read. */
final class Configuration {
  /** It protects nothing: the key lies beside the store. */
  private static final String PASSWORD = "changeit";

  private final List<String[]> listeners = new ArrayList<>();
  private String persistence = "in-memory";
  private Path identity;

  /** Whether sessions, retained and queued messages survive a restart: "file" or "in-memory". */
  void persistence(String mode) {
    persistence = mode;
  }

  /** Adds a listener on loopback; the kind is the name of its element. */
  void listener(String kind, String port) {
    listeners.add(new String[] {kind, port});
  }

  /** The folder with server.pem and server.key. */
  void identity(Path folder) {
    identity = folder;
  }

  /** Writes all of it into a folder, and returns the folder. */
  Path write(Path folder) throws IOException, GeneralSecurityException {
    Path store = folder.resolve("server.jks");
    if (identity != null) {
      writeStore(store);
    }
    var text = new StringBuilder("<hivemq>\n<listeners>\n");
    for (String[] listener : listeners) {
      text.append(element(listener[0], listener[1], store));
    }
    text.append("</listeners>\n");
    // The scenarios look at what the adapter loses, so the broker must not drop anything for a slow subscriber.
    text.append("<mqtt><queued-messages><max-queue-size>10000000</max-queue-size></queued-messages></mqtt>\n");
    text.append("<persistence><mode>" + persistence + "</mode></persistence>\n");
    text.append("<anonymous-usage-statistics><enabled>false</enabled></anonymous-usage-statistics>\n</hivemq>\n");
    Files.writeString(folder.resolve("config.xml"), text);
    return folder;
  }

  private static String element(String kind, String port, Path store) {
    var text = new StringBuilder("<" + kind + "><port>" + port + "</port><bind-address>127.0.0.1</bind-address>");
    if (kind.contains("websocket")) {
      text.append("<path>/mqtt</path>");
    }
    if (kind.startsWith("tls")) {
      text.append("<tls><keystore><path>" + store + "</path><password>" + PASSWORD + "</password>");
      text.append("<private-key-password>" + PASSWORD + "</private-key-password></keystore></tls>");
    }
    return text.append("</" + kind + ">\n").toString();
  }

  private void writeStore(Path file) throws IOException, GeneralSecurityException {
    var store = KeyStore.getInstance("JKS");
    store.load(null, null);
    store.setKeyEntry("server", key(), PASSWORD.toCharArray(), new Certificate[] {certificate()});
    try (var output = Files.newOutputStream(file)) {
      store.store(output, PASSWORD.toCharArray());
    }
  }

  private Certificate certificate() throws IOException, GeneralSecurityException {
    try (InputStream input = Files.newInputStream(identity.resolve("server.pem"))) {
      return CertificateFactory.getInstance("X.509").generateCertificate(input);
    }
  }

  /** An elliptic curve key in PKCS#8, which is what the harness makes. */
  private PrivateKey key() throws IOException, GeneralSecurityException {
    String pem = Files.readString(identity.resolve("server.key"));
    byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
    return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der));
  }
}
