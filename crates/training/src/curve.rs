//! Training curves as data.

use serde::{Deserialize, Serialize};

/// What happened in one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochPoint {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Optimiser steps taken since the start of the run.
    pub step: usize,
    /// Mean training loss of the epoch, weighted by the batch weights; absent if every batch had weight 0.
    pub train_loss: Option<f64>,
    /// Mean gradient norm of the epoch's steps, before clipping; absent if no step had a gradient.
    pub gradient_norm: Option<f64>,
    /// Schedule factor of the last step.
    pub rate_factor: f64,
    /// Validation score after the epoch, higher is better; absent in epochs without validation.
    pub score: Option<f64>,
}

/// One point per epoch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// The points, in order.
    pub epochs: Vec<EpochPoint>,
}

impl Curve {
    /// The last training loss, if any.
    pub fn last_loss(&self) -> Option<f64> {
        self.epochs.iter().rev().find_map(|p| p.train_loss)
    }
}
