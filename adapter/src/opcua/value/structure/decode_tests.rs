//! Tests of `decode` and `built_in`: bodies written by the library, read by us.

use opcua::types::{
    Array, BinaryEncodable, ByteString, ContextOwned, DataValue, DateTime, DiagnosticInfo, ExpandedNodeId,
    ExtensionObject, Guid, LocalizedText, QualifiedName, StatusCode as Code, UAString, Variant, VariantScalarTypeId,
    XmlElement, type_loader::ByteStringBody,
};
use proptest::prelude::*;

use super::*;
use crate::opcua::value::reader::Reader;
use crate::{domain::value::StructureShape, opcua::value::variant::from_variant};

const PROBE: u32 = 100;

fn convert(decoder: &mut Decoder<'_>, variant: &Variant) -> Result<TagValue, Stop> {
    decoder.whole(&bytes(&[variant])).map(|(value, _)| value)
}

fn encoding(number: u32) -> NodeId {
    NodeId::new(3, number)
}

fn names() -> Arc<Names> {
    Arc::new(Names::new([(0, "Stopped".into()), (2, "Running".into())]))
}

fn member(kind: Kind) -> Member {
    Member { kind, rank: Rank::Scalar, is_optional: false }
}

/// Types with one structure, whose members are called `a`, `b` and so on.
fn types(layout: Layout, members: Vec<Member>) -> Types {
    let mut types = Types::default();
    add(&mut types, PROBE, layout, members);
    types
}

fn add(types: &mut Types, number: u32, layout: Layout, members: Vec<Member>) -> StructureIndex {
    let index = types.next(0);
    let names = ('a'..='z').take(members.len()).map(|letter| letter.to_string().into()).collect();
    let shape = Arc::new(StructureShape { name: format!("T{number}").into(), members: names });
    types.extend([crate::opcua::value::structure::types::StructureType { shape, layout, members }]);
    types.note(encoding(number), Known::Structure(index));
    index
}

fn object(number: u32, body: &[u8]) -> Variant {
    ExtensionObject::new(ByteStringBody::new(ByteString::from(body.to_vec()), encoding(number))).into()
}

fn bytes(values: &[&dyn Encode]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        value.encode_to(&mut bytes);
    }
    bytes
}

trait Encode {
    fn encode_to(&self, bytes: &mut Vec<u8>);
}

impl<T: BinaryEncodable> Encode for T {
    fn encode_to(&self, bytes: &mut Vec<u8>) {
        self.encode(bytes, &ContextOwned::default().context()).unwrap();
    }
}

