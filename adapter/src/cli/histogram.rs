//! A histogram for a terminal.

use std::fmt::Write;

/// Bars of scores.
const BINS: usize = 12;
/// Characters of the longest bar.
const LONGEST: usize = 40;

/// Draws scores as bars, one line each; the one that holds the threshold says so, and a threshold beyond all of them has a
/// line of its own. Scores that are no finite number are left out.
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
    let beyond = |side: &str, text: &mut String| {
        writeln!(text, "{threshold:>12.4} <- threshold, {side} all of them")
            .expect("invariant: a text takes everything");
    };
    if threshold < least {
        beyond("below", &mut text);
    }
    // Found as the scores' bars are, so that rounding cannot put it between two of them.
    let marked = (least..=greatest).contains(&threshold).then(|| bin_of(threshold, least, width));
    for (bin, count) in counts.into_iter().enumerate() {
        let low = least + width * bin as f64;
        let length = (count * LONGEST).div_ceil(most);
        let mark = if marked == Some(bin) { "  <- threshold" } else { "" };
        writeln!(text, "{low:>12.4} {:<LONGEST$} {count}{mark}", "█".repeat(length))
            .expect("invariant: a text takes everything");
        if width <= 0.0 {
            break;
        }
    }
    if threshold > greatest {
        beyond("above", &mut text);
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
    fn a_threshold_beyond_all_scores_has_a_line_of_its_own() {
        let above = histogram(&[1.0, 2.0], 7.5);
        assert!(above.ends_with("7.5000 <- threshold, above all of them\n"), "{above}");
        let below = histogram(&[1.0, 2.0], -0.25);
        assert!(below.trim_start().starts_with("-0.2500 <- threshold, below all of them\n"), "{below}");
        let equal = histogram(&[2.0; 5], 1.0);
        for text in [above, below, equal] {
            assert_eq!(text.matches("threshold").count(), 1, "{text}");
        }
    }

    #[test]
    fn a_threshold_at_either_end_is_marked_once() {
        let scores: Vec<f64> = (0..100).map(|step| 0.1 + f64::from(step) * 0.07).collect();
        for threshold in [scores[0], scores[99]] {
            let text = histogram(&scores, threshold);
            assert_eq!(text.matches("threshold").count(), 1, "{text}");
        }
    }

    #[test]
    fn equal_scores_are_one_bar_and_none_is_said() {
        assert!(histogram(&[2.0; 5], 2.0).ends_with(" 5  <- threshold\n"));
        assert_eq!(histogram(&[2.0; 5], 2.0).lines().count(), 1);
        assert_eq!(histogram(&[f64::NAN], 2.0), "no row has a score\n");
    }
}
