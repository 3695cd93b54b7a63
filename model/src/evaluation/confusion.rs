//! What labels made of the truth.

use super::EvaluationError;
use crate::Label;

/// How many rows were labelled how, against the truth. Rates are from 0 to 1, and `None` where there is nothing to take
/// a share of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// True anomalies that were labelled as such.
    pub true_positives: u64,
    /// Normal rows that were labelled anomalies: false alarms.
    pub false_positives: u64,
    /// True anomalies that were labelled normal: missed alarms.
    pub false_negatives: u64,
    /// Normal rows that were labelled as such.
    pub true_negatives: u64,
}

impl Confusion {
    /// Counts labels against the truth.
    ///
    /// # Errors
    /// Not as many true labels as labels.
    pub fn of(labels: &[Label], truth: &[bool]) -> Result<Self, EvaluationError> {
        if labels.len() != truth.len() {
            return Err(EvaluationError::Lengths { rows: labels.len(), truths: truth.len() });
        }
        let mut confusion = Self::default();
        labels.iter().zip(truth).for_each(|(&label, &is_anomaly)| confusion.add(label, is_anomaly));
        Ok(confusion)
    }

    /// Counts one more row.
    pub fn add(&mut self, label: Label, is_anomaly: bool) {
        let count = match (label, is_anomaly) {
            (Label::Anomaly, true) => &mut self.true_positives,
            (Label::Anomaly, false) => &mut self.false_positives,
            (Label::Normal, true) => &mut self.false_negatives,
            (Label::Normal, false) => &mut self.true_negatives,
        };
        *count += 1;
    }

    /// Share of true anomalies among the rows that were labelled anomalies.
    pub fn precision(&self) -> Option<f64> {
        share(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Share of the true anomalies that were labelled as such.
    pub fn recall(&self) -> Option<f64> {
        share(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Harmonic mean of precision and recall; 0 where nothing was found, and `None` where there was neither a true
    /// anomaly nor a row labelled as one.
    pub fn f1(&self) -> Option<f64> {
        share(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)
    }

    /// Share of the normal rows that were labelled anomalies.
    pub fn false_alarm_rate(&self) -> Option<f64> {
        share(self.false_positives, self.false_positives + self.true_negatives)
    }

    /// Share of the true anomalies that were labelled normal.
    pub fn missed_alarm_rate(&self) -> Option<f64> {
        share(self.false_negatives, self.true_positives + self.false_negatives)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confusion(labels: &str, truth: &str) -> Confusion {
        let label = |letter| if letter == '1' { Label::Anomaly } else { Label::Normal };
        let labels: Vec<Label> = labels.chars().map(label).collect();
        let truth: Vec<bool> = truth.chars().map(|letter| letter == '1').collect();
        Confusion::of(&labels, &truth).unwrap()
    }

    #[test]
    fn rates_equal_those_of_scikit_learn() {
        let found = confusion("1100100010", "1001100110");
        let counts = [found.true_positives, found.false_positives, found.false_negatives, found.true_negatives];
        assert_eq!(counts, [3, 1, 2, 4]);
        // Printed by f1_score, precision_score and recall_score.
        assert_eq!(found.f1(), Some(0.666_666_666_666_666_6));
        assert_eq!(found.precision(), Some(0.75));
        assert_eq!(found.recall(), Some(0.6));
        assert_eq!(found.false_alarm_rate(), Some(0.2));
        assert_eq!(found.missed_alarm_rate(), Some(0.4));
    }

    #[test]
    fn a_share_of_nothing_is_not_known() {
        let quiet = confusion("000", "000");
        assert_eq!([quiet.f1(), quiet.precision(), quiet.recall(), quiet.missed_alarm_rate()], [None; 4]);
        assert_eq!(quiet.false_alarm_rate(), Some(0.0));
        let missed = confusion("000", "111");
        assert_eq!((missed.f1(), missed.precision(), missed.false_alarm_rate()), (Some(0.0), None, None));
        assert_eq!(missed.missed_alarm_rate(), Some(1.0));
        assert_eq!(Confusion::of(&[], &[true]), Err(EvaluationError::Lengths { rows: 0, truths: 1 }));
    }
}
