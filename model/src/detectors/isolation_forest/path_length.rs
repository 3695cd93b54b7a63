//! Path lengths in exact integer arithmetic.
//!
//! A path length is a number of edges plus a correction for the rows that share a leaf. In fixed point their sum over
//! the trees does not depend on the order of summation, so that the step table of one feature equals a walk down the
//! trees to the last bit. The rounding, 2^-41 per tree, stays below 10^-13 in the score.

/// A path length, or a sum of such, in units of 2^-40 edges.
pub(super) type PathLength = i64;

const FRACTION_BITS: u32 = 40;

/// Euler's constant γ.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// c(n): the average length of an unsuccessful search in a binary search tree of n keys.
pub(super) fn average_path_length(rows: usize) -> f64 {
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let n = rows as f64;
            2.0 * (libm::log(n - 1.0) + EULER_GAMMA) - 2.0 * (n - 1.0) / n
        }
    }
}

/// What a leaf that holds so many training rows adds to its depth.
pub(super) fn correction(rows: usize) -> PathLength {
    let unit = (1_i64 << FRACTION_BITS) as f64;
    #[expect(clippy::cast_possible_truncation, reason = "c(n) grows as the logarithm of n")]
    let fixed = (average_path_length(rows) * unit).round() as PathLength;
    fixed
}

/// Table of [`correction`]s, since leaves are looked up far more often than there are different sizes of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Corrections(Box<[PathLength]>);

impl Corrections {
    /// The most rows that the table answers for; it computes what is beyond. Trees grown here stay within.
    const LONGEST: usize = 1 << 16;

    /// For trees grown on so many rows.
    pub(super) fn up_to(rows: usize) -> Self {
        Self((0..=rows.min(Self::LONGEST)).map(correction).collect())
    }

    /// What a leaf that holds so many training rows adds to its depth.
    pub(super) fn of(&self, rows: u32) -> PathLength {
        self.0.get(rows as usize).copied().unwrap_or_else(|| correction(rows as usize))
    }
}

/// So many edges as a path length.
pub(super) const fn of_edges(edges: u32) -> PathLength {
    (edges as PathLength) << FRACTION_BITS
}

/// The anomaly score s = 2^(−Σh / norm) for a sum of path lengths; 0.5 where the norm is 0, as scikit-learn has it.
pub(super) fn score(sum: PathLength, norm: f64) -> f64 {
    let unit = (1_i64 << FRACTION_BITS) as f64;
    let relative = if norm > 0.0 { sum as f64 / unit / norm } else { 1.0 };
    libm::exp2(-relative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_path_length_equals_that_of_scikit_learn() {
        // Printed by sklearn.ensemble._iforest._average_path_length.
        let check = |rows: usize, expected: f64| {
            let found = average_path_length(rows);
            assert!((found - expected).abs() < 1e-14, "c({rows}) is {found}, not {expected}");
        };
        check(0, 0.0);
        check(1, 0.0);
        check(2, 1.0);
        check(3, 1.207_392_357_589_623);
        check(5, 2.327_020_052_042_847);
        check(10, 3.748_880_484_475_505);
        check(256, 10.244_770_920_119_917);
        check(1000, 12.969_940_887_100_174);
    }

    #[test]
    fn fixed_point_keeps_twelve_digits() {
        for (edges, rows) in [(0, 256), (1, 1), (3, 7), (8, 200), (16, 4096)] {
            let exact = f64::from(edges) + average_path_length(rows);
            let score = score(of_edges(edges) + correction(rows), average_path_length(256));
            assert!((score - libm::exp2(-exact / average_path_length(256))).abs() < 1e-13, "{edges} {rows}");
        }
    }

    #[test]
    fn the_table_and_what_lies_beyond_it_are_the_same_function() {
        let table = Corrections::up_to(100);
        for rows in [0, 1, 2, 100, 101, 70_000] {
            assert_eq!(table.of(rows), correction(rows as usize), "{rows}");
        }
    }

    #[test]
    fn a_forest_grown_on_one_row_says_one_half() {
        assert!((score(0, average_path_length(1)) - 0.5).abs() < 1e-15);
    }
}
