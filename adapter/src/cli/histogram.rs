//! A histogram for a terminal.

use std::fmt::Write;

/// Bars of scores.
const BINS: usize = 12;
/// Characters of the longest bar.
const LONGEST: usize = 40;

/// Draws scores as bars, one line each; the one that holds the threshold says so. Scores that are no finite number are
/// left out.
pub(super) fn histogram(scores: &[f64], threshold: f64) -> String {
    let finite: Vec<f64> = scores.iter().copied().filter(|score| score.is_finite()).collect();
    let least = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if finite.is_empty() {
        return "no row has a score\n".to_owned();
    }
    let width = (greatest - least) / BINS as f64;
    let mut counts = [0_usize; BINS];
    for score in &finite {
        counts[bin_of(*score, least, width)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let mut text = String::new();
    for (bin, count) in counts.into_iter().enumerate() {
        let (low, high) = (least + width * bin as f64, least + width * (bin + 1) as f64);
        let length = (count * LONGEST).div_ceil(most);
        let holds_threshold = low <= threshold && (threshold < high || (bin == BINS - 1 && threshold <= high));
        let mark = if holds_threshold { "  <- threshold" } else { "" };
        writeln!(text, "{low:>12.4} {:<LONGEST$} {count}{mark}", "█".repeat(length))
            .expect("invariant: a text takes everything");
        if width <= 0.0 {
            break;
        }
    }
    if threshold > greatest {
        writeln!(text, "{threshold:>12.4} <- threshold, above all of them")
            .expect("invariant: a text takes everything");
    }
    text
}

fn bin_of(score: f64, least: f64, width: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut to the number of bins")]
    let bin = if width > 0.0 { ((score - least) / width) as usize } else { 0 };
    bin.min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_score_is_in_a_bar_and_the_threshold_is_marked_once() {
        let scores: Vec<f64> = (0..120).map(f64::from).collect();
        let text = histogram(&scores, 95.0);
        assert_eq!(text.lines().count(), BINS);
        assert_eq!(text.matches("█ 10").count(), BINS, "{text}");
        let marked: Vec<&str> = text.lines().filter(|line| line.contains("threshold")).collect();
        assert!(marked.len() == 1 && marked[0].trim_start().starts_with("89.25"), "{text}");
    }

    #[test]
    fn a_threshold_above_all_scores_has_a_line_of_its_own() {
        assert!(histogram(&[1.0, 2.0], 7.5).ends_with("7.5000 <- threshold, above all of them\n"));
    }

    #[test]
    fn equal_scores_are_one_bar_and_none_is_said() {
        assert_eq!(histogram(&[2.0; 5], 2.0).lines().count(), 1);
        assert_eq!(histogram(&[f64::NAN], 2.0), "no row has a score\n");
    }
}
