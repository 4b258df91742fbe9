//! Calibration: does a confidence of 80 % mean that 80 % are right?

use serde::{Deserialize, Serialize};

use super::Probabilities;
use super::per_class::ratio;
use crate::EvalError;

/// One bin of confidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliabilityBin {
    /// Exclusive lower bound of the confidence (inclusive in the first bin).
    pub lower: f64,
    /// Inclusive upper bound.
    pub upper: f64,
    /// Samples in the bin.
    pub count: u64,
    /// Their mean confidence; `None` when the bin is empty.
    pub confidence: Option<f64>,
    /// Their accuracy; `None` when the bin is empty.
    pub accuracy: Option<f64>,
}

/// A reliability diagram and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reliability {
    /// Bins of equal *width* over 0..=1.
    pub bins: Vec<ReliabilityBin>,
    /// Expected calibration error (Naeini et al. 2015; Guo et al. 2017, Eq. 3): mean over samples of
    /// |accuracy - confidence| of their bin. `None` without samples.
    pub ece: Option<f64>,
    /// Maximum calibration error: the largest |accuracy - confidence| of a bin. `None` without samples.
    pub mce: Option<f64>,
}

impl Probabilities {
    /// Reliability of the top-1 prediction in `bins` bins of equal width, bin `b` holding confidences in
    /// (b / bins, (b + 1) / bins]. Guo et al. use 15.
    ///
    /// # Errors
    /// When `truth` does not match in length or holds a label outside the list, or `bins` is not in 1..=1000.
    pub fn reliability(&self, truth: &[usize], bins: usize) -> Result<Reliability, EvalError> {
        self.check_labels(truth)?;
        if !(1..=1000).contains(&bins) {
            return Err(EvalError::Value {
                what: "the number of bins",
                expected: "in 1..=1000",
                found: bins.to_string(),
            });
        }
        let edge = |b: usize| b as f64 / bins as f64;
        let mut sums = vec![(0u64, 0.0f64, 0u64); bins];
        for i in 0..self.len() {
            let (class, confidence) = self.best(i);
            // Rounding of `confidence * bins` may miss the edge by one bin: settle it by comparing with the edges themselves.
            let mut b = ((confidence * bins as f64).ceil() as usize).clamp(1, bins) - 1;
            if b > 0 && confidence <= edge(b) {
                b -= 1;
            } else if b + 1 < bins && confidence > edge(b + 1) {
                b += 1;
            }
            sums[b].0 += 1;
            sums[b].1 += confidence;
            sums[b].2 += u64::from(class == truth[i]);
        }
        let bins: Vec<ReliabilityBin> = sums
            .iter()
            .enumerate()
            .map(|(b, &(count, confidence, correct))| ReliabilityBin {
                lower: edge(b),
                upper: edge(b + 1),
                count,
                confidence: ratio(confidence, count as f64),
                accuracy: ratio(correct as f64, count as f64),
            })
            .collect();
        let gaps: Vec<(f64, f64)> = bins
            .iter()
            .filter_map(|bin| Some((bin.count as f64, (bin.accuracy? - bin.confidence?).abs())))
            .collect();
        Ok(Reliability {
            ece: ratio(gaps.iter().map(|(n, gap)| n * gap).sum(), self.len() as f64),
            mce: gaps.iter().map(|&(_, gap)| gap).reduce(f64::max),
            bins,
        })
    }
}
