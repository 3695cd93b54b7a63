//! What a kind of detector says about itself: its name, its parameters, its defaults, and how to fit one.

use crate::{Detector, FitError, Parameter, Params, Registry, RestoreError, ScalerSpec, ThresholdSpec, TrainingRows};

/// A kind of detector. The mapping's resolver, its schema and its reference are made from what a kind says here.
pub trait DetectorKind: Send + Sync {
    /// The name in the mapping, in lower snake case; unique in a registry.
    fn name(&self) -> &'static str;

    /// One sentence for the reference: what it finds, and in what kind of data.
    fn doc(&self) -> &'static str;

    /// Every parameter it takes.
    fn parameters(&self) -> &'static [Parameter];

    /// The fewest training rows that make sense.
    fn minimum_samples(&self) -> usize;

    /// The threshold when the mapping names none.
    fn default_threshold(&self) -> ThresholdSpec;

    /// The scaler when the mapping names none.
    fn default_scaler(&self) -> ScalerSpec;

    /// Whether a row's score depends on the rows before it, so that training rows have to follow each other in time.
    fn is_sequential(&self) -> bool {
        false
    }

    /// Whether a model keeps its training scores, which PyOD's probabilities and confidences are made of: up to 16 KB.
    fn keeps_training_scores(&self) -> bool {
        false
    }

    /// Fits a detector to rows that are already scaled, finite, of one column at least, and in order of time.
    /// `registry` is for kinds that are made of others.
    ///
    /// # Errors
    /// Parameters that are missing or of the wrong type, or rows that this kind cannot work on.
    fn fit(&self, params: &Params, rows: &TrainingRows, registry: &Registry) -> Result<Box<dyn Detector>, FitError>;

    /// Makes a detector from what [`Detector::save`] wrote. The bytes may come from anywhere: whatever they hold, the
    /// detector they make must not panic. [`decode`](crate::decode) is made for this.
    ///
    /// # Errors
    /// Bytes that do not hold a detector of this kind.
    fn restore(&self, bytes: &[u8], registry: &Registry) -> Result<Box<dyn Detector>, RestoreError>;
}
