//! Precision over recall.

/// How many of the surest detections were right and wrong; the rest found difficult objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CurveCounts {
    /// Found an object for the first time.
    pub right: usize,
    /// Found nothing, or something that was found before.
    pub wrong: usize,
}

/// Counts after each detection of a class, surest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    positives: usize,
    scores: Vec<f64>,
    counts: Vec<CurveCounts>,
}

impl Curve {
    pub(super) fn new(positives: usize, detections: usize) -> Self {
        Self {
            positives,
            scores: Vec::with_capacity(detections),
            counts: Vec::with_capacity(detections),
        }
    }

    pub(super) fn push(&mut self, score: f64, counts: CurveCounts) {
        self.scores.push(score);
        self.counts.push(counts);
    }

    /// Number of detections.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether nothing was detected.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many objects were asked for.
    pub fn positives(&self) -> usize {
        self.positives
    }

    /// Scores, falling.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Counts after each detection.
    pub fn counts(&self) -> &[CurveCounts] {
        &self.counts
    }

    /// Counts over all detections.
    pub fn total(&self) -> CurveCounts {
        self.counts.last().copied().unwrap_or_default()
    }

    /// Share of the objects found after each detection; empty when none was asked for.
    pub fn recall(&self) -> Vec<f64> {
        if self.positives == 0 {
            return Vec::new();
        }
        let positives = self.positives as f64;
        self.counts
            .iter()
            .map(|c| c.right as f64 / positives)
            .collect()
    }

    /// Share of right detections after each one; 0 as long as all of them found difficult objects.
    pub fn precision(&self) -> Vec<f64> {
        self.counts
            .iter()
            .map(|c| c.right as f64 / ((c.right + c.wrong) as f64).max(f64::EPSILON))
            .collect()
    }
}
