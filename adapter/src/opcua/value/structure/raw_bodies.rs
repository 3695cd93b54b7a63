//! How the library is kept from choking on structures.
//!
//! Its own loader decodes the structures that it knows straight from the message: one whose body is shorter or longer
//! than the library believes would spoil the whole Publish response behind it. Here each body is first cut out by its
//! length; what then cannot be decoded stays as it is.

use std::io::Read;

use opcua::types::{
    ByteString, Context, DynEncodable, EncodingResult, Error, GeneratedTypeLoader, Identifier, NodeId, ObjectId,
    TypeLoader,
    type_loader::{ByteStringBody, FallbackTypeLoader, TypeLoaderCollection, TypeLoaderPriority},
};

/// What a session decodes structures with. Among loaders of one priority the first comes first, and the library's own has
/// the highest there is; so all of them are put in anew.
pub(in crate::opcua) fn type_loaders() -> TypeLoaderCollection {
    let mut loaders = TypeLoaderCollection::new_empty();
    loaders.add_type_loader(RawBodies);
    loaders.add_type_loader(GeneratedTypeLoader);
    loaders.add_type_loader(FallbackTypeLoader);
    loaders
}

/// Comes before the library's own loader.
struct RawBodies;

/// Bodies are read in steps, so that a length that is not true reserves no memory.
const STEP: usize = 64 * 1024;

impl TypeLoader for RawBodies {
    fn load_from_binary(
        &self,
        encoding: &NodeId,
        stream: &mut dyn Read,
        context: &Context<'_>,
        length: Option<usize>,
    ) -> Option<EncodingResult<Box<dyn DynEncodable>>> {
        if is_notification(encoding) {
            return None;
        }
        Some(load(encoding, stream, context, length?))
    }

    fn priority(&self) -> TypeLoaderPriority {
        TypeLoaderPriority::Core
    }
}

/// The containers of values, which the library decodes without a copy; what is wrong with them is wrong with the message.
fn is_notification(encoding: &NodeId) -> bool {
    const CONTAINERS: [u32; 3] = [
        ObjectId::DataChangeNotification_Encoding_DefaultBinary as u32,
        ObjectId::EventNotificationList_Encoding_DefaultBinary as u32,
        ObjectId::StatusChangeNotification_Encoding_DefaultBinary as u32,
    ];
    encoding.namespace == 0
        && matches!(encoding.identifier, Identifier::Numeric(number) if CONTAINERS.contains(&number))
}

fn load(
    encoding: &NodeId,
    stream: &mut dyn Read,
    context: &Context<'_>,
    length: usize,
) -> EncodingResult<Box<dyn DynEncodable>> {
    let limit = context.options().max_byte_string_length;
    if length > limit {
        return Err(Error::decoding(format!("a structure of {length} bytes is longer than the limit of {limit}")));
    }
    let mut body = Vec::with_capacity(length.min(STEP));
    let count = stream.take(length as u64).read_to_end(&mut body)?;
    if count < length {
        return Err(Error::decoding(format!("a structure of {length} bytes ends after {count}")));
    }
    let mut rest = body.as_slice();
    let known = (encoding.namespace == 0)
        .then(|| GeneratedTypeLoader.load_from_binary(encoding, &mut rest, context, Some(length)))
        .flatten();
    match known {
        Some(Ok(known)) if rest.is_empty() => Ok(known),
        _ => Ok(Box::new(ByteStringBody::new(ByteString::from(body), encoding.clone()))),
    }
}

#[cfg(test)]
mod tests {
    use opcua::types::{
        BinaryDecodable, BinaryEncodable, ContextOwned, DecodingOptions, ExtensionObject, NamespaceMap, Range, Variant,
    };

    use super::*;

    fn context() -> ContextOwned {
        ContextOwned::new(NamespaceMap::new(), type_loaders(), DecodingOptions::default())
    }

    /// Two Variants: a structure with this body, and what comes behind it.
    fn decode(encoding: &NodeId, body: &[u8]) -> (Variant, Variant) {
        let context = context();
        let context = context.context();
        let object = ExtensionObject::new(ByteStringBody::new(ByteString::from(body.to_vec()), encoding.clone()));
        let mut bytes = Vec::new();
        Variant::from(object).encode(&mut bytes, &context).unwrap();
        Variant::from(7_i32).encode(&mut bytes, &context).unwrap();
        let mut rest = bytes.as_slice();
        let first = Variant::decode(&mut rest, &context).unwrap();
        (first, Variant::decode(&mut rest, &context).unwrap())
    }

    fn raw(variant: &Variant) -> Option<&[u8]> {
        let Variant::ExtensionObject(object) = variant else { panic!("no structure: {variant:?}") };
        object.inner_as::<ByteStringBody>().map(|raw| raw.raw_body().as_ref())
    }

    #[test]
    fn a_structure_of_opc_ua_is_the_librarys() {
        let range = ObjectId::Range_Encoding_DefaultBinary.into();
        let (object, behind) = decode(&range, &[0; 16]);
        let Variant::ExtensionObject(object) = object else { panic!("no structure") };
        assert_eq!(object.inner_as::<Range>(), Some(&Range { low: 0.0, high: 0.0 }));
        assert_eq!(behind, Variant::Int32(7));
    }

    #[test]
    fn a_body_that_is_too_short_or_too_long_spoils_nothing_behind_it() {
        let range = ObjectId::Range_Encoding_DefaultBinary.into();
        for length in [1, 15, 17, 100] {
            let (object, behind) = decode(&range, &vec![0; length]);
            assert_eq!((raw(&object).map(<[u8]>::len), behind), (Some(length), Variant::Int32(7)));
        }
    }

    #[test]
    fn an_unknown_structure_stays_as_it_is() {
        for encoding in [NodeId::new(3, "TE_\"Motor\""), NodeId::new(3, 5_u32), NodeId::new(0, "text")] {
            let (object, behind) = decode(&encoding, &[1, 2, 3]);
            assert_eq!((raw(&object), behind), (Some(&[1, 2, 3][..]), Variant::Int32(7)));
        }
    }

    #[test]
    fn a_length_that_is_not_true_is_an_error_and_no_memory() {
        let context = context();
        let mut bytes = vec![0x16, 1, 3, 5, 0, 1];
        bytes.extend(i32::MAX.to_le_bytes());
        assert!(Variant::decode(&mut bytes.as_slice(), &context.context()).is_err());
        bytes.truncate(6);
        bytes.extend(1000_i32.to_le_bytes());
        assert!(Variant::decode(&mut bytes.as_slice(), &context.context()).is_err());
    }
}
