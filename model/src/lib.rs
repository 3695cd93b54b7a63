//! Placeholder of the model crate's outside API, replaced by the real one when its branch is merged.
#![expect(missing_docs, reason = "placeholder")]
#[derive(Clone, Debug)]
pub struct ModelSpec {
    pub kind: String,
}
