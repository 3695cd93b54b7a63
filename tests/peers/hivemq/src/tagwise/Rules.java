package tagwise;

import com.hivemq.extension.sdk.api.ExtensionMain;
import com.hivemq.extension.sdk.api.auth.SimpleAuthenticator;
import com.hivemq.extension.sdk.api.auth.parameter.SimpleAuthInput;
import com.hivemq.extension.sdk.api.auth.parameter.SimpleAuthOutput;
import com.hivemq.extension.sdk.api.client.parameter.ClientTlsInformation;
import com.hivemq.extension.sdk.api.interceptor.publish.parameter.PublishInboundInput;
import com.hivemq.extension.sdk.api.interceptor.publish.parameter.PublishInboundOutput;
import com.hivemq.extension.sdk.api.packets.connect.ConnackReasonCode;
import com.hivemq.extension.sdk.api.packets.connect.ConnectPacket;
import com.hivemq.extension.sdk.api.packets.publish.AckReasonCode;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartOutput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopOutput;
import com.hivemq.extension.sdk.api.services.Services;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/** Who may connect, and which messages get a PUBACK that says no. */
final class Rules implements ExtensionMain {
  private String user;
  private String serverName;
  private final AtomicInteger refusalsLeft = new AtomicInteger();

  /** "name:password" of the only user. */
  void user(String nameAndPassword) {
    user = nameAndPassword;
  }

  /** The name that a client over TLS has to ask for, as HiveMQ Cloud needs it to find the right cluster. */
  void serverName(String name) {
    serverName = name;
  }

  /** How many messages on quota/# are refused before the first is taken. */
  void quota(int refusals) {
    refusalsLeft.set(refusals);
  }

  @Override
  public void extensionStart(ExtensionStartInput input, ExtensionStartOutput output) {
    SimpleAuthenticator authenticator = this::authenticate;
    Services.securityRegistry().setAuthenticatorProvider(client -> authenticator);
    Services.initializerRegistry()
        .setClientInitializer((client, context) -> context.addPublishInboundInterceptor(this::judge));
  }

  @Override
  public void extensionStop(ExtensionStopInput input, ExtensionStopOutput output) {}

  private void authenticate(SimpleAuthInput input, SimpleAuthOutput output) {
    var tls = input.getConnectionInformation().getClientTlsInformation();
    if (serverName != null && tls.isPresent() && !serverName.equals(askedFor(tls))) {
      output.failAuthentication(ConnackReasonCode.USE_ANOTHER_SERVER, "no cluster of the name " + askedFor(tls));
    } else if (user != null && !user.equals(credentials(input.getConnectPacket()))) {
      output.failAuthentication(ConnackReasonCode.BAD_USER_NAME_OR_PASSWORD, "wrong user name or password");
    } else {
      output.authenticateSuccessfully();
    }
  }

  private static String askedFor(Optional<ClientTlsInformation> tls) {
    return tls.flatMap(ClientTlsInformation::getHostname).orElse(null);
  }

  private static String credentials(ConnectPacket packet) {
    var password = packet.getPassword().map(bytes -> StandardCharsets.UTF_8.decode(bytes).toString());
    return packet.getUserName().orElse("") + ":" + password.orElse("");
  }

  private void judge(PublishInboundInput input, PublishInboundOutput output) {
    String topic = input.getPublishPacket().getTopic();
    if (topic.startsWith("forbidden/")) {
      output.preventPublishDelivery(AckReasonCode.NOT_AUTHORIZED, "nobody may publish here");
    } else if (topic.startsWith("quota/") && refusalsLeft.getAndUpdate(left -> Math.max(left - 1, 0)) > 0) {
      output.preventPublishDelivery(AckReasonCode.QUOTA_EXCEEDED, "try again later");
    }
  }
}
