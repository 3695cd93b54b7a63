//! One entry of the list at work: what it remembers, and how its features are made.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bands::Bands;
use super::frame::Frame;
use super::ring::Ring;
use super::window::Window;
use super::{FeatureSpec, time_of_day};
use crate::Time;

/// One entry, with the tables that its features are made with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    spec: FeatureSpec,
    /// For bands only. Shared, since features are cloned for every instance of a model.
    bands: Option<Arc<Bands>>,
}

impl Entry {
    /// An entry after a spec that has been validated.
    pub(super) fn new(spec: FeatureSpec) -> Self {
        let bands = match &spec {
            FeatureSpec::Bands { size, count, .. } => Some(Arc::new(Bands::new(*size, *count))),
            _ => None,
        };
        Self { spec, bands }
    }

    pub(super) fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    /// What the entry remembers before the first row.
    pub(super) fn fresh_cell(&self) -> Cell {
        match &self.spec {
            FeatureSpec::Value { .. } | FeatureSpec::TimeOfDay { .. } => Cell::None,
            FeatureSpec::Window { size, statistics, .. } => Cell::Window(Window::new(*size, statistics)),
            FeatureSpec::Difference { lag, .. } => Cell::Difference(Ring::new(lag + 1)),
            FeatureSpec::Bands { size, .. } => Cell::Bands(Frame::new(*size)),
        }
    }

    /// Whether a cell has the shape of this entry's.
    pub(super) fn fits(&self, cell: &Cell) -> bool {
        match (&self.spec, cell) {
            (FeatureSpec::Value { .. } | FeatureSpec::TimeOfDay { .. }, Cell::None) => true,
            (FeatureSpec::Window { size, statistics, .. }, Cell::Window(window)) => window.fits(*size, statistics),
            (FeatureSpec::Difference { lag, .. }, Cell::Difference(ring)) => ring.size() == lag + 1,
            (FeatureSpec::Bands { size, .. }, Cell::Bands(frame)) => frame.size() == *size,
            _ => false,
        }
    }

    /// Takes a row into the cell.
    pub(super) fn take_in(&self, cell: &mut Cell, inputs: &[f64]) {
        match (&self.spec, cell) {
            (FeatureSpec::Window { input, .. }, Cell::Window(window)) => window.push(inputs[*input]),
            (FeatureSpec::Difference { input, .. }, Cell::Difference(ring)) => ring.push(inputs[*input]),
            (FeatureSpec::Bands { input, .. }, Cell::Bands(frame)) => frame.push(inputs[*input]),
            // Nothing to remember, since a cell that does not fit is not handed in.
            _ => {}
        }
    }

    /// Writes the features of a row that the cell has taken in.
    pub(super) fn write(&self, cell: &mut Cell, inputs: &[f64], t: Time, out: &mut [f64]) {
        match (&self.spec, cell) {
            (FeatureSpec::Value { input }, _) => out[0] = inputs[*input],
            (FeatureSpec::Window { statistics, .. }, Cell::Window(window)) => window.write(statistics, out),
            (FeatureSpec::Difference { .. }, Cell::Difference(ring)) => out[0] = ring.span(),
            (FeatureSpec::Bands { .. }, Cell::Bands(frame)) => {
                frame.write(self.bands.as_ref().expect("invariant: made with the entry"), out);
            }
            (FeatureSpec::TimeOfDay { slots, utc_offset_minutes }, _) => {
                out[0] = time_of_day::slot(t, *slots, *utc_offset_minutes);
            }
            // A cell that does not fit is not handed in.
            _ => {}
        }
    }
}

/// What an entry remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cell {
    /// Nothing.
    None,
    /// The values and summaries of a window.
    Window(Window),
    /// One value more than the lag.
    Difference(Ring),
    /// The values of a frame.
    Bands(Frame),
}
