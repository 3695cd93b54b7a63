//! The kinds of detector that there are, by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{
    ArEnergyKind, AutoencoderKind, CopodKind, DetectorKind, EcodKind, EnsembleKind, EvtKind, EwmaZKind, HbosKind,
    IsolationForestKind, KnnKind, LofKind, MewmaT2Kind, NoveltyKind, OcsvmKind, PcaKind, StuckKind, VarEnergyKind,
};

/// The kinds of detector that models can name. Starts with the builtin ones and takes further ones by
/// [`with`](Self::with).
#[derive(Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<String, Arc<dyn DetectorKind>>,
}

impl Registry {
    /// All kinds that this crate brings.
    pub fn builtin() -> Self {
        Self::default()
            .with(IsolationForestKind)
            .with(KnnKind)
            .with(LofKind)
            .with(OcsvmKind)
            .with(HbosKind)
            .with(EcodKind)
            .with(CopodKind)
            .with(PcaKind)
            .with(AutoencoderKind)
            .with(EwmaZKind)
            .with(MewmaT2Kind)
            .with(ArEnergyKind)
            .with(VarEnergyKind)
            .with(EvtKind)
            .with(NoveltyKind)
            .with(StuckKind)
            .with(EnsembleKind)
    }

    /// Adds a kind. One of the same name is replaced.
    #[must_use]
    pub fn with(mut self, kind: impl DetectorKind + 'static) -> Self {
        self.kinds.insert(kind.name().to_owned(), Arc::new(kind));
        self
    }

    /// The kind of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn DetectorKind>> {
        self.kinds.get(name)
    }

    /// All names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Params, ThresholdSpec};

    #[test]
    fn the_builtin_kinds_are_found_by_name() {
        let registry = Registry::builtin();
        let expected = [
            "ar_energy",
            "autoencoder",
            "copod",
            "ecod",
            "ensemble",
            "evt",
            "ewma_z",
            "hbos",
            "isolation_forest",
            "knn",
            "lof",
            "mewma_t2",
            "novelty",
            "ocsvm",
            "pca",
            "stuck",
            "var_energy",
        ];
        assert_eq!(registry.names().collect::<Vec<_>>(), expected);
        for name in registry.names() {
            assert_eq!(registry.get(name).unwrap().name(), name);
        }
        assert!(registry.get("isolation_florist").is_none());
        assert_eq!(format!("{registry:?}"), format!("{{{}}}", expected.map(|name| format!("{name:?}")).join(", ")));
    }

    #[test]
    fn every_kind_accepts_its_own_defaults_and_documents_itself() {
        let registry = Registry::builtin();
        for kind in registry.kinds.values() {
            let defaults = Params::defaults(kind.parameters());
            assert_eq!(Params::resolve(kind.parameters(), defaults.clone()), Ok(defaults), "{}", kind.name());
            assert_eq!(kind.default_threshold().validate(), Ok(()), "{}", kind.name());
            // It would flag its share of normal rows for ever.
            assert!(!matches!(kind.default_threshold(), ThresholdSpec::Contamination(_)), "{}", kind.name());
            assert!(kind.doc().ends_with('.'), "{}", kind.name());
            for parameter in kind.parameters() {
                assert!(parameter.doc.ends_with('.'), "{}.{}", kind.name(), parameter.name);
            }
        }
    }
}
