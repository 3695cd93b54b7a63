//! The JSON Schema of a mapping file, for editors: made of the key tables, as the checks are.

use serde_json::{Map, Value, json};
use tagwise_model::{DetectorKind, Domain, Parameter, Registry};

use super::{
    keys::{Key, Need, ROOT, Section, Shape},
    view::default_scalar,
};

/// Wherever something else than a text is due, `${env:…}` may stand as well.
const EXPRESSION: &str = r"\$\{(env|file):";

/// The JSON Schema (2020-12) of a mapping file. Keys that are planned are not in it.
pub fn schema() -> Value {
    let registry = Registry::builtin();
    let mut root = section(&ROOT, &registry);
    let oneof = json!([{ "required": ["broker"] }, { "required": ["brokers"] }]);
    if let Some(Value::Object(tag)) = root.pointer_mut("/properties/tags/items") {
        tag.insert("oneOf".to_owned(), json!([{ "required": ["node"] }, { "required": ["browse_path"] }]));
    }
    if let Value::Object(root) = &mut root {
        root.insert("oneOf".to_owned(), oneof);
        root.shift_insert(0, "$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.shift_insert(1, "title".to_owned(), json!("Tagwise mapping file"));
    }
    root
}

fn section(section: &Section, registry: &Registry) -> Value {
    let built = || section.keys().filter(|key| key.is_built());
    let properties: Map<String, Value> = built().map(|key| (key.name.to_owned(), property(key, registry))).collect();
    let required: Vec<&str> = built().filter(|key| matches!(key.need, Need::Required(_))).map(|key| key.name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema.insert("additionalProperties".to_owned(), json!(false));
    Value::Object(schema)
}

fn property(key: &Key, registry: &Registry) -> Value {
    let mut schema = Map::new();
    schema.insert("description".to_owned(), json!(key.doc));
    if let Some(default) = default_value(key) {
        schema.insert("default".to_owned(), default);
    }
    if let Value::Object(of_shape) = shape(key.shape, registry) {
        schema.extend(of_shape);
    }
    Value::Object(schema)
}

/// The default with the type that it has in the file.
fn default_value(key: &Key) -> Option<Value> {
    let scalar = default_scalar(key)?;
    let is_number = !scalar.is_quoted && !matches!(key.shape, Shape::Text(_) | Shape::Choice { .. });
    match scalar.text.as_str() {
        "true" => Some(json!(true)),
        "false" => Some(json!(false)),
        text if is_number => Some(text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))),
        text => Some(json!(text)),
    }
}

fn shape(shape: Shape, registry: &Registry) -> Value {
    match shape {
        Shape::Text(_) => json!({ "type": "string" }),
        Shape::Boolean => or_expression(&json!({ "type": "boolean" })),
        Shape::Integer { min, max } => or_expression(&json!({ "type": "integer", "minimum": min, "maximum": max })),
        Shape::Number { .. } => or_expression(&json!({ "type": "number" })),
        Shape::Duration { .. } => or_expression(&json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })),
        Shape::Choice { options } => {
            // Editors offer the words; any case is taken.
            let any_case = format!("^(?i:{})$", options.join("|").replace('.', "\\."));
            json!({ "anyOf": [{ "enum": options }, { "type": "string", "pattern": any_case }, expression()] })
        }
        Shape::AutoOrInteger { min, max } => {
            json!({ "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": min, "maximum": max }, expression()] })
        }
        Shape::NoneOrNumber { min, max } => {
            json!({ "anyOf": [{ "const": "none" }, { "type": "number", "minimum": min, "maximum": max }, expression()] })
        }
        Shape::NoneOrDuration { .. } => {
            json!({ "anyOf": [{ "const": "none" }, { "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" }, expression()] })
        }
        Shape::Size { .. } => or_expression(&json!({ "type": "string", "pattern": "^[0-9]+([KMGT]i)?B$" })),
        Shape::AlwaysOrDuration { .. } => {
            json!({ "anyOf": [{ "const": "always" }, { "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" }, expression()] })
        }
        Shape::Texts => json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }),
        Shape::TextMap => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Shape::Section(inner) => section(inner, registry),
        Shape::NoneOrSection(inner) => {
            json!({ "anyOf": [{ "const": "none" }, section(inner, registry), expression()] })
        }
        Shape::List(inner) => json!({ "type": "array", "items": section(inner, registry) }),
        Shape::Named(inner) => {
            json!({ "type": "object", "minProperties": 1, "additionalProperties": section(inner, registry) })
        }
        Shape::Detector => {
            json!({ "type": "object", "required": ["kind"], "oneOf": detectors(registry, |_| true) })
        }
        Shape::Version => json!({ "const": 1 }),
        Shape::Unread => json!({}),
    }
}

/// The kinds that pass, each with its parameters.
fn detectors(registry: &Registry, is_meant: impl Fn(&dyn DetectorKind) -> bool) -> Vec<Value> {
    let kinds = registry.names().filter_map(|name| registry.get(name)).filter(|kind| is_meant(kind.as_ref()));
    kinds.map(|kind| detector(kind.name(), kind.doc(), kind.parameters(), registry)).collect()
}

/// Detectors that another may be made of: those that are not made of others themselves.
fn members(registry: &Registry) -> Value {
    let is_simple = |kind: &dyn DetectorKind| {
        !kind.parameters().iter().any(|parameter| matches!(parameter.domain, Domain::Detectors { .. }))
    };
    let names: Vec<&str> =
        registry.names().filter(|name| registry.get(name).is_some_and(|kind| is_simple(kind.as_ref()))).collect();
    let spelled_out = json!({ "type": "object", "required": ["kind"], "oneOf": detectors(registry, is_simple) });
    json!({ "type": "array", "minItems": 1, "items": { "anyOf": [{ "enum": names }, spelled_out] } })
}

fn detector(name: &str, doc: &str, parameters: &[Parameter], registry: &Registry) -> Value {
    let mut properties = Map::new();
    properties.insert("kind".to_owned(), json!({ "const": name }));
    for parameter in parameters {
        let (default, domain) = match parameter.domain {
            Domain::Integer { min, max, default } => {
                (json!(default), json!({ "type": "integer", "minimum": min, "maximum": max }))
            }
            Domain::Number { min, max, default } => {
                (json!(default), json!({ "type": "number", "minimum": min, "maximum": max }))
            }
            Domain::Choice { options, default } => (json!(default), json!({ "enum": options })),
            Domain::Detectors { default } => (json!(default), members(registry)),
        };
        let mut property = Map::new();
        property.insert("description".to_owned(), json!(parameter.doc));
        property.insert("default".to_owned(), default);
        if let Value::Object(domain) = or_expression(&domain) {
            property.extend(domain);
        }
        properties.insert(parameter.name.to_owned(), Value::Object(property));
    }
    json!({ "description": doc, "properties": properties, "additionalProperties": false })
}

fn or_expression(schema: &Value) -> Value {
    json!({ "anyOf": [schema, expression()] })
}

fn expression() -> Value {
    json!({ "type": "string", "pattern": EXPRESSION })
}