/// The members that come out, and the reason where it stays undecoded.
#[track_caller]
fn decode(types: &Types, body: &[u8]) -> Result<Vec<(u16, TagValue)>, String> {
    let mut decoder = Decoder::new(types, true);
    match convert(&mut decoder, &object(PROBE, body)).unwrap() {
        TagValue::Structure(structure) => Ok(structure.members),
        TagValue::Opaque(opaque) => {
            assert_eq!((&*opaque.body, &*opaque.encoding), (body, "ns=3;i=100"));
            Err(decoder.problem.unwrap().reason)
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(layout: Layout, members: Vec<Member>, body: &[u8], expected: Vec<(u16, TagValue)>) {
    let types = types(layout, members);
    assert_eq!(decode(&types, body), Ok(expected));
    for length in 0..body.len() {
        decode(&types, &body[..length]).expect_err("each body that is cut off is found out");
    }
    let mut longer = body.to_vec();
    longer.push(0);
    assert!(decode(&types, &longer).unwrap_err().contains("1 bytes are left"));
}

#[test]
fn every_scalar_type_is_read_as_the_library_reads_it() {
    let node = NodeId::new(3, "\"Machine\".\"Speed\"");
    let expanded = ExpandedNodeId::new_with_namespace("urn:plc", node.identifier.clone());
    let scalars: Vec<Variant> = vec![
        true.into(),
        i8::MIN.into(),
        u8::MAX.into(),
        i16::MIN.into(),
        u16::MAX.into(),
        i32::MIN.into(),
        u32::MAX.into(),
        i64::MIN.into(),
        u64::MAX.into(),
        0.1_f32.into(),
        f64::MIN_POSITIVE.into(),
        UAString::from("ü").into(),
        UAString::null().into(),
        DateTime::from(134_398_709_210_823_571_i64).into(),
        Guid::new().into(),
        ByteString::from(vec![0, 255]).into(),
        ByteString::null().into(),
        Variant::XmlElement(XmlElement::from("<a/>")),
        node.into(),
        expanded.into(),
        Code::BadSensorFailure.into(),
        QualifiedName::new(3, "Speed").into(),
        LocalizedText::new("de", "Drehzahl").into(),
        LocalizedText::null().into(),
    ];
    for scalar in scalars {
        let written = bytes(&[&scalar]);
        let expected = from_variant(scalar.clone()).unwrap();
        let mut reader = Reader::new(&written);
        assert_eq!(Decoder::new(&Types::default(), false).variant(&mut reader), Ok(expected), "{scalar:?}");
        reader.end().unwrap();
        // The type and no Variant in front of it.
        let number = written[0];
        let members = vec![member(Kind::BuiltIn(number))];
        check(Layout::Plain, members, &written[1..], vec![(0, from_variant(scalar).unwrap())]);
    }
}

#[test]
fn members_follow_one_another() {
    let body = bytes(&[&1.5_f32, &UAString::from("m"), &7_i16]);
    check(
        Layout::Plain,
        [10, 12, 4].map(Kind::BuiltIn).map(member).into(),
        &body,
        vec![(0, TagValue::Float(1.5)), (1, TagValue::String("m".into())), (2, TagValue::Int16(7))],
    );
}

#[test]
fn arrays_and_matrices_are_read_with_their_lengths() {
    let list = Member { rank: Rank::List, ..member(Kind::BuiltIn(4)) };
    let expected = ArrayValue::of(vec![TagValue::Int16(1), TagValue::Int16(-2)]);
    let body = bytes(&[&Some(vec![1_i16, -2])]);
    check(Layout::Plain, vec![list.clone()], &body, vec![(0, TagValue::Array(Box::new(expected)))]);
    check(Layout::Plain, vec![list], &bytes(&[&-1_i32]), vec![(0, TagValue::Null)]);

    let matrix = Member { rank: Rank::Matrix, ..member(Kind::BuiltIn(3)) };
    let values = (1..=6).map(TagValue::Byte).collect();
    let expected = ArrayValue { dimensions: vec![2, 3], ..ArrayValue::of(values) };
    let body = bytes(&[&Some(vec![2_i32, 3]), &1_u8, &2_u8, &3_u8, &4_u8, &5_u8, &6_u8]);
    check(Layout::Plain, vec![matrix], &body, vec![(0, TagValue::Array(Box::new(expected)))]);
}

#[test]
fn optional_members_are_there_where_the_mask_says_so() {
    let optional = |number| Member { is_optional: true, ..member(Kind::BuiltIn(number)) };
    let members = vec![optional(3), member(Kind::BuiltIn(4)), optional(12)];
    let body = bytes(&[&2_u32, &7_i16, &UAString::from("x")]);
    check(Layout::Optional, members.clone(), &body, vec![(1, TagValue::Int16(7)), (2, TagValue::String("x".into()))]);
    check(Layout::Optional, members, &bytes(&[&0_u32, &7_i16]), vec![(1, TagValue::Int16(7))]);
}

#[test]
fn a_union_has_one_member_or_none() {
    let members: Vec<Member> = [3, 11].map(Kind::BuiltIn).map(member).into();
    check(Layout::Union, members.clone(), &bytes(&[&2_u32, &0.5_f64]), vec![(1, TagValue::Double(0.5))]);
    check(Layout::Union, members.clone(), &bytes(&[&0_u32]), vec![]);
    let types = types(Layout::Union, members);
    assert!(decode(&types, &bytes(&[&3_u32])).unwrap_err().contains("no member of the union at byte 0"));
}

#[test]
fn enumerations_get_their_name_where_it_is_known() {
    let list = Member { rank: Rank::List, ..member(Kind::Enumeration(names())) };
    let members = vec![member(Kind::Enumeration(names())), list];
    let running = TagValue::Enumeration { number: 2, name: "Running".into() };
    let array = ArrayValue {
        element: Some(DataType::Int32),
        values: vec![TagValue::Enumeration { number: 0, name: "Stopped".into() }, TagValue::Int32(1)],
        dimensions: Vec::new(),
    };
    let body = bytes(&[&2_i32, &Some(vec![0_i32, 1])]);
    check(Layout::Plain, members.clone(), &body, vec![(0, running), (1, TagValue::Array(Box::new(array)))]);
    let types = types(Layout::Plain, members);
    let numbers = convert(&mut Decoder::new(&types, false), &object(PROBE, &body)).unwrap();
    let TagValue::Structure(numbers) = numbers else { panic!("{numbers:?}") };
    assert_eq!(numbers.members[0].1, TagValue::Int32(2));
}

#[test]
fn structures_nest_inline_and_as_extension_objects() {
    let mut types = Types::default();
    let inner = add(&mut types, 7, Layout::Plain, vec![member(Kind::BuiltIn(3))]);
    let list = Member { rank: Rank::List, ..member(Kind::Structure(inner)) };
    add(&mut types, PROBE, Layout::Plain, vec![list, member(Kind::BuiltIn(22)), member(Kind::BuiltIn(24))]);
    let Variant::ExtensionObject(extension) = object(7, &[9]) else { unreachable!() };
    let body = bytes(&[&2_i32, &1_u8, &2_u8, &extension, &object(7, &[5])]);
    let members = decode(&types, &body).unwrap();
    let shape = &types.structure(inner).unwrap().shape;
    let nested = |value| {
        let structure = StructureValue::whole(Arc::clone(shape), vec![TagValue::Byte(value)]);
        TagValue::Structure(Box::new(structure))
    };
    let list = ArrayValue { element: None, values: vec![nested(1), nested(2)], dimensions: Vec::new() };
    assert_eq!(members, [(0, TagValue::Array(Box::new(list))), (1, nested(9)), (2, nested(5))]);
}

#[test]
fn a_structure_of_a_type_that_is_not_known_costs_only_itself() {
    let mut types = types(Layout::Plain, vec![member(Kind::BuiltIn(22)), member(Kind::BuiltIn(3))]);
    let Variant::ExtensionObject(extension) = object(7, &[1, 2]) else { unreachable!() };
    let body = bytes(&[&extension, &5_u8]);
    let mut decoder = Decoder::new(&types, false);
    assert_eq!(convert(&mut decoder, &object(PROBE, &body)), Err(Stop::Missing(encoding(7))));
    types.note(encoding(7), Known::Not("no such type".into()));
    let mut decoder = Decoder::new(&types, false);
    let value = convert(&mut decoder, &object(PROBE, &body)).unwrap();
    assert!(value.has_opaque());
    assert_eq!(decoder.problem.unwrap().reason, "no such type");
    let TagValue::Structure(structure) = value else { panic!("{value:?}") };
    assert_eq!(structure.members[1].1, TagValue::Byte(5));
}

#[test]
fn a_type_that_nests_itself_ends_with_its_bytes() {
    let mut types = Types::default();
    let index = types.next(0);
    let list = Member { rank: Rank::List, ..member(Kind::Structure(index)) };
    add(&mut types, PROBE, Layout::Plain, vec![list]);
    assert!(decode(&types, &bytes(&[&1_i32, &1_i32, &0_i32])).is_ok());
    let endless = bytes(&[&Some(vec![1_i32; 1000])]);
    assert!(decode(&types, &endless[4..]).unwrap_err().contains("nests deeper"));
}

#[test]
fn a_length_that_is_not_true_takes_no_memory() {
    let empty = {
        let mut types = Types::default();
        let index = add(&mut types, 7, Layout::Plain, Vec::new());
        let list = Member { rank: Rank::List, ..member(Kind::Structure(index)) };
        add(&mut types, PROBE, Layout::Plain, vec![list]);
        types
    };
    assert!(decode(&empty, &bytes(&[&i32::MAX])).unwrap_err().contains("more values than are taken"));
    let matrix = Member { rank: Rank::Matrix, ..member(Kind::BuiltIn(3)) };
    let types = types(Layout::Plain, vec![matrix]);
    for dimensions in [vec![i32::MAX; 4], vec![i32::MAX, 2], vec![-1, -1]] {
        let body = bytes(&[&Some(dimensions)]);
        if let Ok(members) = decode(&types, &body) {
            assert!(matches!(&members[0].1, TagValue::Array(array) if array.values.is_empty()));
        }
    }
}

/// A list of structures without members takes no bytes but those of its length.
#[test]
fn structures_that_take_no_bytes_stay_few() {
    let mut types = Types::default();
    let empty = add(&mut types, 7, Layout::Plain, Vec::new());
    let list = Member { rank: Rank::List, is_optional: true, ..member(Kind::Structure(empty)) };
    add(&mut types, PROBE, Layout::Optional, vec![list.clone(), list, member(Kind::BuiltIn(6))]);
    let few = decode(&types, &bytes(&[&3_u32, &7_i32, &40_i32, &1_i32])).unwrap();
    assert!(matches!(&few[1].1, TagValue::Array(array) if array.values.len() == 40));
    for length in [111_302, i32::MAX] {
        let many = bytes(&[&2_u32, &length, &1_i32]);
        assert!(decode(&types, &many).unwrap_err().contains("more values than are taken"));
        // Without its length it is read within the message, and none of it may cost more there.
        let whole = [&many[..], &[0; 1_000]].concat();
        let mut reader = Reader::new(&whole);
        assert_eq!(types.pass(&encoding(PROBE), &mut reader), Some(Err(Malformed::TooMany)));
    }
}

/// A structure around another: that one once, or a list of so many.
type Around = Option<usize>;

/// A structure with nothing or a Boolean in it, and others around it: their types, a body, and how many values it has.
fn nested(is_empty: bool, around: &[Around]) -> (Types, Vec<u8>, usize) {
    let mut types = Types::default();
    let innermost = if is_empty { vec![] } else { vec![member(Kind::BuiltIn(1))] };
    let (mut body, mut values) = (vec![1; innermost.len()], innermost.len());
    let mut index = add(&mut types, 0, Layout::Plain, innermost);
    for (number, around) in (1..).zip(around) {
        let rank = if around.is_some() { Rank::List } else { Rank::Scalar };
        index = add(&mut types, number, Layout::Plain, vec![Member { rank, ..member(Kind::Structure(index)) }]);
        let length = around.unwrap_or(1);
        // No test needs bodies of gigabytes.
        let length = if body.is_empty() { length } else { length % 20 };
        values = (values + 1) * length;
        body = body.repeat(length);
        if around.is_some() {
            body.splice(0..0, i32::try_from(length).unwrap().to_le_bytes());
        }
    }
    types.note(encoding(PROBE), Known::Structure(index));
    (types, body, values)
}

proptest! {
    #[test]
    fn structures_are_read_where_their_bytes_pay_for_them_and_else_take_next_to_nothing(
        is_empty in any::<bool>(),
        around in prop::collection::vec(prop::option::of(prop_oneof![0..20_usize, 0..3_000_000_usize]), 0..5),
    ) {
        let (types, body, values) = nested(is_empty, &around);
        let encoded = bytes(&[&object(PROBE, &body)]);
        let value = Decoder::new(&types, false).whole(&encoded).unwrap().0;
        prop_assert_eq!(!value.has_opaque(), values <= encoded.len() * 4 + 64);
        prop_assert!(value.heap_bytes() <= encoded.len() * 512 + 8_192);
        let passed = types.pass(&encoding(PROBE), &mut Reader::new(&body)).unwrap();
        prop_assert_eq!(passed.is_ok(), values <= body.len() * 4 + 64);
    }
}

#[test]
fn structures_around_a_byte_cost_it_nothing() {
    let mut types = Types::default();
    let inner = add(&mut types, 7, Layout::Plain, vec![member(Kind::BuiltIn(1))]);
    let outer = add(&mut types, 8, Layout::Plain, vec![member(Kind::Structure(inner))]);
    let around = add(&mut types, 9, Layout::Plain, vec![member(Kind::Structure(outer))]);
    let list = Member { rank: Rank::List, ..member(Kind::Structure(around)) };
    add(&mut types, PROBE, Layout::Plain, vec![list]);
    let members = decode(&types, &bytes(&[&Some(vec![true; 100_000])])).unwrap();
    assert!(matches!(&members[0].1, TagValue::Array(array) if array.values.len() == 100_000));
}

#[test]
fn what_a_mask_leaves_out_takes_no_memory() {
    let optional = Member { is_optional: true, ..member(Kind::BuiltIn(11)) };
    let mut members = vec![optional; 25];
    members.push(member(Kind::BuiltIn(3)));
    let types = types(Layout::Optional, members);
    let one = decode(&types, &bytes(&[&0_u32, &7_u8])).unwrap();
    assert_eq!((one.capacity(), one), (1, vec![(25, TagValue::Byte(7))]));
}

#[test]
fn data_values_and_diagnostics_have_members() {
    let mut inner = DataValue::value_only(1.5_f64);
    inner.status = Some(Code::BadSensorFailure);
    inner.source_timestamp = Some(DateTime::from(10_i64));
    inner.source_picoseconds = Some(3);
    let variant = Variant::DataValue(Box::new(inner));
    let value = convert(&mut Decoder::new(&Types::default(), false), &variant).unwrap();
    let TagValue::Structure(structure) = value else { panic!("{value:?}") };
    let named: Vec<_> = structure.iter().map(|(name, _)| name).collect();
    assert_eq!(named, ["value", "statusCode", "sourceTimestamp", "sourcePicoseconds"]);
    assert_eq!(structure.members[0].1, TagValue::Double(1.5));

    let info = DiagnosticInfo { symbolic_id: Some(4), ..DiagnosticInfo::null() };
    let value = convert(&mut Decoder::new(&Types::default(), false), &Variant::from(info)).unwrap();
    let TagValue::Structure(structure) = value else { panic!("{value:?}") };
    assert_eq!(structure.iter().collect::<Vec<_>>(), [("symbolicId", &TagValue::Int32(4))]);
}

#[test]
fn a_mixed_array_with_structures_in_it_is_read_whole() {
    let mut types = types(Layout::Plain, vec![member(Kind::BuiltIn(3))]);
    let wrap = |value: Variant| Variant::Variant(Box::new(value));
    let values = vec![wrap(Variant::Int16(1)), wrap(object(PROBE, &[7])), wrap(Variant::from(vec![1_i32, 2]))];
    let array = Array { value_type: VariantScalarTypeId::Variant, values, dimensions: None };
    let variant = Variant::Array(Box::new(array));
    let value = convert(&mut Decoder::new(&types, false), &variant).unwrap();
    let TagValue::Array(array) = value else { panic!("{value:?}") };
    assert_eq!((array.element, array.values.len(), &array.values[0]), (None, 3, &TagValue::Int16(1)));
    assert!(matches!(array.values[1], TagValue::Structure(_)));
    types.note(encoding(PROBE), Known::Not("gone".into()));
    assert!(convert(&mut Decoder::new(&types, false), &variant).unwrap().has_opaque());
}
