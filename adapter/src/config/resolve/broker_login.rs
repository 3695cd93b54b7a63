//! Who we are to a broker, and to the proxy before it.

use super::context::Context;
use crate::config::{
    credential::Credential,
    effective::BrokerAuth,
    proxy::Proxy,
    view::{Text, View},
};
use crate::domain::{Codepoint, unsendable};

/// MQTT's length prefix has 16 bits.
const MAX_LENGTH: usize = 65_535;

/// `Some(None)` when there is no `auth`.
#[expect(clippy::option_option, reason = "the outer one is the way out when the form is not as it should be")]
pub(super) fn auth(section: &View<'_>, context: &mut Context<'_>) -> Option<Option<BrokerAuth>> {
    let auth = section.section("auth")?;
    Some(auth.text("username").map(|username| {
        check(username, "user name", context);
        BrokerAuth {
            username: credential(username),
            password: auth.text("password").map_or_else(|| Credential::from(""), credential),
        }
    }))
}

/// `client_id`, or the one that counts without it.
pub(super) fn client_id(section: &View<'_>, default: &str, context: &mut Context<'_>) -> String {
    let Some(text) = section.text("client_id") else { return default.to_owned() };
    if text.value.is_empty() {
        let help = "write what the broker knows this client as, or remove the key";
        context.reject(text, "client id", "it is empty", help);
    }
    check(text, "client id", context);
    text.value.to_owned()
}

/// `proxy`, checked. No message quotes it, since a password may stand anywhere in one with a mistake.
pub(super) fn proxy(section: &View<'_>, context: &mut Context<'_>) -> Option<Credential> {
    let text = section.text("proxy")?;
    if let Err(error) = Proxy::parse(text.value) {
        context.report.error(text.span, format!("this is no proxy: {error}")).help(
            "write `proxy: http://host:3128`, or `http://user:password@host:3128` where the proxy asks who we are",
        );
    }
    Some(credential(text))
}

fn credential(text: Text<'_>) -> Credential {
    Credential::new(text.value, text.scalar.source.clone())
}

/// Reports what MQTT cannot carry. What came of an expression is not shown, but which character is wrong with it is.
fn check(text: Text<'_>, what: &str, context: &mut Context<'_>) {
    if text.value.len() > MAX_LENGTH {
        let reason = format!("it has {} bytes", text.value.len());
        context.reject(text, what, reason, "MQTT carries at most 65535 bytes here");
    } else if let Some(character) = unsendable(text.value) {
        let character = Codepoint(character);
        let reason = format!("the character {character} must not stand in it");
        let help = format!("brokers hang up on control characters and noncharacters; take {character} out");
        context.reject(text, what, reason, &help);
    }
}
