//! How adapter and head of a row are optimised, whatever the head is: groups and rates, schedule, the weight of an adapter's own loss.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use eval::record::CurvePoint;
use training::{Curve, FitConfig, GroupConfig};

use super::model::{InputAdapter, adapter_rates};
use super::seed::{SeedRun, curve_points};
use crate::experiment::Method;

/// The settings of the training loop that every task shares.
pub(crate) struct Recipe {
    /// For the loop; a task may add validation.
    pub(crate) fit: FitConfig,
    /// Whether the adapter trains anything.
    pub(crate) adapts: bool,
    /// Rate at the top of the schedule, for the curve.
    peak: f64,
    /// Weight of the loss of DEFLECT's soft constraint, which is on the norms of displacements.
    norm_loss: f64,
}

impl SeedRun<'_> {
    /// The recipe for a model with the parts `adapter` and `head`.
    pub(super) fn recipe<B: AutodiffBackend>(&self, adapter: &InputAdapter<B>) -> Recipe {
        let config = &self.experiment.train;
        let adapts = adapter.num_params() > 0;
        let group = |name: &str, patterns: &[&str], rate: f64| {
            GroupConfig::new(name, patterns, rate)
                .with_weight_decay(config.weight_decay)
                .with_decay_vectors(config.decay_vectors)
        };
        let mut groups = vec![group("head", &["head.*"], config.head_learning_rate)];
        if adapts {
            let rates = adapter_rates(&self.experiment.method, adapter);
            groups.extend(rates.iter().map(|(name, patterns, factor)| {
                let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
                group(name, &patterns, config.learning_rate * factor)
            }));
        }
        let schedule = config.schedule.config(config.warmup);
        let mut fit = FitConfig::new(config.epochs, self.seed, groups, schedule);
        fit.clip_norm = Some(f64::from(config.clip_norm));
        Recipe {
            fit,
            adapts,
            peak: if adapts {
                config.learning_rate
            } else {
                config.head_learning_rate
            },
            norm_loss: match &self.experiment.method {
                Method::Deflect(method) => method.norm_loss(),
                Method::Weights(_) => 0.0,
            },
        }
    }
}

impl Recipe {
    /// A loss with the adapter's own, where its pass through the blocks left one.
    pub(crate) fn with_norm_loss<B: Backend>(
        &self,
        value: Tensor<B, 1>,
        gap: Option<Tensor<B, 1>>,
    ) -> Tensor<B, 1> {
        match gap {
            Some(gap) => value + gap * self.norm_loss,
            None => value,
        }
    }

    /// The curve of a run, for its record.
    pub(crate) fn curve(&self, curve: &Curve) -> Vec<CurvePoint> {
        curve_points(curve, self.peak)
    }
}
