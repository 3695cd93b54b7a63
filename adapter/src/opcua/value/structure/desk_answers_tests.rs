//! What the server says of nodes and types, and what becomes of values that contradict it.

use super::*;
use crate::opcua::value::structure::doubts::DOUBT;

const BYTES: [u8; 3] = [1, 2, 255];

fn by_name() -> Tag {
    let mut tag = tag("t", 3, "x");
    tag.enumeration = EnumerationForm::Name;
    tag
}

fn property(table: &mut Table, number: u32, name: &str, value: impl Into<Variant>) {
    let browse_name = QualifiedName::new(0, name);
    table.properties.push(ReferenceDescription { browse_name, ..reference(id(number)) });
    table.types.insert(id(number), DataValue::value_only(value.into()));
}

/// The one value of a tag that has to wait for an answer.
async fn waited(server: &Table, tag: Tag, variant: Variant) -> TagUpdate {
    let (desk, mut receiver) = desk(vec![tag]);
    assert_eq!(take(&desk, 0, variant), []);
    next(&desk, server, &mut receiver).await.remove(0)
}

#[tokio::test]
async fn the_data_type_decides_on_the_form_of_bytes_whatever_was_sent() {
    let text = || Variant::ByteString(ByteString::from(BYTES.to_vec()));
    let list = || Variant::from(BYTES.to_vec());
    for (data_type, expected) in [(DataTypeId::ByteString, "\"AQL/\""), (DataTypeId::Byte, "[1,2,255]")] {
        let server = Table { data_type: data_type.into(), ..Table::with_types() };
        let (desk, mut receiver) = desk(vec![tag("t", 3, "x")]);
        assert!(!desk.may_pass(TagId(0), &of(text())) && !desk.may_pass(TagId(0), &of(list())));
        assert_eq!(take(&desk, 0, text()), []);
        assert_eq!(json(&next(&desk, &server, &mut receiver).await[0]), expected);
        for sent in [text(), list(), text()] {
            assert_eq!(json(&take(&desk, 0, sent)[0]), expected, "it never changes");
        }
        assert_eq!(server.reads.load(Ordering::Relaxed), 1, "asked once");
    }
    let server = Table { data_type: DataTypeId::BaseDataType.into(), ..Table::with_types() };
    assert_eq!(json(&waited(&server, tag("t", 3, "x"), text()).await), "\"AQL/\"");
    assert_eq!(json(&waited(&server, tag("t", 3, "x"), list()).await), "[1,2,255]");
}

#[tokio::test]
async fn a_node_gives_names_to_its_own_numbers() {
    let text = |text: &str| opcua::types::LocalizedText::new("", text);
    let mut discrete = Table { data_type: DataTypeId::UInteger.into(), ..Table::with_types() };
    property(&mut discrete, 601, "EnumStrings", vec![text("Off"), text("On")]);
    assert_eq!(json(&waited(&discrete, by_name(), Variant::UInt32(1)).await), "\"On\"");
    assert_eq!(json(&waited(&discrete, by_name(), Variant::UInt64(0)).await), "\"Off\"");

    let mut two_state = Table { data_type: DataTypeId::Boolean.into(), ..Table::with_types() };
    property(&mut two_state, 601, "TrueState", Variant::from(text("Open")));
    property(&mut two_state, 602, "FalseState", Variant::from(text("Closed")));
    assert_eq!(json(&waited(&two_state, by_name(), Variant::Boolean(true)).await), "\"Open\"");
    assert_eq!(json(&waited(&two_state, by_name(), Variant::Boolean(false)).await), "\"Closed\"");

    let mut values = Table { data_type: DataTypeId::Int64.into(), ..Table::with_types() };
    let value = |number: i64, name: &str| {
        let value = opcua::types::EnumValueType {
            value: number,
            display_name: text(name),
            ..opcua::types::EnumValueType::default()
        };
        let mut body = Vec::new();
        value.encode(&mut body, &ContextOwned::default().context()).unwrap();
        let encoding = opcua::types::ObjectId::EnumValueType_Encoding_DefaultBinary;
        ExtensionObject::new(ByteStringBody::new(ByteString::from(body), encoding.into()))
    };
    property(&mut values, 601, "EnumValues", vec![value(10, "Ten"), value(20, "Twenty")]);
    assert_eq!(json(&waited(&values, by_name(), Variant::Int64(20)).await), "\"Twenty\"");
}

