//! Tests of `desk`, against a server that is a table.

use std::sync::atomic::AtomicUsize;

use opcua::types::{
    AttributeId, BinaryEncodable, BrowseDirection, ByteString, ContextOwned, DataTypeId, DataValue, EnumDefinition,
    EnumField, ExpandedNodeId, ExtensionObject, QualifiedName, ReferenceDescription, ReferenceTypeId,
    StructureDefinition, StructureField, Variant, type_loader::ByteStringBody,
};

use super::*;
use crate::opcua::service_error::ServiceError as Error;
use crate::{
    domain::{StatusCode, TagValue, Timestamp, UpdateFlags},
    opcua::test_support::tag,
    pipeline::ingress::{IngressReceiver, IngressSender, ingress},
};

#[path = "desk_answers_tests.rs"]
mod answers;

const MOTOR: u32 = 10;
const INNER: u32 = 20;
const STATE: u32 = 30;
/// An encoding id is so much more than the DataType's.
const ENCODING: u32 = 1;

/// Answers from a table, and counts the questions.
struct Table {
    types: HashMap<NodeId, DataValue>,
    /// Of the tags' node.
    data_type: NodeId,
    /// Properties of the tags' node.
    properties: Vec<ReferenceDescription>,
    reads: AtomicUsize,
}

fn id(number: u32) -> NodeId {
    NodeId::new(3, number)
}

fn reference(node: NodeId) -> ReferenceDescription {
    ReferenceDescription { node_id: ExpandedNodeId::new(node), ..ReferenceDescription::default() }
}

impl Table {
    fn with_types() -> Self {
        let (types, properties) = (HashMap::new(), Vec::new());
        let mut table = Self { types, data_type: id(STATE), properties, reads: AtomicUsize::new(0) };
        let field = |name: &str, data_type: NodeId| StructureField {
            name: name.into(),
            data_type,
            value_rank: -1,
            ..StructureField::default()
        };
        let structure = |fields| StructureDefinition { fields: Some(fields), ..StructureDefinition::default() };
        let motor = [("speed", DataTypeId::Float.into()), ("state", id(STATE)), ("inner", id(INNER))];
        table.define(MOTOR, structure(motor.map(|(name, data_type)| field(name, data_type)).into()));
        table.define(INNER, structure(vec![field("count", DataTypeId::Int16.into())]));
        let running = EnumField { value: 2, name: "Running".into(), ..EnumField::default() };
        table.define(STATE, EnumDefinition { fields: Some(vec![running]) });
        table
    }

    fn define(&mut self, number: u32, definition: impl opcua::types::DynEncodable) {
        self.types.insert(id(number), DataValue::value_only(Variant::from(ExtensionObject::new(definition))));
    }
}

impl TypeServer for Table {
    async fn node_of(&self, _: &Tag) -> Option<NodeId> {
        Some(id(500))
    }

    async fn read(&self, attributes: &[(NodeId, AttributeId)]) -> Result<Vec<DataValue>, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let answer = |(node, attribute): &(NodeId, AttributeId)| match attribute {
            AttributeId::DataTypeDefinition => self.types.get(node).cloned().unwrap_or_default(),
            AttributeId::BrowseName => DataValue::value_only(QualifiedName::new(3, format!("T{node}"))),
            AttributeId::DataType => DataValue::value_only(Variant::from(self.data_type.clone())),
            AttributeId::Value => self.types.get(node).cloned().unwrap_or_default(),
            _ => DataValue::default(),
        };
        Ok(attributes.iter().map(answer).collect())
    }

    async fn references(
        &self,
        node: &NodeId,
        kind: ReferenceTypeId,
        direction: BrowseDirection,
    ) -> Result<Vec<ReferenceDescription>, Error> {
        let of = |number: u32| vec![reference(id(number))];
        Ok(match (kind, direction, node.as_u32()) {
            (ReferenceTypeId::HasEncoding, BrowseDirection::Inverse, Some(number)) if number < 100 => {
                of(number - ENCODING)
            }
            (ReferenceTypeId::HasSubtype, BrowseDirection::Inverse, Some(STATE)) => {
                vec![reference(DataTypeId::Enumeration.into())]
            }
            (ReferenceTypeId::HasProperty, BrowseDirection::Forward, Some(500)) => self.properties.clone(),
            _ => Vec::new(),
        })
    }
}

