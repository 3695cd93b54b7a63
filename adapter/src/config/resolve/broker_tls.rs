//! `tls:` of a broker

use rustls::pki_types::ServerName;

use super::{context::Context, url::ServerUrl};
use crate::config::{
    effective::{ClientCertificate, TlsConfig},
    view::{Text, View},
};

/// What AWS wants to hear of a client that comes with MQTT to the port of HTTPS.
const AWS_PROTOCOL: &str = "x-amzn-mqtt-ca";

/// `tls:` for a broker at `url`, where that could be read.
pub(super) fn tls(section: &View<'_>, url: Option<&ServerUrl<'_>>, context: &mut Context<'_>) -> TlsConfig {
    let section = section.section("tls");
    let server_name =
        section.as_ref().and_then(|tls| tls.text("server_name")).and_then(|text| server_name(text, context));
    let alpn = match &section {
        Some(tls) if tls.has("alpn") => alpn(tls, context),
        _ => default_alpn(url, server_name.as_deref()),
    };
    let Some(tls) = section else { return TlsConfig { alpn, ..TlsConfig::default() } };
    let mut file = |name| {
        tls.text(name).map(|text| {
            let path = context.path(text);
            context.require_file(text, &path);
            path
        })
    };
    let (ca_file, cert_file, key_file) = (file("ca_file"), file("cert_file"), file("key_file"));
    let client = match (cert_file, key_file) {
        (Some(cert_file), Some(key_file)) => Some(ClientCertificate { cert_file, key_file }),
        (None, None) => None,
        (cert_file, _) => {
            let (given, missing) =
                if cert_file.is_some() { ("cert_file", "key_file") } else { ("key_file", "cert_file") };
            if let Some(entry) = tls.entry(given) {
                context
                    .report
                    .error(entry.key_span, format!("`{given}` needs `{missing}` beside it"))
                    .help("a client certificate is a certificate and its private key; give both or none");
            }
            None
        }
    };
    TlsConfig { ca_file, client, server_name, alpn }
}

fn server_name(text: Text<'_>, context: &mut Context<'_>) -> Option<String> {
    const HELP: &str = "write the host name that stands in the certificate, such as `broker.example.com`";
    if ServerName::try_from(text.value).is_err() {
        context.reject(text, "server name", "it is neither a host name nor an address", HELP);
        return None;
    }
    Some(text.value.to_owned())
}

fn alpn(tls: &View<'_>, context: &mut Context<'_>) -> Vec<String> {
    let mut protocols = Vec::new();
    for text in tls.texts("alpn") {
        let is_printable = text.value.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_printable || !(1..=255).contains(&text.value.len()) {
            let help = "write it as the broker's manual has it, such as `alpn: [ x-amzn-mqtt-ca ]`";
            context.reject(text, "application protocol", "it has 1 to 255 letters, digits and signs", help);
        }
        protocols.push(text.value.to_owned());
    }
    protocols
}

/// On its port 443, AWS takes MQTT only from those who ask for it by this name.
fn default_alpn(url: Option<&ServerUrl<'_>>, server_name: Option<&str>) -> Vec<String> {
    let Some(url) = url.filter(|url| url.scheme == "mqtts" && url.port == Some(443)) else { return Vec::new() };
    let host = server_name.unwrap_or(url.host).trim_end_matches('.').to_ascii_lowercase();
    let is_aws = [".amazonaws.com", ".amazonaws.com.cn"].iter().any(|domain| host.ends_with(domain));
    if is_aws { vec![AWS_PROTOCOL.to_owned()] } else { Vec::new() }
}