#[tokio::test]
async fn a_member_of_a_type_that_the_server_lacks_is_not_guessed_at() {
    let mut server = Table::with_types();
    let member = |name: &str, data_type: NodeId| StructureField {
        name: name.into(),
        data_type,
        value_rank: -1,
        ..StructureField::default()
    };
    let fields = vec![member("a", id(999)), member("b", DataTypeId::Byte.into())];
    server.define(40, StructureDefinition { fields: Some(fields), ..StructureDefinition::default() });
    let (desk, mut receiver) = desk(vec![tag("t", 3, "x")]);
    assert_eq!(take(&desk, 0, raw(40 + ENCODING, vec![0, 0, 0, 7])), []);
    let batch = next(&desk, &server, &mut receiver).await;
    assert_eq!((json(&batch[0]).as_str(), batch[0].flags.is_undecoded), ("\"AAAABw==\"", true));
    let known = format!("{:?}", desk.lock().types.known(&id(40 + ENCODING)));
    assert!(known.contains("ns=3;i=999") && known.contains("member `a`"), "{known}");
}

#[tokio::test(start_paused = true)]
async fn a_layout_that_has_changed_is_read_anew_and_no_value_is_lost() {
    let (desk, mut receiver) = desk(vec![tag("t", 3, "x")]);
    let mut server = Table::with_types();
    take(&desk, 0, raw(INNER + ENCODING, vec![5, 0]));
    assert_eq!(json(&next(&desk, &server, &mut receiver).await[0]), "{\"count\":5}");
    let field = StructureField {
        name: "total".into(),
        data_type: DataTypeId::Int32.into(),
        value_rank: -1,
        ..StructureField::default()
    };
    server.define(INNER, StructureDefinition { fields: Some(vec![field]), ..StructureDefinition::default() });
    let other = || raw(INNER + ENCODING, vec![6, 0, 0, 0]);
    assert_eq!(take(&desk, 0, other()), [], "the old type cannot decode it");
    assert_eq!(json(&next(&desk, &server, &mut receiver).await[0]), "{\"total\":6}");
    assert_eq!(json(&take(&desk, 0, other())[0]), "{\"total\":6}");
    // A body that is only malformed asks for it no more often than once a minute.
    let malformed = || raw(INNER + ENCODING, vec![1]);
    assert!(take(&desk, 0, malformed())[0].flags.is_undecoded);
    time::advance(DOUBT).await;
    assert_eq!(take(&desk, 0, malformed()), []);
    assert!(next(&desk, &server, &mut receiver).await[0].flags.is_undecoded);
    assert!(take(&desk, 0, malformed())[0].flags.is_undecoded);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_contradicts_its_type_costs_no_other_type_and_is_asked_for_less_and_less_often() {
    const OTHER: u32 = 40;
    let tags = vec![tag("bad", 3, "x"), tag("other", 3, "y"), by_name(), tag("bytes", 3, "z")];
    let (desk, mut receiver) = desk(tags);
    let mut server = Table::with_types();
    let field = StructureField {
        name: "on".into(),
        data_type: DataTypeId::Byte.into(),
        value_rank: -1,
        ..StructureField::default()
    };
    server.define(OTHER, StructureDefinition { fields: Some(vec![field]), ..StructureDefinition::default() });
    let others = || {
        let bytes = Variant::ByteString(ByteString::from(BYTES.to_vec()));
        [(1, raw(OTHER + ENCODING, vec![1])), (2, Variant::Int32(2)), (3, bytes)]
    };
    take(&desk, 0, raw(INNER + ENCODING, vec![5, 0]));
    next(&desk, &server, &mut receiver).await;
    for (tag, value) in others() {
        assert_eq!(take(&desk, tag, value), []);
        next(&desk, &server, &mut receiver).await;
    }
    let malformed = || raw(INNER + ENCODING, vec![1]);
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(take(&desk, 0, malformed()), [], "before {minutes} min");
        for (tag, value) in others() {
            assert_eq!(take(&desk, tag, value).len(), 1, "{tag} does not wait");
        }
        assert!(next(&desk, &server, &mut receiver).await[0].flags.is_undecoded);
        time::advance((DOUBT * minutes).saturating_sub(Duration::from_secs(1))).await;
        assert!(take(&desk, 0, malformed())[0].flags.is_undecoded, "within {minutes} min");
        time::advance(Duration::from_secs(1)).await;
    }
}
