//! Answers about the address space.

use opcua::types::{
    BrowsePathResult, BrowsePathTarget, BrowseResult, ByteString, NodeClass, ReferenceDescription, UaEnum,
};

use super::message::status;
use crate::opcua::value::{
    attributes::{localized_text, qualified_name},
    reader::{Malformed, Reader},
};

/// Of Browse and of BrowseNext.
pub(in crate::opcua) fn browse_results(reader: &mut Reader<'_>) -> Result<Vec<BrowseResult>, Malformed> {
    reader.list(|reader| {
        Ok(BrowseResult {
            status_code: status(reader)?,
            continuation_point: match reader.byte_string()? {
                None => ByteString::null(),
                Some(bytes) => ByteString::from(bytes.to_vec()),
            },
            references: Some(reader.list(reference)?),
        })
    })
}

pub(in crate::opcua) fn browse_path_results(reader: &mut Reader<'_>) -> Result<Vec<BrowsePathResult>, Malformed> {
    let target = |reader: &mut Reader<'_>| {
        Ok(BrowsePathTarget { target_id: reader.expanded_node_id()?, remaining_path_index: reader.u32()? })
    };
    reader.list(|reader| Ok(BrowsePathResult { status_code: status(reader)?, targets: Some(reader.list(target)?) }))
}

fn reference(reader: &mut Reader<'_>) -> Result<ReferenceDescription, Malformed> {
    Ok(ReferenceDescription {
        reference_type_id: reader.node_id()?,
        is_forward: reader.boolean()?,
        node_id: reader.expanded_node_id()?,
        browse_name: qualified_name(reader)?,
        display_name: localized_text(reader)?,
        node_class: NodeClass::from_repr(reader.i32()?).unwrap_or(NodeClass::Unspecified),
        type_definition: reader.expanded_node_id()?,
    })
}

#[cfg(test)]
mod tests {
    use opcua::types::{BinaryEncodable, ContextOwned, LocalizedText, NodeId, QualifiedName, StatusCode};

    use super::*;

    #[test]
    fn references_are_those_of_the_library() {
        let reference = ReferenceDescription {
            reference_type_id: NodeId::new(0, 47_u32),
            is_forward: true,
            node_id: NodeId::new(3, "Motor").into(),
            browse_name: QualifiedName::new(3, "Motor"),
            display_name: LocalizedText::new("en", "Motor"),
            node_class: NodeClass::Variable,
            type_definition: NodeId::new(0, 63_u32).into(),
        };
        let result = |status_code, references| BrowseResult {
            status_code,
            continuation_point: ByteString::null(),
            references: Some(references),
        };
        let results = vec![result(StatusCode::BadNodeIdUnknown, vec![]), result(StatusCode::Good, vec![reference; 3])];
        let context = ContextOwned::default();
        let bytes = Some(results.clone()).encode_to_vec(&context.context());
        let mut reader = Reader::new(&bytes);
        assert_eq!(browse_results(&mut reader), Ok(results));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn paths_are_those_of_the_library() {
        let target = BrowsePathTarget { target_id: NodeId::new(2, 5_u32).into(), remaining_path_index: u32::MAX };
        let results = vec![BrowsePathResult { status_code: StatusCode::Good, targets: Some(vec![target; 2]) }];
        let context = ContextOwned::default();
        let bytes = Some(results.clone()).encode_to_vec(&context.context());
        assert_eq!(browse_path_results(&mut Reader::new(&bytes)), Ok(results));
    }
}
