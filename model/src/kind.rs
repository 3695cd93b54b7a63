//! What a kind of detector says about itself: its name, its parameters, its defaults, and how to fit one.

use ndarray::ArrayView2;

use crate::{Detector, FitError, Parameter, Params, ScalerSpec, ThresholdSpec};

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

    /// Fits a detector to rows that are already scaled, finite, and in order of time.
    ///
    /// # Errors
    /// Parameters that are missing or of the wrong type, or rows that this kind cannot work on.
    fn fit(&self, params: &Params, rows: ArrayView2<'_, f64>) -> Result<Box<dyn Detector>, FitError>;
}
