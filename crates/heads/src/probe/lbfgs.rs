//! Limited-memory BFGS with a strong-Wolfe line search, in f64.
//!
//! Source: Nocedal and Wright, *Numerical Optimization*, 2nd edition, algorithms 7.4 (two-loop recursion), 7.5,
//! 3.5 and 3.6 (line search).

use std::collections::VecDeque;

/// When to stop, and how much history to keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LbfgsConfig {
    /// Pairs of steps and gradient changes that are remembered.
    pub history: usize,
    /// Upper bound on iterations.
    pub max_iterations: usize,
    /// Converged when the largest absolute gradient entry falls to this.
    pub tolerance: f64,
}

/// How a minimisation ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LbfgsReport {
    /// Objective at the returned point.
    pub value: f64,
    /// Largest absolute gradient entry at the returned point.
    pub gradient_max: f64,
    /// Iterations taken.
    pub iterations: usize,
    /// Objective evaluations taken.
    pub evaluations: usize,
    /// Whether [`LbfgsConfig::tolerance`] was reached.
    pub converged: bool,
}

/// Sufficient decrease and curvature constants of the Wolfe conditions (N&W section 3.1, quasi-Newton values).
const DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
/// Evaluations one line search may take before the best point so far is accepted.
const LINE_EVALUATIONS: usize = 30;

/// Minimises `objective` from `point`, which is overwritten with the minimiser.
///
/// `objective(x, gradient)` returns the value at `x` and writes the gradient. The value never increases from one
/// iteration to the next. A point from which no decrease can be found (rounding level) ends the search.
pub fn minimise<F>(point: &mut Vec<f64>, config: &LbfgsConfig, mut objective: F) -> LbfgsReport
where
    F: FnMut(&[f64], &mut [f64]) -> f64,
{
    let n = point.len();
    let mut gradient = vec![0.0; n];
    let mut value = objective(point, &mut gradient);
    let mut evaluations = 1;
    let mut pairs: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
    let mut iterations = 0;

    while iterations < config.max_iterations && max_abs(&gradient) > config.tolerance {
        let mut direction = two_loop(&gradient, &pairs);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 || !slope.is_finite() {
            // The remembered curvature is useless: fall back to steepest descent.
            pairs.clear();
            direction = gradient.iter().map(|g| -g).collect();
            slope = dot(&direction, &gradient);
        }
        // Without curvature information the first step is scaled to unit length.
        let first = if pairs.is_empty() {
            1.0 / norm(&gradient).max(1e-300)
        } else {
            1.0
        };
        let found = search(
            point,
            value,
            slope,
            &direction,
            first.min(1e10),
            &mut |x, g| {
                evaluations += 1;
                objective(x, g)
            },
        );
        let Some(step) = found else { break };
        iterations += 1;
        let s: Vec<f64> = direction.iter().map(|d| d * step.length).collect();
        let y: Vec<f64> = step
            .gradient
            .iter()
            .zip(&gradient)
            .map(|(a, b)| a - b)
            .collect();
        let curvature = dot(&s, &y);
        if curvature > f64::EPSILON * dot(&y, &y) {
            if pairs.len() == config.history {
                pairs.pop_front();
            }
            pairs.push_back((s, y, 1.0 / curvature));
        }
        *point = step.point;
        gradient = step.gradient;
        value = step.value;
    }
    let gradient_max = max_abs(&gradient);
    LbfgsReport {
        value,
        gradient_max,
        iterations,
        evaluations,
        converged: gradient_max <= config.tolerance,
    }
}

/// `-H g` by the two-loop recursion (N&W algorithm 7.4) with the usual diagonal scaling (equation 7.20).
fn two_loop(gradient: &[f64], pairs: &VecDeque<(Vec<f64>, Vec<f64>, f64)>) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut alphas = Vec::with_capacity(pairs.len());
    for (s, y, rho) in pairs.iter().rev() {
        let alpha = rho * dot(s, &q);
        add_scaled(&mut q, -alpha, y);
        alphas.push(alpha);
    }
    if let Some((_, y, rho)) = pairs.back() {
        let scale = 1.0 / (rho * dot(y, y));
        q.iter_mut().for_each(|v| *v *= scale);
    }
    for ((s, y, rho), alpha) in pairs.iter().zip(alphas.into_iter().rev()) {
        let beta = rho * dot(y, &q);
        add_scaled(&mut q, alpha - beta, s);
    }
    q
}

/// A trial of the line search.
struct Trial {
    length: f64,
    value: f64,
    slope: f64,
    point: Vec<f64>,
    gradient: Vec<f64>,
}

