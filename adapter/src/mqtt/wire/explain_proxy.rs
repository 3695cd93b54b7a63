//! Why an HTTP proxy does not lead to a broker, and which one might.

use std::ffi::OsString;

use super::proxy::ProxyAnswer;
use crate::{
    config::{Proxy, effective::BrokerConfig},
    mqtt::trouble::{Address, Trouble},
};

/// The variables that other programs take their proxy from.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Puts the answer of the proxy at `proxy` into words.
pub(super) fn explain_proxy(proxy: &str, answer: &ProxyAnswer, broker: &BrokerConfig) -> Trouble {
    let address = Address(broker);
    let has_login = broker.proxy.as_ref().and_then(|text| Proxy::parse(text.loaded()).ok()?.login).is_some();
    match answer {
        ProxyAnswer::Status(407, _) if has_login => Trouble::lasting(format!(
            "the proxy {proxy} does not take the user name and password in `broker.proxy` (HTTP 407); correct them (Basic \
             authentication is what it is offered)"
        )),
        ProxyAnswer::Status(407, _) => Trouble::lasting(format!(
            "the proxy {proxy} asks who we are (HTTP 407); write `broker.proxy: http://user:password@{proxy}`"
        )),
        ProxyAnswer::Status(status @ (401 | 403 | 405), words) => Trouble::lasting(format!(
            "the proxy {proxy} does not allow the way to {address} (HTTP {status} {words}); have CONNECT to {} port {} \
             allowed there",
            broker.host, broker.port
        )),
        ProxyAnswer::Status(status @ (502..=504), words) => Trouble::passing(format!(
            "the proxy {proxy} cannot reach {address} (HTTP {status} {words}); is the broker running, and are host and \
             port right?"
        )),
        ProxyAnswer::Status(status, words) => Trouble::lasting(format!(
            "the proxy {proxy} answers CONNECT with HTTP {status} {words}; check host and port of `broker.proxy` and of \
             `url`"
        )),
        ProxyAnswer::NoHttp | ProxyAnswer::TooLong => Trouble::lasting(format!(
            "what listens at {proxy} is no HTTP proxy; correct `broker.proxy` (http:// proxies that know CONNECT are \
             possible)"
        )),
        ProxyAnswer::Closed => Trouble::passing(format!(
            "the proxy {proxy} closed the connection instead of leading to {address}; look at its log"
        )),
        ProxyAnswer::Silence => Trouble::passing(format!(
            "the proxy {proxy} did not answer in time; is it an HTTP proxy, and can it reach {address}?"
        )),
        ProxyAnswer::Io(error) => Trouble::passing(format!("the connection to the proxy {proxy} failed: {error}")),
    }
}

/// What is to be said where the direct way fails and others would take a proxy.
pub(super) fn unused_proxy(broker: &BrokerConfig) -> String {
    unused_of(broker, |name| std::env::var_os(name))
}

fn unused_of(broker: &BrokerConfig, variable: impl Fn(&str) -> Option<OsString>) -> String {
    let is_set = |name: &&&str| variable(name).is_some_and(|value| !value.is_empty());
    match VARIABLES.iter().find(is_set) {
        Some(name) if broker.proxy.is_none() => {
            format!("; `{name}` is set and not used: if this is the only way out, set `broker.proxy`")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn broker(proxy: Option<&str>) -> BrokerConfig {
        BrokerConfig { proxy: proxy.map(Into::into), ..BrokerConfig::plain("edge", "hivemq", 1883) }
    }

    #[track_caller]
    fn check(answer: &ProxyAnswer, expected: &str, needs_person: bool) {
        let trouble = explain_proxy("proxy:3128", answer, &broker(Some("http://joe:s3cret@proxy:3128")));
        assert!(trouble.sentence.contains(expected), "{trouble}");
        assert!(trouble.sentence.contains("proxy:3128"), "{trouble}");
        assert!(!trouble.sentence.contains("s3cret"), "{trouble}");
        assert_eq!(trouble.needs_person, needs_person, "{trouble}");
    }

    #[test]
    fn each_answer_of_a_proxy_says_what_to_change() {
        let status = |status, words: &str| ProxyAnswer::Status(status, words.to_owned());
        check(&status(407, ""), "user name and password in `broker.proxy`", true);
        check(&status(403, "Forbidden"), "have CONNECT to hivemq port 1883 allowed there", true);
        check(&status(502, "Bad Gateway"), "cannot reach mqtt://hivemq:1883 (HTTP 502 Bad Gateway)", false);
        check(&status(400, "Bad Request"), "answers CONNECT with HTTP 400 Bad Request", true);
        check(&ProxyAnswer::NoHttp, "is no HTTP proxy", true);
        check(&ProxyAnswer::TooLong, "is no HTTP proxy", true);
        check(&ProxyAnswer::Closed, "closed the connection instead", false);
        check(&ProxyAnswer::Silence, "did not answer in time", false);
        check(&ProxyAnswer::Io(io::ErrorKind::TimedOut.into()), "failed", false);
        let unknown = explain_proxy("proxy:3128", &status(407, ""), &broker(Some("http://proxy:3128")));
        assert!(unknown.sentence.contains("write `broker.proxy: http://user:password@proxy:3128`"), "{unknown}");
    }

    #[test]
    fn a_proxy_that_others_would_take_is_told_of() {
        let set = |name: &str| (name == "https_proxy").then(|| "http://joe:s3cret@proxy:3128".into());
        let said = unused_of(&broker(None), set);
        assert!(said.contains("`https_proxy` is set and not used") && !said.contains("s3cret"), "{said}");
        assert_eq!(unused_of(&broker(Some("http://proxy:3128")), set), "");
        assert_eq!(unused_of(&broker(None), |_| None), "");
        assert_eq!(unused_of(&broker(None), |_| Some(OsString::new())), "");
    }
}
