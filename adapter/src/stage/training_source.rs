//! Where a model's first training comes from when not from live values: a CSV file, or an artefact trained elsewhere.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use tagwise_model::{ArtefactError, Model, Registry, TrainingRows};
use thiserror::Error;

use super::{Instance, trainer::Lesson};
use crate::{
    config::effective::{ModelConfig, Training},
    domain::TagName,
    table::{Table, TableError, TableOptions},
};

/// Why a model cannot learn from what the mapping names.
#[derive(Debug, Error)]
pub enum TrainingSourceError {
    /// The CSV file cannot be trained on.
    #[error("cannot train on `{path}`", path = path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TableError,
    },
    /// The artefact cannot be read.
    #[error("cannot read the model `{path}`", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no model.
    #[error("`{path}` is no model that can be used", path = path.display())]
    Artefact {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ArtefactError,
    },
    /// The model is another one than the mapping says.
    #[error("`{path}` holds {found}, but the mapping says {expected}; correct one of them", path = path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What the mapping says.
        expected: String,
    },
}

/// What has been read so far: many mappings may share one file, and its rows are then held once.
pub(super) struct TrainingSources<'a> {
    registry: &'a Registry,
    tables: HashMap<(PathBuf, Vec<String>), Arc<TrainingRows>>,
    models: HashMap<PathBuf, Arc<Model>>,
}

impl<'a> TrainingSources<'a> {
    pub(super) fn new(registry: &'a Registry) -> Self {
        Self { registry, tables: HashMap::new(), models: HashMap::new() }
    }

    /// What an instance learns from before any value flows; `None` when it learns from live values.
    pub(super) fn lesson(
        &mut self,
        instance: &Instance,
        model: &ModelConfig,
    ) -> Result<Option<Lesson>, TrainingSourceError> {
        match &model.training {
            Training::Samples(_) => Ok(None),
            Training::File { path, time } => {
                let rows = self.table(path, time.as_deref(), instance)?;
                Ok(Some(Lesson::Inputs(rows)))
            }
            Training::Artefact(path) => {
                let trained = self.model(path)?;
                check(path, &trained, instance)?;
                Ok(Some(Lesson::Trained(trained)))
            }
        }
    }

    fn table(
        &mut self,
        path: &Path,
        time: Option<&str>,
        instance: &Instance,
    ) -> Result<Arc<TrainingRows>, TrainingSourceError> {
        let owner = instance.owner().map(|owner| owner.tag.as_str().to_owned());
        let names: Vec<String> = instance.inputs().iter().map(|name| TagName::as_str(name).to_owned()).collect();
        let names = match (owner, names.as_slice()) {
            // A model that mappings share has its values in a column named after it, or `value`.
            (None, [_, others @ ..]) => [&[instance.model().to_owned()], others].concat(),
            _ => names,
        };
        let key = (path.to_owned(), names);
        if let Some(rows) = self.tables.get(&key) {
            return Ok(Arc::clone(rows));
        }
        let failed = |source| TrainingSourceError::Table { path: path.to_owned(), source };
        let file = File::open(path).map_err(|source| failed(TableError::Open(source)))?;
        let options = TableOptions { time: time.map(str::to_owned), ..TableOptions::inputs(key.1.clone()) };
        let rows = Table::read(file, &options, &mut |_| ()).map_err(failed)?.into_rows();
        let rows = Arc::new(rows);
        self.tables.insert(key, Arc::clone(&rows));
        Ok(rows)
    }

    fn model(&mut self, path: &Path) -> Result<Arc<Model>, TrainingSourceError> {
        if let Some(model) = self.models.get(path) {
            return Ok(Arc::clone(model));
        }
        let bytes = read_bounded(path).map_err(|source| TrainingSourceError::Read { path: path.to_owned(), source })?;
        let artefact = |source| TrainingSourceError::Artefact { path: path.to_owned(), source };
        let model = Arc::new(Model::from_artefact(&bytes, self.registry).map_err(artefact)?);
        self.models.insert(path.to_owned(), Arc::clone(&model));
        Ok(model)
    }
}

/// A file that may hold an artefact; one byte more than the largest is read, so that a larger one is noticed and no
/// endless one fills the memory.
pub fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(Model::MAXIMUM_ARTEFACT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check(path: &Path, trained: &Model, instance: &Instance) -> Result<(), TrainingSourceError> {
    let mismatch =
        |found: String, expected: String| Err(TrainingSourceError::Mismatch { path: path.to_owned(), found, expected });
    if trained.kind() != instance.spec().kind {
        return mismatch(format!("a {}", trained.kind()), format!("`kind: {}`", instance.spec().kind));
    }
    let (found, expected) = (trained.inputs(), instance.inputs().len());
    if found != expected {
        return mismatch(format!("a model of {found} inputs"), format!("{expected}"));
    }
    if trained.spec().features != instance.spec().features {
        return mismatch("a model with other features".to_owned(), "these `features`".to_owned());
    }
    Ok(())
}
