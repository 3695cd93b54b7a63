use opcua::types::StatusCode as Code;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// The sentence holds all the words, and says rightly whether a person is needed.
#[track_caller]
fn check(problem: &Problem, words: &[&str], needs_a_person: bool) {
    let sentence = problem.to_string();
    for word in words {
        assert!(sentence.contains(word), "{word:?} in {sentence:?}");
    }
    assert_eq!(problem.needs_a_person(), needs_a_person, "{sentence}");
    assert_eq!(problem.connection().reason(), Some(sentence.as_str()));
}

#[track_caller]
fn check_status(step: Step, status: Code, words: &[&str], needs_a_person: bool) {
    check(&Problem::of_status(step, status, LIMIT), words, needs_a_person);
}

#[test]
fn connection_trouble_names_the_address_and_is_retried() {
    let address = "plc:4840".to_owned();
    check(&Problem::Refused { address: address.clone() }, &["plc:4840", "refuses", "opcua.uri"], false);
    check(&Problem::Unreachable { address }, &["plc:4840", "firewall"], false);
    check(&Problem::UnknownHost { host: "plc".into() }, &["`plc`", "not known"], false);
    check_status(Step::ActivateSession, Code::BadTimeout, &["ActivateSession", "10 s", "request_timeout"], false);
    check_status(Step::Publish, Code::BadConnectionClosed, &["lost", "BadConnectionClosed"], false);
}

#[test]
fn an_address_that_the_server_advertises_is_not_said_to_be_the_mappings() {
    let forged = format!("plc\nERROR forged{}", "x".repeat(5_000));
    let cases = [(Problem::UnknownHost { host: forged.clone() }, false), (Problem::Address { uri: forged }, true)];
    for (problem, needs_a_person) in cases {
        let told = problem.about_advertised();
        check(&told, &["plc\u{fffd}ERROR", "endpoint", "opcua.override_uri"], needs_a_person);
        assert!(told.to_string().len() < 500 && !told.to_string().contains("opcua.uri"));
    }
    let refused = Problem::Refused { address: "plc:4840".into() };
    assert_eq!(refused.clone().about_advertised(), refused);
}

#[test]
fn a_wrong_password_is_said_so_and_needs_a_person() {
    let words = ["user name or password", "opcua.auth"];
    for status in [Code::BadIdentityTokenRejected, Code::BadIdentityTokenInvalid, Code::BadUserAccessDenied] {
        check_status(Step::ActivateSession, status, &words, true);
    }
    check_status(Step::ActivateSession, Code::BadIdentityTokenRejected, &["(BadIdentityTokenRejected)"], true);
}

#[test]
fn security_trouble_needs_a_person() {
    check_status(Step::ActivateSession, Code::BadCertificateUntrusted, &["certificate", "trust"], true);
    check_status(Step::ActivateSession, Code::BadSecurityChecksFailed, &["certificate"], true);
    check_status(Step::Discover, Code::BadSecurityPolicyRejected, &["security policy", "opcua.security"], true);
    let offered = "Basic256Sha256".to_owned();
    check(&Problem::NoPlainEndpoint { offered: offered.clone() }, &["Basic256Sha256", "policy None"], true);
    check(&Problem::NoAnonymous { offered }, &["opcua.auth.basic"], true);
    let refused =
        Problem::of_status(Step::ActivateSession, Code::BadCertificateTimeInvalid, LIMIT).about_certificate("ab12");
    check(&refused, &["ab12", "clock", "BadCertificateTimeInvalid"], true);
    let closed = Problem::of_status(Step::ActivateSession, Code::BadConnectionClosed, LIMIT).about_certificate("ab12");
    check(&closed, &["ab12", "closed", "trust"], false);
    let other = Problem::of_status(Step::ActivateSession, Code::BadTooManySessions, LIMIT).about_certificate("ab12");
    check(&other, &["no session left"], false);
}

#[test]
fn an_open_channel_that_is_ended_is_lost_whatever_the_server_says_of_security() {
    let ended = Problem::closed_by_server(Code::BadSecurityChecksFailed, "");
    check(&ended, &["lost", "the server ended it with BadSecurityChecksFailed"], false);
    assert!(ended.is_of_the_connection());
}

#[test]
fn only_the_end_of_the_connection_speaks_of_our_certificate() {
    let closed = Problem::lost("the server closed it").about_certificate("ab12");
    check(&closed, &["ab12", "the server closed it", "does not trust this client's certificate"], false);
    let wrong = io::Error::new(io::ErrorKind::InvalidData, "a frame of 0 bytes");
    for problem in [Problem::disagreed("its signature is wrong"), Problem::of_stream(&wrong)] {
        let told = problem.clone().about_certificate("ab12");
        assert_eq!(told, problem);
        assert!(told.is_of_the_connection() && !told.to_string().contains("certificate"), "{told}");
    }
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    assert!(matches!(Problem::of_stream(&reset), Problem::Lost { .. }));
}

#[test]
fn a_password_without_a_key_needs_a_person() {
    let reason = "its key has 336 bits".to_owned();
    let words = ["password", "336 bits", "policy: basic256sha256", "clear text"];
    check(&Problem::NoKeyForPassword { reason: reason.clone() }, &words, true);
    let user = Problem::NoKeyForUser { reason };
    check(&user, &["user with a certificate", "336 bits", "policy: basic256sha256"], true);
    assert!(!user.to_string().contains("password"), "{user}");
}

#[test]
fn what_was_not_sent_was_not_answered() {
    let error = ServiceError::NotSent(Code::BadRequestTooLarge);
    let problem = Problem::service(Step::Discover, &error, LIMIT);
    check(&problem, &["GetEndpoints was not sent", "MaxMessageSize", "BadRequestTooLarge"], false);
    let problem = Problem::service(Step::Poll, &ServiceError::NotSent(Code::BadEncodingError), LIMIT);
    check(&problem, &["was not sent", "BadEncodingError"], false);
}

#[test]
fn a_full_server_is_retried() {
    check_status(Step::ActivateSession, Code::BadTooManySessions, &["no session left", "(BadTooManySessions)"], false);
    check_status(Step::CreateSubscription, Code::BadTooManySubscriptions, &["no subscription left"], false);
}

#[test]
fn clocks_that_differ_are_named() {
    check_status(Step::ActivateSession, Code::BadInvalidTimestamp, &["clocks", "NTP"], false);
}

#[test]
fn anything_else_names_service_and_symbol() {
    check_status(Step::CreateItems, Code::BadInternalError, &["CreateMonitoredItems", "BadInternalError"], false);
}

#[test]
fn silence_says_how_long() {
    let silence = Duration::from_millis(15_500);
    check(&Problem::Silent { subscription: 7, silence }, &["subscription 7", "15.5 s"], false);
}
