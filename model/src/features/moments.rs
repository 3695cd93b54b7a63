//! Mean, central moments and trend of a stretch of values.

use super::sliding::Summary;

/// Distances from the origin are kept below this, 2^200, so that their fourth powers times the length of any window stay
/// far from overflow.
const LIMIT: f64 = f64::from_bits((1023 + 200) << 52);

/// The finest scale is 1 and the coarsest, 2^-1000, brings the largest float below the limit.
const COARSEST: f64 = f64::from_bits((1023 - 1000) << 52);

/// Sums of squared distances below this belong to values so close together, by some 10^-70, that the powers in skewness
/// and kurtosis would underflow. They count as equal there.
const LEAST_SUM_OF_SQUARES: f64 = 1e-140;

/// Mean, central moments up to the fourth and trend of a stretch of values.
///
/// The formulas are those of Pébay, "Formulas for robust, one-pass parallel computation of covariances and
/// arbitrary-order statistical moments" (Sandia report SAND2008-6212), for one further value and for two stretches. They
/// work on distances from an origin, the first value taken in: values near 10^9 that differ by thousandths have exact
/// distances and so exact moments, and equal values have moments of exactly 0. Distances above the limit make the scale
/// coarser by a power of two, so that even the largest floats have finite moments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    count: f64,
    origin: f64,
    /// What the following are in units of: distances are multiplied by this power of two, from 1 down to the coarsest.
    scale: f64,
    /// Mean distance from the origin.
    mean: f64,
    /// Sum of the squared distances from the mean.
    second: f64,
    /// Sum of the cubed distances from the mean.
    third: f64,
    /// Sum of the fourth powers of the distances from the mean.
    fourth: f64,
    /// Sum of distance from the mean times place, with places counted from the middle of the stretch.
    trend: f64,
}

impl Moments {
    /// The arithmetic mean.
    pub(super) fn mean(&self) -> f64 {
        (self.origin * self.scale + self.mean) / self.scale
    }

    /// The standard deviation with the divisor n.
    pub(super) fn standard_deviation(&self) -> f64 {
        (self.second / self.count).sqrt() / self.scale
    }

    /// The root of the mean square about zero.
    pub(super) fn rms(&self) -> f64 {
        let (mean, deviation) = (self.mean(), self.standard_deviation());
        if (1e-140..1e150).contains(&mean.abs().max(deviation)) {
            (mean * mean + deviation * deviation).sqrt()
        } else {
            // The squares would leave the range of a float, though their root does not.
            libm::hypot(mean, deviation)
        }
    }

    /// Fisher's kurtosis, biased; 0 for equal values.
    pub(super) fn kurtosis(&self) -> f64 {
        if self.second < LEAST_SUM_OF_SQUARES {
            return 0.0;
        }
        self.count * self.fourth / (self.second * self.second) - 3.0
    }

    /// Fisher's skewness, biased; 0 for equal values.
    pub(super) fn skewness(&self) -> f64 {
        if self.second < LEAST_SUM_OF_SQUARES {
            return 0.0;
        }
        self.count.sqrt() * self.third / (self.second * self.second.sqrt())
    }

    /// The slope of the least-squares line, per place.
    pub(super) fn slope(&self) -> f64 {
        let n = self.count;
        self.trend / (n * (n * n - 1.0) / 12.0) / self.scale
    }

    /// Takes in a value at one end: `half` is half of what the value's place lies ahead of the others', as a sign.
    fn add(&mut self, value: f64, half: f64) {
        let mut distance = value * self.scale - self.origin * self.scale;
        while distance.abs() > LIMIT && self.scale > COARSEST {
            self.coarsen();
            distance = value * self.scale - self.origin * self.scale;
        }
        let before = self.count;
        let n = before + 1.0;
        let away = distance - self.mean;
        // The division does not wait for the distance, so that it costs no time in a chain of values.
        let step = away * (1.0 / n);
        let squares = away * step * before;
        self.trend += half * before * away;
        self.fourth += squares * (step * step) * (n * n - 3.0 * n + 3.0) + 6.0 * (step * step) * self.second
            - 4.0 * step * self.third;
        self.third += squares * step * (n - 2.0) - 3.0 * step * self.second;
        self.second += squares;
        self.mean += step;
        self.count = n;
    }

    /// Goes to units 2^200 times as large. All factors are powers of two, so nothing is rounded; what underflows is
    /// nothing beside the value that called for it.
    fn coarsen(&mut self) {
        const FINER: f64 = 1.0 / LIMIT;
        self.scale *= FINER;
        self.mean *= FINER;
        self.trend *= FINER;
        self.second *= FINER * FINER;
        self.third *= FINER * FINER * FINER;
        self.fourth *= FINER * FINER * FINER * FINER;
    }
}

impl Summary for Moments {
    fn of(value: f64) -> Self {
        Self { count: 1.0, origin: value, scale: 1.0, mean: 0.0, second: 0.0, third: 0.0, fourth: 0.0, trend: 0.0 }
    }

    fn append(&mut self, value: f64) {
        self.add(value, 0.5);
    }

    fn prepend(&mut self, value: f64) {
        self.add(value, -0.5);
    }

    fn join(older: &Self, newer: &Self) -> Self {
        let (mut a, mut b) = (*older, *newer);
        let away = loop {
            if a.scale > b.scale {
                a.coarsen();
            } else if b.scale > a.scale {
                b.coarsen();
            } else {
                let away = (b.mean - a.mean) + (b.origin * b.scale - a.origin * a.scale);
                if away.abs() <= LIMIT || a.scale <= COARSEST {
                    break away;
                }
                a.coarsen();
                b.coarsen();
            }
        };
        let n = a.count + b.count;
        let part = 1.0 / n;
        let (share_a, share_b) = (a.count * part, b.count * part);
        let both = a.count * share_b;
        let square = away * away;
        Self {
            count: n,
            origin: a.origin,
            scale: a.scale,
            mean: a.mean + away * share_b,
            second: a.second + b.second + square * both,
            third: a.third
                + b.third
                + square * away * both * (share_a - share_b)
                + 3.0 * away * (share_a * b.second - share_b * a.second),
            fourth: a.fourth
                + b.fourth
                + square * square * both * (share_a * share_a - share_a * share_b + share_b * share_b)
                + 6.0 * square * (share_a * share_a * b.second + share_b * share_b * a.second)
                + 4.0 * away * (share_a * b.third - share_b * a.third),
            trend: a.trend + b.trend + 0.5 * a.count * b.count * away,
        }
    }
}
