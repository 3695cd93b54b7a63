//! Answers about Subscriptions and their items.

use opcua::types::{CreateSubscriptionResponse, ExtensionObject, MonitoredItemCreateResult, StatusCode};

use super::message::{skip_extension_object, status};
use crate::opcua::value::reader::{Malformed, Reader};

/// The id, and what was revised; the header is left out.
pub(in crate::opcua) fn created_subscription(reader: &mut Reader<'_>) -> Result<CreateSubscriptionResponse, Malformed> {
    let id = reader.u32()?;
    modified_subscription(id, reader)
}

/// What was revised of the Subscription with this id.
pub(in crate::opcua) fn modified_subscription(
    id: u32,
    reader: &mut Reader<'_>,
) -> Result<CreateSubscriptionResponse, Malformed> {
    Ok(CreateSubscriptionResponse {
        subscription_id: id,
        revised_publishing_interval: reader.f64()?,
        revised_lifetime_count: reader.u32()?,
        revised_max_keep_alive_count: reader.u32()?,
        ..CreateSubscriptionResponse::default()
    })
}

/// What was made of each item; FilterResults are left out.
pub(in crate::opcua) fn created_items(reader: &mut Reader<'_>) -> Result<Vec<MonitoredItemCreateResult>, Malformed> {
    reader.list(|reader| {
        let result = MonitoredItemCreateResult {
            status_code: status(reader)?,
            monitored_item_id: reader.u32()?,
            revised_sampling_interval: reader.f64()?,
            revised_queue_size: reader.u32()?,
            filter_result: ExtensionObject::null(),
        };
        skip_extension_object(reader)?;
        Ok(result)
    })
}

/// Whether each Subscription was transferred; the numbers of its messages are left out.
pub(in crate::opcua) fn transfer_results(reader: &mut Reader<'_>) -> Result<Vec<StatusCode>, Malformed> {
    reader.list(|reader| {
        let result = status(reader)?;
        reader.list(Reader::u32)?;
        Ok(result)
    })
}

#[cfg(test)]
mod tests {
    use opcua::types::{BinaryEncodable, ContextOwned, TransferResult};

    use super::*;

    #[test]
    fn items_are_those_of_the_library() {
        let result = |status_code, id| MonitoredItemCreateResult {
            status_code,
            monitored_item_id: id,
            revised_sampling_interval: 250.0,
            revised_queue_size: 10,
            filter_result: ExtensionObject::null(),
        };
        let results = vec![result(StatusCode::Good, 1), result(StatusCode::BadNodeIdUnknown, 0)];
        let context = ContextOwned::default();
        let bytes = Some(results.clone()).encode_to_vec(&context.context());
        assert_eq!(created_items(&mut Reader::new(&bytes)), Ok(results));
    }

    #[test]
    fn transfers_are_told_apart() {
        let result = |status_code| TransferResult { status_code, available_sequence_numbers: Some(vec![1, 2]) };
        let results = vec![result(StatusCode::Good), result(StatusCode::BadSubscriptionIdInvalid)];
        let context = ContextOwned::default();
        let bytes = Some(results).encode_to_vec(&context.context());
        let read = transfer_results(&mut Reader::new(&bytes));
        assert_eq!(read, Ok(vec![StatusCode::Good, StatusCode::BadSubscriptionIdInvalid]));
    }
}
