use super::*;
use crate::opcua::pki::test_support::{Names, Pair, Purpose, authority, certificate, signed_by};

const NOW: i64 = 1_800_000_000;

fn trusted(certificates: &[&Pair]) -> Trusted {
    Trusted { certificates: certificates.iter().map(|pair| pair.certificate.clone()).collect(), issuers: Vec::new() }
}

fn question(pair: &Pair) -> Question<'_> {
    Question {
        certificate: &pair.certificate,
        issuers: &[],
        application_uri: "urn:plc",
        configured_uri: None,
        remembered_uri: None,
        host: "plc",
        key_bits: (2048, 4096),
        now: NOW,
    }
}

fn ask(question: &Question<'_>, trusted: &Trusted) -> Result<Vec<String>, Distrust> {
    judge(question, trusted, Path::new("/pki")).map(|trust| trust.oddities)
}

/// What comes of a certificate that the authority `root` has signed and nobody has trusted itself.
fn of_authority(leaf: &Pair, change: impl FnOnce(&mut Question<'_>)) -> Result<Trust, Distrust> {
    let mut question = question(leaf);
    change(&mut question);
    judge(&question, &trusted(&[&authority("root", None)]), Path::new("/pki"))
}

fn signed(uri: &'static str, hosts: &'static [&'static str]) -> Pair {
    signed_by(&Names { uri, hosts, ..Names::default() }, &authority("root", None))
}

/// A refusal names the certificate and, at its end, the command that trusts it all the same.
fn check(distrust: &Distrust, leaf: &Pair, words: &[&str]) {
    let (sentence, thumbprint) = (distrust.to_string(), &leaf.certificate.thumbprint);
    assert!(sentence.ends_with(&format!("tagwise certs trust {thumbprint} --pki-dir /pki")), "{sentence}");
    assert!(distrust.can_be_trusted(), "{sentence}");
    for word in words.iter().chain(&[thumbprint.as_str()]) {
        assert!(sentence.contains(word), "{word}: {sentence}");
    }
}

#[test]
fn the_very_certificate_is_trusted_and_no_other() {
    let (one, other) = (certificate(&Names::default()), certificate(&Names { uri: "urn:x", ..Names::default() }));
    assert_eq!(ask(&question(&one), &trusted(&[&other, &one])), Ok(Vec::new()));
    let distrust = ask(&question(&one), &trusted(&[&other])).unwrap_err();
    let sentence = distrust.to_string();
    let command = format!("tagwise certs trust {} --pki-dir /pki", one.certificate.thumbprint);
    assert!(matches!(distrust, Distrust::Unknown { .. }) && sentence.ends_with(&command), "{sentence}");
}

#[test]
fn another_certificate_of_a_trusted_application_is_told_apart() {
    let (old, new) = (certificate(&Names::default()), certificate(&Names::default()));
    let distrust = ask(&question(&new), &trusted(&[&old])).unwrap_err();
    assert!(matches!(&distrust, Distrust::Replaced { before, .. } if *before == old.certificate.thumbprint));
    assert!(distrust.to_string().contains("another certificate"), "{distrust}");
}

#[test]
fn an_issuer_only_helps_on_the_way_to_a_trusted_one() {
    let root = authority("root", None);
    let leaf = signed_by(&Names::default(), &root);
    assert!(ask(&question(&leaf), &trusted(&[&root])).is_ok());
    let known = Trusted { certificates: Vec::new(), issuers: vec![root.certificate] };
    assert!(matches!(ask(&question(&leaf), &known), Err(Distrust::Unknown { .. })));
}

#[test]
fn row_3_a_pinned_certificate_is_enough_whatever_it_carries() {
    let root = authority("root", None);
    let names = Names { uri: "urn:x", hosts: &["elsewhere"], purpose: Purpose::Client, ..Names::default() };
    let leaf = signed_by(&names, &root);
    let question = Question { configured_uri: Some("urn:y"), remembered_uri: Some("urn:z"), ..question(&leaf) };
    let trust = judge(&question, &trusted(&[&root, &leaf]), Path::new("/pki")).unwrap();
    for (oddity, word) in trust.oddities.iter().zip(["says it is urn:plc", "application_uri_of_server", "elsewhere"]) {
        assert!(oddity.contains(word), "{word}: {oddity}");
    }
    assert_eq!((trust.oddities.len(), trust.remember), (3, None));
}

#[test]
fn row_4_an_authority_does_not_make_a_client_a_server() {
    for (purpose, word) in
        [(Purpose::Client, "clientAuth"), (Purpose::Unsaid, "no extended key usage"), (Purpose::Any, "2.5.29.37.0")]
    {
        let leaf = signed_by(&Names { purpose, ..Names::default() }, &authority("root", None));
        // Neither the host, nor the application, nor a person's word for the application makes up for it.
        let distrust = of_authority(&leaf, |question| question.configured_uri = Some("urn:plc")).unwrap_err();
        assert!(matches!(distrust, Distrust::NoServer { .. }), "{distrust}");
        check(&distrust, &leaf, &[word, "serverAuth"]);
    }
}

#[test]
fn row_5_the_server_must_be_the_application_that_it_says_it_is() {
    let leaf = signed("urn:plc", &["plc"]);
    let distrust = of_authority(&leaf, |question| question.application_uri = "urn:other").unwrap_err();
    assert!(matches!(distrust, Distrust::WrongApplication { .. }), "{distrust}");
    check(&distrust, &leaf, &["urn:plc", "urn:other"]);
}

#[test]
fn row_6_the_configured_application_is_taken_on_any_host() {
    let configured = |question: &mut Question<'_>| question.configured_uri = Some("urn:plc");
    assert_eq!(of_authority(&signed("urn:plc", &["plc"]), configured), Ok(Trust::default()));
    let trust = of_authority(&signed("urn:plc", &["elsewhere"]), configured).unwrap();
    assert!(trust.oddities[0].contains("elsewhere") && trust.remember.is_none(), "{trust:?}");
}

#[test]
fn row_7_another_than_the_configured_application_is_refused_on_the_same_host_too() {
    for hosts in [&["plc"], &["elsewhere"]] {
        let leaf = signed("urn:plc", hosts);
        let change = |question: &mut Question<'_>| {
            (question.configured_uri, question.remembered_uri) = (Some("urn:wanted"), Some("urn:plc"));
        };
        let distrust = of_authority(&leaf, change).unwrap_err();
        assert!(matches!(distrust, Distrust::OtherApplication { .. }), "{distrust}");
        check(&distrust, &leaf, &["\"urn:plc\"", "\"urn:wanted\"", "`opcua.application_uri_of_server`"]);
    }
}

#[test]
fn row_8_the_host_is_enough_and_its_application_is_remembered() {
    let leaf = signed("urn:plc", &["other", "PLC"]);
    let trust = of_authority(&leaf, |_| {}).unwrap();
    assert_eq!(trust, Trust { oddities: Vec::new(), remember: Some("urn:plc".to_owned()) });
    let again = of_authority(&leaf, |question| question.remembered_uri = Some("urn:plc"));
    assert_eq!(again, Ok(Trust::default()), "it is remembered already");
    let changed = of_authority(&leaf, |question| question.remembered_uri = Some("urn:before")).unwrap();
    assert!(changed.oddities[0].contains("urn:before"), "{changed:?}");
    assert_eq!(changed.remember.as_deref(), Some("urn:plc"));
}

#[test]
fn row_9_the_remembered_application_is_taken_on_another_host() {
    let leaf = signed("urn:plc", &["elsewhere"]);
    let trust = of_authority(&leaf, |question| question.remembered_uri = Some("urn:plc")).unwrap();
    assert!(trust.oddities[0].contains("elsewhere") && trust.remember.is_none(), "{trust:?}");
}

#[test]
fn row_10_a_server_of_another_machine_is_refused() {
    // What it says of itself agrees with its certificate, as an attacker's would.
    for (hosts, shown) in [(&["elsewhere"][..], "on elsewhere"), (&[], "on no host")] {
        let leaf = signed("urn:plc", hosts);
        for (remembered_uri, known) in [(None, "no application is known yet"), (Some("urn:before"), "urn:before")] {
            let distrust = of_authority(&leaf, |question| question.remembered_uri = remembered_uri).unwrap_err();
            assert!(matches!(distrust, Distrust::OtherServer { .. }), "{distrust}");
            let key = "`opcua.application_uri_of_server: \"urn:plc\"`";
            check(&distrust, &leaf, &[shown, known, key, "`opcua.uri` names plc"]);
        }
    }
}

#[test]
fn times_are_compared_with_this_machines_clock() {
    let pair = certificate(&Names::default());
    let at = |now| ask(&Question { now, ..question(&pair) }, &trusted(&[&pair]));
    let early = at(pair.certificate.not_before - 1).unwrap_err();
    assert!(matches!(early, Distrust::NotYetValid { .. }), "{early}");
    assert!(early.to_string().contains(&show_time(pair.certificate.not_before - 1)), "{early}");
    let late = at(pair.certificate.not_after + 1).unwrap_err();
    assert!(matches!(late, Distrust::Expired { .. }), "{late}");
    assert!(at(pair.certificate.not_after).is_ok() && at(pair.certificate.not_before).is_ok());
}

#[test]
fn an_authority_out_of_its_time_is_told_from_one_that_nobody_trusts() {
    let (root, leaf) = (authority("root", None), signed("urn:plc", &["plc"]));
    let Certificate { thumbprint, not_before, not_after, .. } = &root.certificate;
    let at = |now| ask(&Question { now, ..question(&leaf) }, &trusted(&[&root])).unwrap_err();
    let early = at(not_before - 1);
    assert!(matches!(&early, Distrust::AuthorityNotYetValid { thumbprint: one, .. } if one == thumbprint), "{early}");
    assert!(early.to_string().contains("clock") && !early.can_be_trusted(), "{early}");
    let late = at(not_after + 1);
    assert!(matches!(&late, Distrust::AuthorityExpired { thumbprint: one, .. } if one == thumbprint), "{late}");
    let strange = ask(&Question { now: not_after + 1, ..question(&leaf) }, &trusted(&[])).unwrap_err();
    assert!(matches!(strange, Distrust::Unknown { .. }), "{strange}");
}

#[test]
fn a_key_that_the_policy_forbids_is_named() {
    let pair = certificate(&Names::default());
    let short = ask(&Question { key_bits: (3072, 4096), ..question(&pair) }, &trusted(&[&pair]));
    assert!(short.unwrap_err().to_string().contains("2048 bits"));
}

#[test]
fn another_host_is_only_odd() {
    let pair = certificate(&Names { hosts: &["PLC", "10.0.0.7"], is_uri_last: true, ..Names::default() });
    let at = |host| ask(&Question { host, ..question(&pair) }, &trusted(&[&pair])).unwrap();
    assert!(at("plc").is_empty() && at("10.0.0.7").is_empty());
    assert!(at("gateway")[0].contains("gateway"));
}

#[test]
fn the_command_survives_a_shell() {
    assert_eq!(quoted("/etc/tagwise/pki-1"), "/etc/tagwise/pki-1");
    assert_eq!(quoted("/a b/c'd$(x)"), r"'/a b/c'\''d$(x)'");
}
