//! What is said of a model that is not there.

use crate::rig::Folder;

#[test]
fn a_kind_that_the_mapping_names_directly_is_offered_once() {
    let folder = Folder::new();
    let tag = "tags: [ { name: v, node: 'nsu=urn:x;s=V', topic: a, model: ewma_z } ]";
    let head = "version: 1\nopcua: { uri: opc.tcp://plc, security: { policy: none } }\nbroker: { url: mqtt://edge }";
    folder.write("direct.yaml", &format!("{head}\n{tag}\n"));
    let said = folder.fail("train direct.yaml ewmaz --input none.csv --output o.model");
    assert!(said.contains("no model `ewmaz`; did you mean `ewma_z`?; there are "), "{said}");
    let listed = said.split("there are ").nth(1).unwrap_or_default();
    assert_eq!(listed.split(", ").filter(|name| name.trim() == "ewma_z").count(), 1, "{said}");
}
