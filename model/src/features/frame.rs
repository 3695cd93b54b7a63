//! The last values of an input, for its spectrum.

use serde::{Deserialize, Serialize};

use super::bands::Bands;
use super::ring::Ring;

/// The last values of an input, and room for their transform, so that none has to be found in the middle of a stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Ring", into = "Ring")]
pub(super) struct Frame {
    ring: Ring,
    /// What stands in it between two transforms means nothing.
    work: Box<[f64]>,
}

impl Frame {
    /// A frame of `size` zeros.
    pub(super) fn new(size: usize) -> Self {
        Self::from(Ring::new(size))
    }

    pub(super) fn size(&self) -> usize {
        self.ring.size()
    }

    /// Takes in a value; the oldest one leaves.
    pub(super) fn push(&mut self, value: f64) {
        self.ring.push(value);
    }

    /// Writes the powers in the bands, which must be for frames of this size.
    pub(super) fn write(&mut self, bands: &Bands, out: &mut [f64]) {
        bands.write(&self.ring, &mut self.work, out);
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.ring == other.ring
    }
}

impl From<Ring> for Frame {
    fn from(ring: Ring) -> Self {
        Self { work: vec![0.0; ring.size()].into(), ring }
    }
}

impl From<Frame> for Ring {
    fn from(frame: Frame) -> Self {
        frame.ring
    }
}
