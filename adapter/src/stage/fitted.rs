//! A fitted chain at work: assesses, adapts, explains, and costs no more than the score when it panics.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tagwise_model::{Assessment, Model, ModelState, NoScore, Readiness, Time};

use super::{Unscored, assessed::Contribution};

/// Rows of so many features are explained without asking the heap for room.
const FEW_FEATURES: usize = 64;

/// A fitted chain with its short memory.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) chain: Arc<Model>,
    pub(super) state: ModelState,
    pub(super) version: u64,
    is_faulted: bool,
}

/// How many features to name, and what they are called.
pub(super) type Explain<'a> = (usize, &'a [Arc<str>]);

impl Fitted {
    /// A chain whose memory is empty.
    pub(super) fn new(chain: Arc<Model>, version: u64) -> Self {
        let state = chain.initial_state();
        Self { chain, state, version, is_faulted: false }
    }

    /// Assesses a row of features and takes it in.
    pub(super) fn assess(
        &mut self,
        row: &[f64],
        readiness: Readiness,
        time: Time,
        model: &str,
        explain: Explain<'_>,
    ) -> Result<(Assessment, Vec<Contribution>), Unscored> {
        if self.is_faulted {
            return Err(Unscored::Faulted);
        }
        let caught = catch_unwind(AssertUnwindSafe(|| self.observe(row, readiness, time, explain)));
        match caught {
            Ok(Ok(explained)) => Ok(explained),
            // The row has been checked, so a row error means a chain that does not fit its own features.
            Ok(Err(NoScore::Row(error))) => {
                tracing::error!(model, %error, "the model does not fit its features; values go on without a score");
                self.is_faulted = true;
                Err(Unscored::Faulted)
            }
            Ok(Err(NoScore::WarmingUp)) => Err(Unscored::WarmingUp),
            // A detector of somebody's own may say infinity, which JSON cannot.
            Ok(Err(NoScore::NotFinite(_))) => Err(Unscored::NotNumeric),
            Err(_) => {
                self.is_faulted = true;
                tracing::error!(model, ?row, "detector panicked; values go on without a score until it is retrained");
                Err(Unscored::Faulted)
            }
        }
    }

    fn observe(
        &mut self,
        row: &[f64],
        readiness: Readiness,
        time: Time,
        (most, names): Explain<'_>,
    ) -> Result<(Assessment, Vec<Contribution>), NoScore> {
        if readiness == Readiness::Held {
            return Ok((self.chain.hold(&mut self.state)?, Vec::new()));
        }
        let (assessment, contributions) = if most == 0 {
            (self.chain.observe_features(&mut self.state, row, time, None)?, Vec::new())
        } else {
            self.explain(row, time, most, names)?
        };
        if self.chain.adapts() {
            // Copies the chain only while somebody asks it a question.
            Arc::make_mut(&mut self.chain).learn(&self.state, &assessment, time);
        }
        Ok((assessment, contributions))
    }

    fn explain(
        &mut self,
        row: &[f64],
        time: Time,
        most: usize,
        names: &[Arc<str>],
    ) -> Result<(Assessment, Vec<Contribution>), NoScore> {
        let (mut few, mut many) = ([0.0; FEW_FEATURES], Vec::new());
        let shares = if row.len() <= FEW_FEATURES {
            &mut few[..row.len()]
        } else {
            many.resize(row.len(), 0.0);
            many.as_mut_slice()
        };
        let assessment = self.chain.observe_features(&mut self.state, row, time, Some(&mut *shares))?;
        Ok((assessment, largest(shares, most, names)))
    }
}

/// The features that contributed most, the greatest first; those that did not contribute are left out.
fn largest(shares: &[f64], most: usize, names: &[Arc<str>]) -> Vec<Contribution> {
    let mut contributions: Vec<Contribution> = shares
        .iter()
        .zip(names)
        .filter(|(share, _)| **share > 0.0)
        .map(|(share, name)| Contribution { feature: Arc::clone(name), share: *share })
        .collect();
    contributions.sort_by(|left, right| right.share.total_cmp(&left.share));
    contributions.truncate(most);
    contributions
}
