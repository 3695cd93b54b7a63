//! Sequential minimal optimisation for the one-class problem, along the path that libsvm takes (Chang and Lin, 2011).
//!
//! Minimises ½ αᵀKα where 0 ≤ αᵢ ≤ 1 and Σαᵢ = ν·n. Each step moves weight between two rows: the first breaks the
//! optimality conditions most, the second promises the greatest decrease by second-order information (Fan, Chen and Lin,
//! 2005). libsvm stops at a tolerance of .001, where several solutions will do. To find the one that it finds, the
//! beginning, the choice among equals and the 32-bit kernel values are libsvm's. Its shrinking, a matter of speed, is left
//! out.

use super::kernel::Kernel;

/// Curvature where there is none, as between equal rows; libsvm's number.
const LEAST_CURVATURE: f64 = 1e-12;
/// Steps per row that are taken at most, so that a fit ends in any case.
const MOST_STEPS_PER_ROW: usize = 1000;

/// The solution.
#[derive(Debug)]
pub(super) struct Solution {
    /// Weight of each row, from 0 to 1.
    pub(super) alphas: Vec<f64>,
    /// Weighted kernel sum on the surface.
    pub(super) rho: f64,
}

/// Solves to within `tolerance` in the optimality conditions.
pub(super) fn solve(kernel: &mut Kernel<'_>, nu: f64, tolerance: f64) -> Solution {
    let alphas = initial_alphas(kernel.count(), nu);
    let mut gradient = vec![0.0; alphas.len()];
    for (row, alpha) in alphas.iter().enumerate().filter(|(_, alpha)| **alpha > 0.0) {
        for (slope, value) in gradient.iter_mut().zip(kernel.row(row)) {
            *slope += alpha * f64::from(*value);
        }
    }
    let mut problem = Problem { alphas, gradient };
    for _ in 0..MOST_STEPS_PER_ROW * kernel.count() {
        let Some((one, other)) = problem.select(kernel, tolerance) else { break };
        problem.step(kernel, one, other);
    }
    let rho = problem.rho();
    Solution { alphas: problem.alphas, rho }
}

/// Full weight for the first rows, until ν·n has been given out. It is added up as libsvm adds it up, since what rounding
/// leaves over decides whether one more row begins with a weight.
fn initial_alphas(count: usize, nu: f64) -> Vec<f64> {
    let mut left: f64 = (0..count).map(|_| nu).sum();
    let mut alphas = vec![0.0; count];
    for alpha in &mut alphas {
        *alpha = left.clamp(0.0, 1.0);
        left -= *alpha;
    }
    alphas
}

#[derive(Debug)]
struct Problem {
    alphas: Vec<f64>,
    gradient: Vec<f64>,
}

impl Problem {
    /// The rows between which weight is to be moved next: to the first, from the second. `None` at the solution.
    fn select(&self, kernel: &mut Kernel<'_>, tolerance: f64) -> Option<(usize, usize)> {
        let mut steepest = f64::NEG_INFINITY;
        let mut first = None;
        for (row, (alpha, slope)) in self.alphas.iter().zip(&self.gradient).enumerate() {
            // Of equals the last one, here and below.
            if *alpha < 1.0 && -slope >= steepest {
                steepest = -slope;
                first = Some(row);
            }
        }
        let first = first?;
        let mut highest = f64::NEG_INFINITY;
        let (mut best, mut second) = (f64::INFINITY, None);
        let rows = self.alphas.iter().zip(&self.gradient).zip(kernel.row(first));
        for (row, ((alpha, slope), value)) in rows.enumerate() {
            if *alpha <= 0.0 {
                continue;
            }
            highest = slope.max(highest);
            let difference = steepest + slope;
            if difference > 0.0 {
                let change = -(difference * difference) / curvature(*value);
                if change <= best {
                    (best, second) = (change, Some(row));
                }
            }
        }
        if steepest + highest < tolerance { None } else { second.map(|second| (first, second)) }
    }

    /// Moves weight between two rows until the slope between them is level or a bound is reached.
    fn step(&mut self, kernel: &mut Kernel<'_>, one: usize, other: usize) {
        let (row_one, row_other) = kernel.pair(one, other);
        let before = (self.alphas[one], self.alphas[other]);
        let delta = (self.gradient[one] - self.gradient[other]) / curvature(row_one[other]);
        let sum = before.0 + before.1;
        let (mut alpha_one, mut alpha_other) = (before.0 - delta, before.1 + delta);
        if sum > 1.0 {
            if alpha_one > 1.0 {
                (alpha_one, alpha_other) = (1.0, sum - 1.0);
            }
            if alpha_other > 1.0 {
                (alpha_one, alpha_other) = (sum - 1.0, 1.0);
            }
        } else {
            if alpha_other < 0.0 {
                (alpha_one, alpha_other) = (sum, 0.0);
            }
            if alpha_one < 0.0 {
                (alpha_one, alpha_other) = (0.0, sum);
            }
        }
        (self.alphas[one], self.alphas[other]) = (alpha_one, alpha_other);
        let (change_one, change_other) = (alpha_one - before.0, alpha_other - before.1);
        for (slope, (in_one, in_other)) in self.gradient.iter_mut().zip(row_one.iter().zip(row_other)) {
            *slope += f64::from(*in_one) * change_one + f64::from(*in_other) * change_other;
        }
    }

    /// The mean slope over the rows between the bounds, all of which lie on the surface at the solution. Without any, the
    /// middle between the slopes of the rows at either bound; with all rows at the upper one, theirs.
    fn rho(&self) -> f64 {
        let (mut sum, mut count) = (0.0, 0_u32);
        let (mut below, mut above) = (f64::NEG_INFINITY, f64::INFINITY);
        for (alpha, slope) in self.alphas.iter().zip(&self.gradient) {
            if *alpha >= 1.0 {
                below = slope.max(below);
            } else if *alpha <= 0.0 {
                above = slope.min(above);
            } else {
                sum += slope;
                count += 1;
            }
        }
        match count {
            0 if above.is_finite() => f64::midpoint(below, above),
            0 => below,
            _ => sum / f64::from(count),
        }
    }
}

/// Of the objective along the line between two rows, of the kernel value between them; that of a row with itself is 1.
fn curvature(value: f32) -> f64 {
    let curvature = 2.0 - 2.0 * f64::from(value);
    if curvature > 0.0 { curvature } else { LEAST_CURVATURE }
}
