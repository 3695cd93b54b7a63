//! The scoring rule of the Numenta Anomaly Benchmark (Lavin and Ahmad, 2015): the earlier an anomaly is found within
//! its window the better, and a false alarm costs less shortly after a window than far from all of them.
//!
//! One threshold serves all series. The score is 0 for a detector that never says anything and 100 for one that hits
//! the first row of every window and raises no false alarm; a bad detector falls below 0.

use std::ops::RangeInclusive;

/// What finding, missing and false alarms are worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Gained for a window whose first row is flagged.
    pub true_positive: f64,
    /// Lost for a window without a flagged row.
    pub false_negative: f64,
    /// Lost for a flagged row far from all windows.
    pub false_positive: f64,
}

impl Profile {
    /// The benchmark's `standard`.
    pub const STANDARD: Self = Self { true_positive: 1.0, false_negative: 1.0, false_positive: 0.11 };
    /// The benchmark's `reward_low_FP_rate`.
    pub const FEW_FALSE_POSITIVES: Self = Self { false_positive: 0.22, ..Self::STANDARD };
    /// The benchmark's `reward_low_FN_rate`.
    pub const FEW_FALSE_NEGATIVES: Self = Self { false_negative: 2.0, ..Self::STANDARD };
}

/// A series that was scored row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredSeries {
    /// Score of each row; NaN for rows without one, which are never flagged.
    pub scores: Vec<f64>,
    /// First and last row of each window with a true anomaly: ascending, and apart from each other.
    pub windows: Vec<RangeInclusive<usize>>,
}

/// The threshold that serves a number of series best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimum {
    /// Rows that score as high or higher are flagged; infinite where it is best to flag none.
    pub threshold: f64,
    /// The score there, at most 100.
    pub score: f64,
}

/// Rows at the beginning of a series of `rows` that are not judged, since a detector may learn from them: 15 %, and at
/// most 750.
pub fn probation(rows: usize) -> usize {
    (rows.min(5000) * 15) / 100
}

/// The score, at most 100, of flagging the rows that score `threshold` or more. `None` without a window to be found.
pub fn score(profile: Profile, series: &[ScoredSeries], threshold: f64) -> Option<f64> {
    let (points, windows) = judge(profile, series);
    let mut tally = Tally::new(profile, windows)?;
    points.iter().filter(|point| point.score >= threshold).for_each(|point| tally.flag(point));
    Some(tally.normalised())
}

/// The threshold with the highest score; of several, the highest one. Takes the time of sorting all scores. `None`
/// without a window to be found.
pub fn optimise(profile: Profile, series: &[ScoredSeries]) -> Option<Optimum> {
    let (mut points, windows) = judge(profile, series);
    points.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut tally = Tally::new(profile, windows)?;
    let mut best = Optimum { threshold: f64::INFINITY, score: tally.normalised() };
    for (index, point) in points.iter().enumerate() {
        tally.flag(point);
        let is_last_of_its_score = points.get(index + 1).is_none_or(|next| next.score < point.score);
        if is_last_of_its_score && tally.normalised() > best.score {
            best = Optimum { threshold: point.score, score: tally.normalised() };
        }
    }
    Some(best)
}

/// A row that can be flagged, and what that would bring.
struct Point {
    score: f64,
    /// The window it lies in, counted through all series.
    window: Option<usize>,
    gain: f64,
}

/// What has been gained and lost by flagging.
struct Tally {
    profile: Profile,
    /// What each window has brought so far: its best flagged row.
    windows: Vec<f64>,
    sum: f64,
}

impl Tally {
    fn new(profile: Profile, windows: usize) -> Option<Self> {
        let nothing = -profile.false_negative;
        let tally = Self { profile, windows: vec![nothing; windows], sum: nothing * windows as f64 };
        (windows > 0).then_some(tally)
    }

    fn flag(&mut self, point: &Point) {
        match point.window {
            Some(window) if point.gain > self.windows[window] => {
                self.sum += point.gain - self.windows[window];
                self.windows[window] = point.gain;
            }
            Some(_) => {}
            None => self.sum += point.gain,
        }
    }

    fn normalised(&self) -> f64 {
        let windows = self.windows.len() as f64;
        let silent = -self.profile.false_negative * windows;
        let perfect = self.profile.true_positive * windows;
        100.0 * (self.sum - silent) / (perfect - silent)
    }
}

/// What flagging each judged row would bring, and the number of windows that can be found at all.
fn judge(profile: Profile, series: &[ScoredSeries]) -> (Vec<Point>, usize) {
    let mut points = Vec::new();
    let mut count = 0;
    for one in series {
        let probation = probation(one.scores.len());
        let mut past: Option<&RangeInclusive<usize>> = None;
        let mut ahead = one.windows.iter().peekable();
        for (row, &score) in one.scores.iter().enumerate() {
            while let Some(window) = ahead.next_if(|window| *window.end() < row) {
                past = Some(window);
                // A window that ended before anything was judged is nobody's to find.
                count += usize::from(*window.end() >= probation);
            }
            if row < probation || score.is_nan() {
                continue;
            }
            points.push(match ahead.peek().filter(|window| window.contains(&row)) {
                Some(window) => {
                    let gain = sigmoid(place_within(window, row)) / sigmoid(-1.0);
                    Point { score, window: Some(count), gain: profile.true_positive * gain }
                }
                None => Point { score, window: None, gain: profile.false_positive * sigmoid(place_after(past, row)) },
            });
        }
        count += ahead.filter(|window| *window.end() >= probation).count();
    }
    (points, count)
}

/// From −1 at the first row of the window to just below 0 at the last.
fn place_within(window: &RangeInclusive<usize>, row: usize) -> f64 {
    let width = window.end() - window.start() + 1;
    -((window.end() - row + 1) as f64) / width as f64
}

/// How many lengths of the last window the row lies past its end.
fn place_after(window: Option<&RangeInclusive<usize>>, row: usize) -> f64 {
    window.map_or(f64::INFINITY, |window| (row - window.end()) as f64 / (window.end() - window.start()) as f64)
}

/// From 1 far on the left, through 0 in the middle, to −1 from 3 on.
fn sigmoid(place: f64) -> f64 {
    if place > 3.0 { -1.0 } else { 2.0 / (1.0 + libm::exp(5.0 * place)) - 1.0 }
}

#[cfg(test)]
#[path = "nab_tests.rs"]
mod tests;