/// Step length that satisfies the strong Wolfe conditions (N&W algorithms 3.5 and 3.6), or the best decrease found;
/// `None` if no trial decreased the value.
fn search(
    origin: &[f64],
    value0: f64,
    slope0: f64,
    direction: &[f64],
    first: f64,
    objective: &mut impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Option<Trial> {
    let mut evaluate = |length: f64| {
        let point: Vec<f64> = origin
            .iter()
            .zip(direction)
            .map(|(x, d)| x + length * d)
            .collect();
        let mut gradient = vec![0.0; point.len()];
        let value = objective(&point, &mut gradient);
        let slope = dot(&gradient, direction);
        Trial {
            length,
            value,
            slope,
            point,
            gradient,
        }
    };
    let too_high =
        |t: &Trial| !t.value.is_finite() || t.value > value0 + DECREASE * t.length * slope0;
    let flat = |t: &Trial| t.slope.abs() <= -CURVATURE * slope0;

    // `low` is the best point that decreases enough; the minimum lies between `low` and `high` once `high` is known.
    let mut low: Option<Trial> = None;
    let mut high: Option<(f64, f64, f64)> = None;
    let mut length = first;
    for _ in 0..LINE_EVALUATIONS {
        let trial = evaluate(length);
        let (low_length, low_value) = low.as_ref().map_or((0.0, value0), |t| (t.length, t.value));
        if too_high(&trial) || trial.value >= low_value {
            high = Some((trial.length, trial.value, trial.slope));
        } else if flat(&trial) {
            return Some(trial);
        } else {
            // Going on past this point must still descend; otherwise the minimum lies behind it.
            let ahead = high.map_or(1.0, |(h, _, _)| h - low_length);
            if trial.slope * ahead >= 0.0 {
                let (v, s) = low
                    .as_ref()
                    .map_or((value0, slope0), |t| (t.value, t.slope));
                high = Some((low_length, v, s));
            }
            low = Some(trial);
        }
        let (l, v, s) = low
            .as_ref()
            .map_or((0.0, value0, slope0), |t| (t.length, t.value, t.slope));
        length = match high {
            None => l * 2.0,
            Some((h, hv, hs)) => interpolate((l, v, s), (h, hv, hs)),
        };
        if let Some((h, _, _)) = high
            && (h - l).abs() <= 1e-16 * (1.0 + l.abs())
        {
            break;
        }
    }
    low
}

/// Minimiser of the cubic through two points with slopes (N&W equation 3.59), kept inside the middle of the bracket.
fn interpolate(a: (f64, f64, f64), b: (f64, f64, f64)) -> f64 {
    let ((x0, f0, g0), (x1, f1, g1)) = (a, b);
    let width = x1 - x0;
    let d1 = g0 + g1 - 3.0 * (f0 - f1) / (x0 - x1);
    let square = d1 * d1 - g0 * g1;
    let guess = if square >= 0.0 && f1.is_finite() {
        let d2 = square.sqrt().copysign(width);
        x1 - width * (g1 + d2 - d1) / (g1 - g0 + 2.0 * d2)
    } else {
        f64::NAN
    };
    let inside = (guess - x0) / width;
    if (0.1..=0.9).contains(&inside) {
        guess
    } else if guess.is_finite() && inside > 0.9 {
        x0 + 0.9 * width
    } else if guess.is_finite() {
        x0 + 0.1 * width
    } else {
        x0 + 0.5 * width
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn max_abs(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |m: f64, v| m.max(v.abs()))
}

fn add_scaled(a: &mut [f64], factor: f64, b: &[f64]) {
    for (x, y) in a.iter_mut().zip(b) {
        *x += factor * y;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: LbfgsConfig = LbfgsConfig {
        history: 10,
        max_iterations: 2000,
        tolerance: 1e-8,
    };

    #[test]
    fn finds_the_minimum_of_the_rosenbrock_valley() {
        let mut x = vec![-1.2, 1.0, -1.2, 1.0];
        let report = minimise(&mut x, &CONFIG, |x, g| {
            let mut value = 0.0;
            g.fill(0.0);
            for p in [0, 2] {
                let (a, b) = (x[p], x[p + 1]);
                value += (1.0 - a).powi(2) + 100.0 * (b - a * a).powi(2);
                g[p] = -2.0 * (1.0 - a) - 400.0 * a * (b - a * a);
                g[p + 1] = 200.0 * (b - a * a);
            }
            value
        });
        assert!(report.converged, "{report:?}");
        assert!(x.iter().all(|v| (v - 1.0).abs() < 1e-6), "{x:?} {report:?}");
        assert!(report.evaluations < 150, "{report:?}");
    }

    #[test]
    fn solves_an_ill_conditioned_quadratic_and_never_goes_up() {
        let scales: Vec<f64> = (0..20).map(|i| 10f64.powf(i as f64 / 5.0)).collect();
        let mut x = vec![1.0; 20];
        let report = minimise(&mut x, &CONFIG, |x, g| {
            for i in 0..20 {
                g[i] = scales[i] * (x[i] - i as f64);
            }
            (0..20)
                .map(|i| 0.5 * scales[i] * (x[i] - i as f64).powi(2))
                .sum()
        });
        assert!(report.converged, "{report:?}");
        for (i, v) in x.iter().enumerate() {
            assert!((v - i as f64).abs() < 1e-6);
        }
    }

    #[test]
    fn survives_infinite_values_in_the_line_search() {
        // The objective is infinite beyond 2; the first unit step from 1.9 with a steep slope lands there.
        let mut x = vec![0.1];
        let report = minimise(&mut x, &CONFIG, |x, g| {
            if x[0] <= 0.0 {
                g[0] = f64::NAN;
                return f64::INFINITY;
            }
            g[0] = 1.0 - 1.0 / x[0];
            x[0] - x[0].ln()
        });
        assert!(
            report.converged && (x[0] - 1.0).abs() < 1e-7,
            "{x:?} {report:?}"
        );
    }

    #[test]
    fn a_stationary_start_takes_no_step() {
        let mut x = vec![0.0; 3];
        let report = minimise(&mut x, &CONFIG, |x, g| {
            g.copy_from_slice(x);
            0.5 * dot(x, x)
        });
        assert_eq!((report.iterations, report.converged), (0, true));
    }
}