/// A desk that hands on into a queue.
struct Desk {
    structures: Structures,
    sender: IngressSender,
}

impl Desk {
    async fn run<S: TypeServer>(&self, server: &S) -> Infallible {
        let hand_on = |updates| assert_eq!(self.sender.offer(updates), []);
        self.structures.run(server, hand_on).await
    }

    fn end_session(&self) {
        self.sender.offer(self.structures.end_session());
    }

    fn begin_session(&self) {
        self.sender.offer(self.structures.begin_session());
    }
}

impl std::ops::Deref for Desk {
    type Target = Structures;

    fn deref(&self) -> &Structures {
        &self.structures
    }
}

fn desk(tags: Vec<Tag>) -> (Desk, IngressReceiver) {
    let (sender, receiver) = ingress(100_000);
    (Desk { structures: Structures::new(tags.into()), sender }, receiver)
}

fn update(tag: u32) -> TagUpdate {
    TagUpdate {
        tag: TagId(tag),
        value: TagValue::Null,
        status: StatusCode::GOOD,
        source_timestamp: None,
        server_timestamp: None,
        received_at: Timestamp::from_unix_millis(0),
        flags: UpdateFlags::default(),
    }
}

/// A motor with this count in its innermost member.
fn motor(count: i16) -> Variant {
    let mut body = Vec::new();
    let context = ContextOwned::default();
    1.5_f32.encode(&mut body, &context.context()).unwrap();
    2_i32.encode(&mut body, &context.context()).unwrap();
    count.encode(&mut body, &context.context()).unwrap();
    raw(MOTOR + ENCODING, body)
}

fn raw(encoding: u32, body: Vec<u8>) -> Variant {
    ExtensionObject::new(ByteStringBody::new(ByteString::from(body), id(encoding))).into()
}

fn of(variant: Variant) -> RawValue {
    RawValue::of_library(&DataValue::value_only(variant))
}

/// What goes at once.
fn take(desk: &Structures, tag: u32, variant: Variant) -> Vec<TagUpdate> {
    take_raw(desk, tag, of(variant))
}

fn take_raw(desk: &Structures, tag: u32, raw: RawValue) -> Vec<TagUpdate> {
    let mut batch = Vec::new();
    let flags = UpdateFlags { is_lossy_text: raw.is_lossy, ..UpdateFlags::default() };
    desk.take(TagUpdate { flags, ..update(tag) }, raw.value, &mut batch);
    batch
}

/// Lets the desk ask until what waited has come.
async fn next(desk: &Desk, server: &Table, receiver: &mut IngressReceiver) -> Vec<TagUpdate> {
    tokio::select! {
        never = desk.run(server) => match never {},
        batch = receiver.receive() => batch.unwrap(),
    }
}

