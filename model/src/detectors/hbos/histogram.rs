//! Histograms of equal bins, with numpy's edges and numpy's rule for values that lie on one.

/// How many of the values lie in each bin, and the edges of the bins: one more than there are bins, ascending.
pub(super) struct Histogram {
    pub(super) counts: Vec<usize>,
    pub(super) edges: Vec<f64>,
}

impl Histogram {
    /// Of the values, over `bins` bins of equal width from the least to the greatest. A range of no width is given half a
    /// unit on either side, as in numpy. `None` where the range overflows, or without values or bins.
    pub(super) fn of(values: &[f64], bins: usize) -> Option<Self> {
        let low = values.iter().copied().reduce(f64::min)?;
        let high = values.iter().copied().reduce(f64::max)?;
        let edges = edges_over(low, high, bins)?;
        let (first, last) = (edges[0], edges[bins]);
        let mut counts = vec![0; bins];
        for &value in values {
            let relative = (value - first) / (last - first);
            counts[place(value, relative, &edges)] += 1;
        }
        Some(Self { counts, edges })
    }

    /// Share of the values per unit of width, bin by bin; finite.
    pub(super) fn densities(&self) -> impl Iterator<Item = f64> + '_ {
        let total: usize = self.counts.iter().sum();
        let widths = self.edges.windows(2).map(|pair| pair[1] - pair[0]);
        self.counts.iter().zip(widths).map(move |(&count, width)| (count as f64 / width / total as f64).min(f64::MAX))
    }
}

/// The number of bins that suits the values best: Birgé and Rozenholc (2006), How many bins should be put in a regular
/// histogram, in the form that PyOD gives it, where the penalty counts once per bin. At least 1, below √n.
pub(super) fn best_bins(values: &[f64]) -> usize {
    let n = values.len() as f64;
    let beyond = values.len().isqrt().max(2);
    let (mut best, mut highest) = (1, f64::NEG_INFINITY);
    for bins in 1..beyond {
        let Some(histogram) = Histogram::of(values, bins) else { continue };
        let wide = bins as f64;
        let penalty = wide - 1.0 + libm::pow(libm::log(wide), 2.5);
        let gain = |&count: &usize| count as f64 * libm::log(wide * count as f64 / n + 1.0) - penalty;
        let likelihood = histogram.counts.iter().map(gain).sum();
        if likelihood > highest {
            (best, highest) = (bins, likelihood);
        }
    }
    best
}

/// Edges from `low` to `high`.
fn edges_over(low: f64, high: f64, bins: usize) -> Option<Vec<f64>> {
    if bins == 0 {
        return None;
    }
    let edges = if low < high { evenly_spaced(low, high, bins) } else { evenly_spaced(low - 0.5, high + 0.5, bins) };
    if edges.is_sorted_by(|left, right| left < right) && (edges[bins] - edges[0]).is_finite() {
        return Some(edges);
    }
    // numpy refuses a range so narrow beside its distance from zero that the edges fall together. A live column may
    // well hold a large constant, so it gets bins as wide as it takes.
    let margin = 1e-6 * low.abs().max(high.abs()).max(f64::MIN_POSITIVE);
    let edges = evenly_spaced(low - margin, high + margin, bins);
    let is_sound = edges.is_sorted_by(|left, right| left < right) && (edges[bins] - edges[0]).is_finite();
    is_sound.then_some(edges)
}

/// numpy's `linspace`, to the last bit.
fn evenly_spaced(low: f64, high: f64, bins: usize) -> Vec<f64> {
    let step = (high - low) / bins as f64;
    let mut edges: Vec<f64> = (0..=bins).map(|place| place as f64 * step + low).collect();
    edges[bins] = high;
    edges
}

/// The bin of a value: each takes its lower edge, the last one both. `relative` is where the value lies in the range, from
/// 0 to 1; rounding may put it one bin off, and then the edges decide.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the number of bins")]
fn place(value: f64, relative: f64, edges: &[f64]) -> usize {
    let last = edges.len() - 2;
    let bin = ((relative * (last + 1) as f64) as usize).min(last);
    if value < edges[bin] {
        bin.saturating_sub(1)
    } else if bin < last && value >= edges[bin + 1] {
        bin + 1
    } else {
        bin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_an_edge_belongs_to_the_upper_bin_and_the_greatest_to_the_last() {
        // numpy.histogram([0, 1, 1, 2, 3, 4], bins=4) gives [1, 2, 1, 2].
        let histogram = Histogram::of(&[0.0, 1.0, 1.0, 2.0, 3.0, 4.0], 4).unwrap();
        assert_eq!(histogram.counts, [1, 2, 1, 2]);
        assert_eq!(histogram.edges, [0.0, 1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn where_rounding_misplaces_a_value_the_edges_decide() {
        // What numpy.histogram(numpy.arange(11) / 10, bins=10) gives: .3 lies below the third edge, which is 3 * .1 and
        // rounds upwards.
        let tenths: Vec<f64> = (0..=10).map(|tenth| f64::from(tenth) / 10.0).collect();
        assert_eq!(Histogram::of(&tenths, 10).unwrap().counts, [1, 1, 2, 0, 1, 2, 1, 0, 1, 2]);
    }

    #[test]
    fn constants_get_a_range_however_large_they_are() {
        assert_eq!(Histogram::of(&[3.25; 4], 2).unwrap().edges, [2.75, 3.25, 3.75]);
        for constant in [0.0, 1e16, -1e300, 5e-324] {
            let histogram = Histogram::of(&[constant; 9], 1000).unwrap();
            assert_eq!(histogram.counts.iter().sum::<usize>(), 9);
            assert!(histogram.densities().all(f64::is_finite));
        }
        assert!(Histogram::of(&[0.0, 5e-324], 10).unwrap().densities().all(f64::is_finite));
        assert!(Histogram::of(&[f64::MIN, f64::MAX], 10).is_none());
        assert!(Histogram::of(&[], 10).is_none());
        assert!(Histogram::of(&[1.0], 0).is_none());
    }

    #[test]
    fn clusters_ask_for_more_bins_than_an_even_spread() {
        // As pyod.utils.utility.get_optimal_n_bins has it.
        let even: Vec<f64> = (0..400).map(f64::from).collect();
        let clusters: Vec<f64> = (0..400).map(|row| f64::from(row % 2 * 100 + row % 7)).collect();
        assert_eq!(best_bins(&even), 1);
        assert_eq!(best_bins(&clusters), 10);
    }
}
