package tagwise;

import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import org.eclipse.milo.opcua.stack.core.NodeIds;
import org.eclipse.milo.opcua.stack.core.security.CertificateManager;
import org.eclipse.milo.opcua.stack.core.security.CertificateStore;
import org.eclipse.milo.opcua.stack.core.security.CertificateValidator.InsecureCertificateValidator;
import org.eclipse.milo.opcua.stack.core.security.DefaultApplicationGroup;
import org.eclipse.milo.opcua.stack.core.security.DefaultCertificateManager;
import org.eclipse.milo.opcua.stack.core.security.MemoryCertificateQuarantine;
import org.eclipse.milo.opcua.stack.core.security.MemoryCertificateStore;
import org.eclipse.milo.opcua.stack.core.security.MemoryTrustListManager;
import org.eclipse.milo.opcua.stack.core.security.RsaSha256CertificateFactory;
import org.eclipse.milo.opcua.stack.core.util.SelfSignedCertificateBuilder;
import org.eclipse.milo.opcua.stack.core.util.SelfSignedCertificateGenerator;

/** The server's certificate and key: those of a folder, made there when there are none yet. */
record ServerCertificate(X509Certificate certificate, PrivateKey key) {
  static final String APPLICATION_URI = "urn:tagwise:test:server";

  static ServerCertificate in(Path folder) throws Exception {
    Path certificateFile = folder.resolve("server.der");
    Path keyFile = folder.resolve("server.key");
    if (!Files.exists(keyFile)) {
      KeyPair pair = SelfSignedCertificateGenerator.generateRsaKeyPair(2048);
      Files.createDirectories(folder);
      Files.write(keyFile, pair.getPrivate().getEncoded());
      Files.write(certificateFile, sign(pair).getEncoded());
    }
    var certificate = (X509Certificate) CertificateFactory.getInstance("X.509")
        .generateCertificate(new ByteArrayInputStream(Files.readAllBytes(certificateFile)));
    var key = KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Files.readAllBytes(keyFile)));
    return new ServerCertificate(certificate, key);
  }

  private static X509Certificate sign(KeyPair pair) throws Exception {
    return new SelfSignedCertificateBuilder(pair)
        .setCommonName("Tagwise test server")
        .setApplicationUri(APPLICATION_URI)
        .addDnsName("localhost")
        .addIpAddress("127.0.0.1")
        .build();
  }

  /** Lets in every client. */
  CertificateManager manager() throws Exception {
    var store = new MemoryCertificateStore();
    store.set(
        NodeIds.RsaSha256ApplicationCertificateType,
        new CertificateStore.Entry(key, new X509Certificate[] {certificate}));
    var factory = new RsaSha256CertificateFactory() {
      @Override
      protected X509Certificate[] createRsaSha256CertificateChain(KeyPair pair) {
        throw new IllegalStateException("the store has a certificate");
      }
    };
    var group = DefaultApplicationGroup.createAndInitialize(
        new MemoryTrustListManager(), store, factory, new InsecureCertificateValidator());
    return new DefaultCertificateManager(new MemoryCertificateQuarantine(), group);
  }
}
