//! Which detectors of ours stand beside which of PyOD's.

use tagwise_model::{ModelSpec, ParamValue, Registry, ScalerSpec, ThresholdSpec};

use crate::say;

/// A detector of PyOD's, and ours that is to equal it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Name in the reference file.
    pub(crate) reference: &'static str,
    /// As the tables call it.
    pub(crate) title: &'static str,
    kind: &'static str,
    /// Parameters that differ from our defaults.
    own: &'static [(&'static str, Given)],
    /// Whether it draws random numbers, so that only its figures can be compared, over several seeds.
    pub(crate) is_random: bool,
}

/// The value of such a parameter.
#[derive(Clone, Copy, Debug)]
enum Given {
    Word(&'static str),
    Number(f64),
    Integer(i64),
}

impl Given {
    fn value(self) -> ParamValue {
        match self {
            Self::Word(word) => ParamValue::Text(word.to_owned()),
            Self::Number(number) => ParamValue::Number(number),
            Self::Integer(number) => ParamValue::Integer(number),
        }
    }
}

const fn exact(reference: &'static str, kind: &'static str) -> Entry {
    Entry { reference, title: reference, kind, own: &[], is_random: false }
}

const fn random(reference: &'static str) -> Entry {
    Entry { reference, title: reference, kind: reference, own: &[], is_random: true }
}

const fn neighbours(reference: &'static str, title: &'static str, own: &'static [(&'static str, Given)]) -> Entry {
    Entry { reference, title, kind: "knn", own, is_random: false }
}

/// All detectors for tables that PyOD has, too.
pub(crate) const TABULAR: [Entry; 11] = [
    random("isolation_forest"),
    neighbours("knn_largest", "knn, largest", &[("method", Given::Word("largest"))]),
    neighbours("knn_mean", "knn, mean", &[("method", Given::Word("mean"))]),
    neighbours("knn_median", "knn, median", &[("method", Given::Word("median"))]),
    exact("lof", "lof"),
    // PyOD's is asked for the same precision: at libsvm's default two solvers agree to three digits only.
    // And it looks at all rows.
    Entry {
        own: &[("tolerance", Given::Number(1e-9)), ("most_rows", Given::Integer(16_384))],
        ..exact("ocsvm", "ocsvm")
    },
    exact("hbos", "hbos"),
    exact("ecod", "ecod"),
    exact("copod", "copod"),
    exact("pca", "pca"),
    // As many steps of training as PyOD's; the default is at least 500, which is more for small tables.
    Entry { own: &[("minimum_steps", Given::Integer(0))], ..random("autoencoder") },
];

impl Entry {
    /// The bare detector behind a standard scaler, as PyOD's was measured: threshold and guard stay out of the way.
    /// `None` where the kind is not there.
    pub(crate) fn spec(&self, registry: &Registry, seed: u32) -> Option<ModelSpec> {
        let kind = registry.get(self.kind)?;
        let mut own = Vec::new();
        own.extend(self.own.iter().map(|(name, given)| ((*name).to_owned(), given.value())));
        own.extend(self.is_random.then(|| ("seed".to_owned(), ParamValue::Integer(i64::from(seed)))));
        Some(ModelSpec {
            params: own.into_iter().collect(),
            scaler: ScalerSpec::Standard,
            guard: None,
            threshold: ThresholdSpec::Fixed(0.0),
            ..ModelSpec::defaults_of(kind.as_ref())
        })
    }
}

/// The entries whose kind there is. The others are named aloud: a table without them is not whole.
pub(crate) fn registered(registry: &Registry) -> Vec<Entry> {
    let is_there = |entry: &Entry| {
        let is_there = registry.get(entry.kind).is_some();
        if !is_there {
            say(&format!("!!! NO SUCH KIND {:?}: the rows of {:?} are left out", entry.kind, entry.title));
        }
        is_there
    };
    TABULAR.into_iter().filter(is_there).collect()
}
