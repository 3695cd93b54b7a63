//! `opcua.security:`, `opcua.auth:` and what belongs to them

use super::context::Context;
use crate::config::{
    effective::{MessageSecurityMode, OpcUaAuth, Security, SecurityPolicy},
    view::{Text, View},
};

/// What `opcua.security` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// No security at all.
    Plain,
    /// This and no less.
    Secure(Security),
}

impl Wish {
    pub(super) const fn security(self) -> Option<Security> {
        match self {
            Self::Plain => None,
            Self::Secure(security) => Some(security),
        }
    }
}

/// `opcua.security:`
pub(super) fn security(section: &View<'_>, context: &mut Context<'_>) -> Option<Wish> {
    let section = section.section("security")?;
    let policy = section.choice("policy")?;
    let mode = section.choice("message_security_mode");
    let Some((_, policy)) = SecurityPolicy::ALL.into_iter().find(|(name, _)| *name == policy) else {
        if let (Some(entry), Some("sign" | "sign_and_encrypt")) = (section.entry("message_security_mode"), mode) {
            context
                .report
                .error(entry.value.span, "with `policy: none` nothing can be signed or encrypted")
                .help("write `policy: basic256sha256`, or remove `message_security_mode`");
        }
        return Some(Wish::Plain);
    };
    let entry = section.entry("message_security_mode");
    if let (Some(entry), Some("none")) = (entry, mode) {
        context
            .report
            .error(entry.value.span, "a security policy and `message_security_mode: none` contradict each other")
            .help("write `sign_and_encrypt` or `sign`; without security, write `policy: none`");
        return None;
    }
    if policy.is_deprecated()
        && let Some(entry) = section.entry("policy")
    {
        let message =
            format!("the security policy `{}` is deprecated: its algorithms are no longer safe", policy.as_str());
        context
            .report
            .warning(entry.value.span, message)
            .help("use `basic256sha256` or better where the server has it");
    }
    let mode = if mode == Some("sign") { MessageSecurityMode::Sign } else { MessageSecurityMode::SignAndEncrypt };
    Some(Wish::Secure(Security { policy, mode }))
}

/// `opcua.auth:`
pub(super) fn auth(section: &View<'_>, wish: Option<Wish>, context: &mut Context<'_>) -> Option<OpcUaAuth> {
    let auth = section.section("auth")?;
    let (basic, x509) = (auth.entry("basic"), auth.entry("x509"));
    if let (Some(_), Some(second)) = (basic, x509) {
        context
            .report
            .error(second.key_span, "`basic` and `x509` are two users, and a session has one")
            .help("remove one of them");
        return None;
    }
    if x509.is_some() {
        let section = auth.section("x509")?;
        let mut file = |name| {
            let text = section.text(name)?;
            let path = context.path(text);
            context.require_file(text, &path);
            Some(path)
        };
        let (certificate, private_key) = (file("certificate"), file("private_key"));
        return Some(OpcUaAuth::X509 { certificate: certificate?, private_key: private_key? });
    }
    let Some(entry) = basic else { return Some(OpcUaAuth::Anonymous) };
    let basic = auth.section("basic")?;
    let (username, password) = (basic.text("username")?, basic.text("password")?);
    if wish == Some(Wish::Plain) {
        context
            .report
            .warning(
                entry.key_span,
                "with `security: { policy: none }` this password crosses the network in clear text, or encrypted for a certificate that nobody has checked",
            )
            .help("set a security policy, or use an account of its own for this, with no more rights than it needs");
    }
    let (username, password) = (username.value.to_owned(), password.value.to_owned().into());
    Some(OpcUaAuth::Basic { username, password })
}

/// `opcua.application_uri:`, which has to stand in a certificate.
pub(super) fn application_uri(text: Text<'_>, context: &mut Context<'_>) -> String {
    let uri = text.value;
    let is_valid = uri.contains(':') && uri.len() <= 255 && uri.chars().all(|c| c.is_ascii_graphic());
    if !is_valid {
        let reason = "it needs a scheme such as `urn:` and has only ASCII characters without spaces";
        context.reject(text, "application URI", reason, "write `urn:my-host:tagwise:line1`, or leave it out");
    }
    uri.to_owned()
}

/// `opcua.application_uri_of_server:`, as others have chosen it: not all are URIs.
pub(super) fn application_uri_of_server(text: Text<'_>, context: &mut Context<'_>) -> String {
    let uri = text.value;
    if uri.is_empty() || uri.len() > 255 || uri.chars().any(char::is_control) {
        let reason = "it must have 1 to 255 bytes and no control characters";
        let help = "write it as the server's certificate has it, which `tagwise certs list` shows, or leave it out";
        context.reject(text, "application URI", reason, help);
    }
    uri.to_owned()
}
