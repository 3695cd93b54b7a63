//! Each spelling with the node id that is meant.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, expected: &str) {
    let found = meant(text).unwrap_or_else(|| panic!("nothing for {text}"));
    assert_eq!(found.address.to_string(), expected, "{text}");
    assert_eq!(found.has_namespace, expected.starts_with("ns"), "{text}");
    assert_eq!(expected.parse().as_ref(), Ok(&found.address), "{text}");
}

#[test]
fn every_spelling_of_other_tools_has_the_node_id_that_is_meant() {
    for text in [
        "2;s=X",
        "ns=2,s=X",
        "ns=2:s=X",
        "ns:2;s:X",
        "ns=2 s=X",
        "NS=2;S=X",
        "Ns = 2 ; s = X",
        "s=X;ns=2",
        "s=X,ns=2",
        " ns=2;s=X",
        "ns=2; s=X",
        "ns=2;X",
        "ns=2;string=X",
        "ns2|s|X",
        "NS2|String|X",
        "2!X",
        "2:X",
        "ns=2;i=X",
        "opcua:ns=2;s=X",
        "nodeId: ns=2;s=X",
        "NodeId=ns=2;s=X",
        "svr=0;ns=2;s=X",
        "\"ns=2;s=X\"",
        "“ns=2;s=X”",
        "`ns=2;s=X`",
        "ns%3D2%3Bs%3DX",
        "ns=2;\u{200b}s=X",
        "ns=2;s=X;datatype=Double",
        r#"{"IdType":1,"Id":"X","Namespace":2}"#,
        r#"{"NodeId":{"IdType":1,"Id":"X","Namespace":2}}"#,
        "NodeId(Identifier='X', NamespaceIndex=2, NodeIdType=<NodeIdType.String: 3>)",
    ] {
        check(text, "ns=2;s=X");
    }
}

#[test]
fn quotes_within_an_identifier_become_straight() {
    for text in [
        "ns=3;“Machine”.“Speed”",
        r#"NS3|String|"Machine"."Speed""#,
        r#"3!"Machine"."Speed""#,
        r#"NS=3;S="Machine"."Speed""#,
        r#""ns=3;s="Machine"."Speed"""#,
        r#"ns=3;s=\"Machine\".\"Speed\""#,
        "ns=3;s=%22Machine%22.%22Speed%22",
        "ns=3;s=&quot;Machine&quot;.&#34;Speed&#34;",
        "ns=3;s=&amp;quot;Machine&amp;quot;.«Speed»",
        r#"s="Machine"."Speed";ns=3"#,
    ] {
        check(text, r#"ns=3;s="Machine"."Speed""#);
    }
}

#[test]
fn numbers_guids_bytes_and_uris_are_recognised() {
    let guid = "ns=2;g=00000000-1111-2222-3333-444444444444";
    check("NS3|Numeric|1004", "ns=3;i=1004");
    check("i=1004;ns=3", "ns=3;i=1004");
    check("ns=3;1004", "ns=3;i=1004");
    check("ns=3;i=\"1004\"", "ns=3;i=1004");
    check("ns=3;i=0x3EC", "ns=3;i=1004");
    check(r#"{"Id":1004,"Namespace":3}"#, "ns=3;i=1004");
    check(r#"{"Id":5,"Namespace":"urn:x"}"#, "nsu=urn:x;i=5");
    check("1023", "i=1023");
    check("ns=2;g={00000000-1111-2222-3333-444444444444}", guid);
    check("ns=2;{00000000-1111-2222-3333-444444444444}", guid);
    check("ns=2;g=00000000111122223333444444444444", guid);
    check("ns=2;b=-_8", "ns=2;b=+/8=");
    check("http://example.org/#i=5", "nsu=http://example.org/;i=5");
    check("nsu=http://example.org/,i=5", "nsu=http://example.org/;i=5");
    check("nsu=http://example.org/ i=5", "nsu=http://example.org/;i=5");
    check("nsu=urn:x:y s=a", "nsu=urn:x:y;s=a");
    check("ns=urn:x;s=a", "nsu=urn:x;s=a");
    check("NSU=urn:x;s=a", "nsu=urn:x;s=a");
    check("nsu=2;s=a", "ns=2;s=a");
    check("s=a;nsu=urn:x", "nsu=urn:x;s=a");
    check("Machine.Speed", "s=Machine.Speed");
}

#[test]
fn where_nothing_can_be_told_nothing_is_said() {
    for text in ["", " ", "ns=3", "ns=x;i=1", "ns=65536;i=1", "nsu=", "nsu=;i=1", "ns=1;i=-1", "ns=1;i=4294967296"] {
        assert_eq!(meant(text), None, "{text}");
    }
    assert_eq!(meant("ns=2;s="), None);
    assert_eq!(meant("ns=2;b=!"), None);
    assert_eq!(meant("svr=1;i=5"), None);
    assert_eq!(meant(&"x".repeat(1001)), None);
}

proptest! {
    #[test]
    fn what_is_meant_is_a_node_id(text in "(ns=|nsu=|NS|[isgb]=|;|,|=|%22|%|&quot;|[{}\"|#!0-9a-f-]|urn:x|.){0,20}") {
        if let Some(meant) = meant(&text) {
            let text = meant.address.to_string();
            prop_assert_eq!(text.parse::<NodeAddress>(), Ok(meant.address));
        }
    }
}