fn json(update: &TagUpdate) -> String {
    let mut out = Vec::new();
    crate::pipeline::northbound::value_json::write_value(&mut out, &update.value);
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn the_first_values_wait_for_their_type_and_stay_in_order() {
    let (desk, mut receiver) = desk(vec![tag("t", 3, "x"), tag("u", 3, "y")]);
    let server = Table::with_types();
    for count in 1..=3 {
        assert_eq!(take(&desk, 0, motor(count)), []);
    }
    assert_eq!(take(&desk, 0, Variant::Int32(7)), [], "whatever comes behind them waits, too");
    assert!(!desk.may_pass(TagId(0), &of(Variant::Int32(7))));
    assert_eq!(take(&desk, 1, Variant::Int32(8)).len(), 1, "another tag goes on");
    let batch = next(&desk, &server, &mut receiver).await;
    let values: Vec<_> = batch.iter().map(json).collect();
    let motor_json = |count| format!(r#"{{"speed":1.5,"state":2,"inner":{{"count":{count}}}}}"#);
    assert_eq!(values, [motor_json(1), motor_json(2), motor_json(3), "7".to_owned()]);
    assert_eq!(take(&desk, 0, motor(4)).len(), 1, "from now on it is known");
    assert!(desk.may_pass(TagId(0), &of(Variant::Int32(7))));
    assert!(batch.iter().all(|update| !update.flags.is_undecoded));
}

#[tokio::test]
async fn only_the_type_in_use_and_what_it_nests_is_read_and_only_once() {
    let (desk, mut receiver) = desk(vec![tag("t", 3, "x"), tag("u", 3, "y")]);
    let server = Table::with_types();
    take(&desk, 0, motor(1));
    take(&desk, 1, motor(2));
    assert_eq!(next(&desk, &server, &mut receiver).await.len(), 2);
    assert_eq!(server.reads.load(Ordering::Relaxed), 2, "the structure, then its members' types");
}

#[tokio::test]
async fn a_type_that_nobody_defines_is_sent_as_it_is_with_a_flag() {
    let (desk, mut receiver) = desk(vec![tag("t", 3, "x")]);
    let server = Table::with_types();
    assert_eq!(take(&desk, 0, raw(999, vec![0, 1, 255])), []);
    let batch = next(&desk, &server, &mut receiver).await;
    assert_eq!((json(&batch[0]).as_str(), batch[0].flags.is_undecoded), ("\"AAH/\"", true));
    let at_once = take(&desk, 0, raw(999, vec![1]));
    assert!(at_once[0].flags.is_undecoded);
}

#[tokio::test]
async fn a_body_that_is_not_what_its_definition_says_is_sent_as_it_is() {
    let (desk, mut receiver) = desk(vec![tag("t", 3, "x")]);
    let server = Table::with_types();
    take(&desk, 0, raw(MOTOR + ENCODING, vec![1, 2]));
    let batch = next(&desk, &server, &mut receiver).await;
    assert_eq!((json(&batch[0]).as_str(), batch[0].flags.is_undecoded), ("\"AQI=\"", true));
}

#[tokio::test]
async fn the_end_of_the_session_loses_nothing() {
    let (desk, mut receiver) = desk(vec![tag("t", 3, "x")]);
    take(&desk, 0, motor(1));
    take(&desk, 0, motor(2));
    desk.end_session();
    let batch = receiver.receive().await.unwrap();
    assert_eq!((batch.len(), batch[0].flags.is_undecoded), (2, true));
    assert!(desk.may_pass(TagId(0), &of(Variant::Int32(7))));
}

#[tokio::test]
async fn a_new_session_reads_anew() {
    let (desk, mut receiver) = desk(vec![tag("t", 3, "x")]);
    let mut server = Table::with_types();
    take(&desk, 0, motor(1));
    next(&desk, &server, &mut receiver).await;
    desk.begin_session();
    server.types.remove(&id(MOTOR));
    assert_eq!(take(&desk, 0, motor(2)), []);
    assert!(next(&desk, &server, &mut receiver).await[0].flags.is_undecoded);
}

#[tokio::test]
async fn a_question_outlives_the_run_that_was_given_up() {
    struct Silent;
    impl TypeServer for Silent {
        async fn node_of(&self, _: &Tag) -> Option<NodeId> {
            None
        }

        async fn read(&self, _: &[(NodeId, AttributeId)]) -> Result<Vec<DataValue>, Error> {
            std::future::pending().await
        }

        async fn references(
            &self,
            _: &NodeId,
            _: ReferenceTypeId,
            _: BrowseDirection,
        ) -> Result<Vec<ReferenceDescription>, Error> {
            std::future::pending().await
        }
    }
    let (desk, mut receiver) = desk(vec![tag("t", 3, "x")]);
    take(&desk, 0, motor(1));
    assert!(time::timeout(Duration::from_millis(1), desk.run(&Silent)).await.is_err());
    assert!(!next(&desk, &Table::with_types(), &mut receiver).await[0].flags.is_undecoded);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_asked_again() {
    let (desk, mut receiver) = desk(vec![tag("t", 3, "x")]);
    let asking = async {
        loop {
            if take(&desk, 0, motor(3)).first().is_some_and(|update| !update.flags.is_undecoded) {
                return;
            }
            time::sleep(Duration::from_secs(1)).await;
        }
    };
    let flaky = Flaky { table: Table::with_types(), failures: AtomicUsize::new(1) };
    take(&desk, 0, motor(1));
    tokio::select! {
        never = desk.run(&flaky) => match never {},
        () = asking => {}
    }
    assert!(receiver.receive().await.unwrap()[0].flags.is_undecoded, "what came before the answer");
}

/// Fails so many times before it answers.
struct Flaky {
    table: Table,
    failures: AtomicUsize,
}

impl TypeServer for Flaky {
    async fn node_of(&self, _: &Tag) -> Option<NodeId> {
        None
    }

    async fn read(&self, attributes: &[(NodeId, AttributeId)]) -> Result<Vec<DataValue>, Error> {
        self.table.read(attributes).await
    }

    async fn references(
        &self,
        node: &NodeId,
        kind: ReferenceTypeId,
        direction: BrowseDirection,
    ) -> Result<Vec<ReferenceDescription>, Error> {
        let left = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_ok() {
            return Err(Error::Timeout);
        }
        self.table.references(node, kind, direction).await
    }
}

#[tokio::test]
async fn names_of_enumerations_are_read_where_they_are_asked_for() {
    let mut by_name = tag("t", 3, "x");
    by_name.enumeration = EnumerationForm::Name;
    let (desk, mut receiver) = desk(vec![by_name, tag("u", 3, "x")]);
    let server = Table::with_types();
    assert_eq!(take(&desk, 0, Variant::Int32(2)), []);
    assert_eq!(take(&desk, 0, motor(1)), []);
    let mut batch = next(&desk, &server, &mut receiver).await;
    if batch.len() == 1 {
        batch.extend(next(&desk, &server, &mut receiver).await);
    }
    assert_eq!(json(&batch[0]), "\"Running\"");
    assert_eq!(batch[0].value.as_number(), Some(2.0));
    assert_eq!(json(&batch[1]), r#"{"speed":1.5,"state":"Running","inner":{"count":1}}"#);
    assert_eq!(take(&desk, 0, Variant::Int32(9)), [], "a number without a name: it may be new");
    assert_eq!(json(&next(&desk, &server, &mut receiver).await[0]), "9");
    assert_eq!(json(&take(&desk, 0, Variant::Int32(9))[0]), "9", "which is not asked for each value");
    assert_eq!(json(&take(&desk, 1, motor(1))[0]), r#"{"speed":1.5,"state":2,"inner":{"count":1}}"#);
}

#[tokio::test]
async fn a_field_is_picked_and_one_that_is_not_there_is_flagged() {
    let with_field = |field: &str| {
        let mut tag = tag("t", 3, "x");
        tag.field = Some(field.parse().unwrap());
        tag
    };
    let (desk, mut receiver) = desk(vec![with_field("inner.count"), with_field("inner.cuont"), with_field("[1]")]);
    let server = Table::with_types();
    take(&desk, 0, motor(5));
    take(&desk, 1, motor(5));
    let mut batch = next(&desk, &server, &mut receiver).await;
    batch.sort_by_key(|update| update.tag);
    assert_eq!((&batch[0].value, batch[0].flags), (&TagValue::Int16(5), UpdateFlags::default()));
    assert_eq!((&batch[1].value, batch[1].flags.is_missing_field), (&TagValue::Null, true));
    let element = take(&desk, 2, Variant::from(vec![1.5_f64, 2.5]));
    assert_eq!(element[0].value, TagValue::Double(2.5));
    let null = take(&desk, 0, Variant::Empty);
    assert_eq!((&null[0].value, null[0].flags.is_missing_field), (&TagValue::Null, false));
}

/// What is there instead of a value that cannot be read.
fn unreadable(malformed: Malformed) -> RawValue {
    RawValue::unreadable(malformed)
}

#[tokio::test]
async fn what_cannot_be_read_is_null_and_said_once_for_each_tag() {
    let (desk, _receiver) = desk(vec![tag("t", 3, "x"), tag("u", 3, "y")]);
    for _ in 0..2 {
        for id in 0..2 {
            let raw = unreadable(Malformed::Dimensions { elements: 3 });
            assert!(!desk.may_pass(TagId(id), &raw));
            let batch = take_raw(&desk, id, raw);
            assert_eq!((&batch[0].value, batch[0].flags.is_undecoded), (&TagValue::Null, true));
        }
    }
    assert_eq!(desk.lock().reports.0.len(), 2);
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_flagged_and_said_once_for_each_tag() {
    let (desk, _receiver) = desk(vec![tag("t", 3, "x")]);
    for _ in 0..2 {
        let raw = RawValue { is_lossy: true, ..of(Variant::from("T\u{FFFD}R")) };
        assert!(!desk.may_pass(TagId(0), &raw));
        let batch = take_raw(&desk, 0, raw);
        assert_eq!((json(&batch[0]).as_str(), batch[0].flags.is_lossy_text), ("\"T\u{FFFD}R\"", true));
    }
    // Within what is only decoded here: a DataValue that is a value.
    let encoded = [&[23, 1, 12, 3, 0, 0, 0][..], &[b'T', 0xDC, b'R']].concat();
    let batch = take_raw(&desk, 0, RawValue { value: Wire::Encoded(encoded.into()), ..of(Variant::Empty) });
    assert_eq!((json(&batch[0]).as_str(), batch[0].flags.is_lossy_text), ("{\"value\":\"T\u{FFFD}R\"}", true));
    assert_eq!(desk.lock().reports.0.len(), 1);
    assert!(!take(&desk, 0, Variant::from("good"))[0].flags.is_lossy_text);
}

#[tokio::test]
async fn the_type_of_a_structure_without_its_length_is_asked_for_and_then_it_is_read() {
    let (desk, mut receiver) = desk(vec![tag("t", 3, "x"), tag("u", 3, "y")]);
    let Wire::Encoded(encoded) = of(motor(5)).value else { panic!("no structure") };
    let place = encoded.len() - 10 - 4;
    let mut bytes = vec![1];
    bytes.extend_from_slice(&encoded);
    bytes[place + 1..place + 5].fill(0xFF);
    bytes.extend([1, 1, 1]);
    let body = bytes::Bytes::from(bytes);
    let read = || {
        let mut reader = Reader::new(&body).knowing(&*desk);
        let first = RawValue::read(&mut reader, &body)?;
        Ok::<_, Malformed>((first, RawValue::read(&mut reader, &body)?))
    };
    let malformed = read().unwrap_err();
    assert!(matches!(malformed, Malformed::NoLength { .. }), "{malformed}");
    let batch = take_raw(&desk, 0, unreadable(malformed));
    assert_eq!((&batch[0].value, batch[0].flags.is_undecoded), (&TagValue::Null, true));
    // Another tag's value of the type waits for it.
    assert_eq!(take(&desk, 1, motor(1)), []);
    next(&desk, &Table::with_types(), &mut receiver).await;
    let (first, second) = read().unwrap();
    assert_eq!(second, of(Variant::Boolean(true)));
    let batch = take_raw(&desk, 0, first);
    assert_eq!(json(&batch[0]), r#"{"speed":1.5,"state":2,"inner":{"count":5}}"#);
    assert!(!batch[0].flags.is_undecoded);
}
