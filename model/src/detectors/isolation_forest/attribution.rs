//! Which features make a row anomalous.

use super::path_length;
use super::trees::{Target, Trees};

impl Trees {
    /// Credits each feature with how much the splits on it shorten the expected path of a row, and writes the shares,
    /// which are not negative and add up to 1. A row that no split sets apart gives all features the same share.
    ///
    /// The path of a node of n training rows is expected to go on for c(n) edges (Liu, Ting and Zhou, 2008). A split
    /// takes one edge and leaves c(n') of the side that the row goes to, so its feature is credited with
    /// c(n) − 1 − c(n'), and with nothing where that is negative. That is the decomposition of a prediction along the
    /// path of decisions (Saabas, 2014) with the path length as the prediction, and asks, as DIFFI does (Carletti,
    /// Terzi and Susto, 2023), how uneven a split is and on which side of it the row lies.
    pub(super) fn attribute(&self, x: &[f64], shares: &mut [f64]) {
        shares.fill(0.0);
        for root in self.roots() {
            let mut child = *root;
            while let Target::Split(place) = child.target() {
                let split = &self.splits()[place as usize];
                let feature = split.feature as usize;
                #[expect(clippy::cast_possible_truncation, reason = "trees compare in f32")]
                let side = split.side(x[feature] as f32);
                child = split.children[side];
                let expected = self.corrections().of(split.rows);
                let remaining = path_length::of_edges(1) + self.corrections().of(self.rows(child));
                shares[feature] += (expected - remaining).max(0) as f64;
            }
        }
        let total: f64 = shares.iter().sum();
        let count = shares.len() as f64;
        for share in shares {
            *share = if total > 0.0 { *share / total } else { 1.0 / count };
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::super::grow::grow;
    use super::super::trees::Child;
    use super::*;
    use crate::random::Random;

    #[test]
    fn the_feature_that_is_far_out_gets_most_of_the_blame() {
        let mut random = Random::new(4);
        let rows = Array2::from_shape_simple_fn((600, 5), || (0..12).map(|_| random.unit()).sum::<f64>() - 6.0);
        let trees = grow(&rows.view(), 100, 256, 2);
        for guilty in 0..5 {
            let mut x = [0.1, -0.2, 0.3, 0.0, -0.1];
            x[guilty] = -7.0;
            let mut shares = [0.0; 5];
            trees.attribute(&x, &mut shares);
            assert!(shares[guilty] > 0.5, "feature {guilty}: {shares:?}");
        }
    }

    #[test]
    fn without_a_split_all_features_share_alike() {
        let trees = grow(&Array2::from_elem((20, 4), 1.0).view(), 5, 256, 0);
        let mut shares = [7.0; 4];
        trees.attribute(&[1.0; 4], &mut shares);
        assert!(shares.iter().all(|share| (share - 0.25).abs() < 1e-15), "{shares:?}");
    }

    #[test]
    fn a_lone_split_is_credited_with_the_path_that_it_saves() {
        // One tree, one split on feature 1, which leaves 1 of 8 rows: c(8) − 1 − c(1) is all that there is to share.
        let mut trees = Trees::new(2, 8);
        let root = trees.push_split(1, 0.0);
        trees.set_children(root, [Child::leaf(1), Child::leaf(7)]);
        trees.push_root(Child::split(root));
        let mut shares = [0.0; 2];
        trees.attribute(&[5.0, -1.0], &mut shares);
        assert_eq!(shares.map(f64::to_bits), [0.0_f64, 1.0].map(f64::to_bits));
        // The other way the path gets no shorter: 1 + c(7) > c(8). Nothing is to blame.
        trees.attribute(&[5.0, 1.0], &mut shares);
        assert_eq!(shares.map(f64::to_bits), [0.5_f64, 0.5].map(f64::to_bits));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn shares_add_up_to_one(
            cells in prop::collection::vec(-1e3..1e3_f64, 30..300),
            x in prop::collection::vec(any::<f64>(), 3),
            seed: u64,
        ) {
            let rows = Array2::from_shape_vec((cells.len() / 3, 3), cells[..cells.len() / 3 * 3].to_vec()).unwrap();
            let mut shares = [0.0; 3];
            grow(&rows.view(), 10, 64, seed).attribute(&x, &mut shares);
            prop_assert!(shares.iter().all(|share| *share >= 0.0), "{:?}", shares);
            prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{:?}", shares);
        }
    }
}
