//! The parameters of a detector, resolved against its kind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{DetectorSpec, ParamError, ParamValue, Parameter};

/// The parameters of a detector by name. Resolved ones hold every parameter of the kind, each inside its domain.
///
/// A short sorted list: every one of thousands of models holds one, and the smallest map takes ten times the room.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, ParamValue>", into = "BTreeMap<String, ParamValue>")]
pub struct Params(Box<[(String, ParamValue)]>);

impl Params {
    /// Every parameter at its default.
    pub fn defaults(parameters: &[Parameter]) -> Self {
        parameters.iter().map(|parameter| (parameter.name.to_owned(), parameter.default_value())).collect()
    }

    /// Checks the given values and fills in the defaults of the others. Of a name given twice the last value counts.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first thing.
    pub fn resolve(
        parameters: &[Parameter],
        given: impl IntoIterator<Item = (String, ParamValue)>,
    ) -> Result<Self, Vec<ParamError>> {
        let mut resolved = BTreeMap::from(Self::defaults(parameters));
        let mut errors = Vec::new();
        for (name, value) in given {
            let accepted = match parameters.iter().find(|parameter| parameter.name == name) {
                Some(parameter) => parameter.accept(value),
                None => Err(ParamError::Unknown { name: name.clone() }),
            };
            match accepted {
                Ok(value) => drop(resolved.insert(name, value)),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(resolved.into()) } else { Err(errors) }
    }

    /// The value of any parameter.
    pub fn get(&self, name: &str) -> Option<&ParamValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All parameters, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParamValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A whole number.
    ///
    /// # Errors
    /// The parameter is missing or of another type; never after [`resolve`](Self::resolve) with the kind that has it.
    pub fn integer(&self, name: &str) -> Result<i64, ParamError> {
        match self.require(name)? {
            ParamValue::Integer(value) => Ok(*value),
            other => Err(wrong_type(name, "a whole number", other)),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// As for [`integer`](Self::integer).
    pub fn number(&self, name: &str) -> Result<f64, ParamError> {
        match self.require(name)? {
            ParamValue::Number(value) => Ok(*value),
            ParamValue::Integer(value) => Ok(*value as f64),
            other => Err(wrong_type(name, "a number", other)),
        }
    }

    /// A word.
    ///
    /// # Errors
    /// As for [`integer`](Self::integer).
    pub fn text(&self, name: &str) -> Result<&str, ParamError> {
        match self.require(name)? {
            ParamValue::Text(value) => Ok(value),
            other => Err(wrong_type(name, "a word", other)),
        }
    }

    /// Other detectors.
    ///
    /// # Errors
    /// As for [`integer`](Self::integer).
    pub fn detectors(&self, name: &str) -> Result<&[DetectorSpec], ParamError> {
        match self.require(name)? {
            ParamValue::Detectors(members) => Ok(members),
            other => Err(wrong_type(name, "a list of detectors", other)),
        }
    }

    fn require(&self, name: &str) -> Result<&ParamValue, ParamError> {
        self.get(name).ok_or_else(|| ParamError::Missing { name: name.to_owned() })
    }
}

fn wrong_type(name: &str, expected: &'static str, found: &ParamValue) -> ParamError {
    ParamError::WrongType { name: name.to_owned(), expected, found: found.clone() }
}

impl IntoIterator for Params {
    type Item = (String, ParamValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_vec().into_iter()
    }
}

impl FromIterator<(String, ParamValue)> for Params {
    /// Parameters as they are given, not yet resolved; fitting a `ModelSpec` resolves them.
    fn from_iter<I: IntoIterator<Item = (String, ParamValue)>>(given: I) -> Self {
        given.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

impl From<BTreeMap<String, ParamValue>> for Params {
    fn from(map: BTreeMap<String, ParamValue>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl From<Params> for BTreeMap<String, ParamValue> {
    fn from(params: Params) -> Self {
        params.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Domain;

    const PARAMETERS: &[Parameter] = &[
        Parameter { name: "trees", domain: Domain::Integer { min: 1, max: 1000, default: 100 }, doc: "Trees." },
        Parameter {
            name: "smoothing",
            domain: Domain::Number { min: 0.001, max: 1.0, default: 0.25 },
            doc: "Weight of the newest row.",
        },
        Parameter {
            name: "combine",
            domain: Domain::Choice { options: &["mean", "max"], default: "mean" },
            doc: "Combination.",
        },
    ];

    fn resolve(given: &[(&str, ParamValue)]) -> Result<Params, Vec<String>> {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Params::resolve(PARAMETERS, given).map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    fn text(word: &str) -> ParamValue {
        ParamValue::Text(word.to_owned())
    }

    #[test]
    fn what_is_not_given_takes_its_default() {
        let params = resolve(&[("trees", ParamValue::Integer(7))]).unwrap();
        assert_eq!(params.integer("trees"), Ok(7));
        assert_eq!(params.number("smoothing"), Ok(0.25));
        assert_eq!(params.text("combine"), Ok("mean"));
        assert_eq!(serde_json::to_string(&params).unwrap(), r#"{"combine":"mean","smoothing":0.25,"trees":7}"#);
    }

    #[test]
    fn a_whole_number_is_a_number_and_words_come_in_any_case() {
        let params = resolve(&[("smoothing", ParamValue::Integer(1)), ("combine", text("MAX"))]).unwrap();
        assert_eq!(params.number("smoothing"), Ok(1.0));
        assert_eq!(params.text("combine"), Ok("max"));
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let errors = resolve(&[
            ("tress", ParamValue::Integer(7)),
            ("trees", ParamValue::Number(1.5)),
            ("smoothing", ParamValue::Integer(2)),
            ("combine", text("median")),
        ])
        .unwrap_err();
        assert_eq!(
            errors,
            [
                r#"unknown parameter "tress"; remove it or correct its name"#,
                r#"parameter "trees" must be a whole number, not 1.5"#,
                r#"parameter "smoothing" must be from 0.001 to 1, not 2"#,
                r#"parameter "combine" must be one of mean, max, not "median""#,
            ]
        );
    }

    #[test]
    fn nan_is_in_no_range() {
        assert!(resolve(&[("smoothing", ParamValue::Number(f64::NAN))]).is_err());
    }

    #[test]
    fn reading_what_is_not_there_is_an_error_and_not_a_panic() {
        let params = Params::default();
        assert_eq!(params.integer("trees"), Err(ParamError::Missing { name: "trees".to_owned() }));
        assert_eq!(resolve(&[]).unwrap().text("trees").unwrap_err().name(), "trees");
    }

    fn any_value() -> impl Strategy<Value = ParamValue> {
        prop_oneof![
            any::<i64>().prop_map(ParamValue::Integer),
            any::<f64>().prop_map(ParamValue::Number),
            ".{0,8}".prop_map(ParamValue::Text),
            Just(text("max")),
        ]
    }

    proptest! {
        #[test]
        fn resolving_never_panics_and_what_it_takes_resolves_to_itself(
            given in prop::collection::vec((prop_oneof!["trees|smoothing|combine", ".{0,8}"], any_value()), 0..6),
        ) {
            if let Ok(params) = Params::resolve(PARAMETERS, given) {
                prop_assert_eq!(params.iter().count(), PARAMETERS.len());
                prop_assert_eq!(Params::resolve(PARAMETERS, params.clone()), Ok(params));
            }
        }
    }
}
