//! The only loop over optimiser steps of this workspace.
//!
//! [`fit`] trains any burn module with any loss over any source of batches: fine-tuning, distillation and masked
//! pretraining differ in their [`Objective`] and [`BatchSource`] only. Around it:
//!
//! - [`GroupConfig`], [`ParameterGroups`]: parameter groups by name pattern, each with its learning rate and decay;
//! - [`OptimizerConfig`]: AdamW and SGD as PyTorch defines them;
//! - [`ScheduleConfig`]: warm-up with cosine, constant or multi-step decay, per optimiser step;
//! - [`clip_scale`], [`global_norm`]: clipping by the norm over *all* gradients;
//! - [`CheckpointPolicy`]: checkpoints that a killed run resumes from, bit-identical on the CPU backends;
//! - [`Progress`], [`ConsoleProgress`]: progress with rate and time left; the clock is an argument;
//! - [`extract`], [`FeatureCache`]: frozen features, computed once; [`RowFile`]: those that need not fit into memory;
//! - [`peak_rss_bytes`]: peak memory for run records.
//!
//! # Example
//! ```
//! use burn::nn::{Linear, LinearConfig};
//! use burn::tensor::Tensor;
//! use training::{BoxError, FitConfig, FnSource, GroupConfig, Hooks, Loss, ScheduleConfig, StepContext, fit};
//! # type B = testkit::FlexBackend; // any autodiff backend
//!
//! // Learn y = 2x from eight batches per epoch.
//! let device = Default::default();
//! let model: Linear<B> = LinearConfig::new(1, 1).init(&device);
//! let source = FnSource::new(8, |_epoch, index| Ok(index as f32 / 8.0));
//! let objective = |model: &Linear<B>, x: f32, _: &StepContext| -> Result<Loss<B>, BoxError> {
//!     let x = Tensor::<B, 2>::from_floats([[x]], &Default::default());
//!     let error = model.forward(x.clone()) - x * 2.0;
//!     Ok(Loss::mean(error.powi_scalar(2).mean(), 1))
//! };
//! let config = FitConfig::new(100, 0, vec![GroupConfig::all(5e-2)], ScheduleConfig::cosine(0.1));
//! let outcome = fit::<B, _, _, _>(model, &config, &objective, &source, &device, Hooks::none())?;
//! assert!(outcome.curve.last_loss().unwrap() < 1e-2);
//! # Ok::<(), training::TrainError>(())
//! ```
//!
//! # Where determinism ends
//! A run is a function of its configuration, seed and batches: the backend is reseeded before every batch from
//! (seed, batch index), and nothing else draws numbers. Equal bits are promised for one backend, one machine and one
//! number of threads; GPU backends may sum in varying order.

mod checkpoint;
mod clip;
mod curve;
mod error;
mod features;
mod fit;
mod groups;
mod hash;
mod memory;
mod module_state;
mod objective;
mod optimizer;
mod paths;
mod pattern;
mod progress;
mod schedule;
mod seed;
mod tensor_file;
mod trainer;

pub use checkpoint::CheckpointPolicy;
pub use clip::{clip_scale, global_norm, scale_gradients};
pub use curve::{Curve, EpochPoint};
pub use error::{BoxError, TrainError};
pub use features::{
    CacheKey, CacheOutcome, FeatureCache, FeatureMatrix, Precision, RowFile, RowWriter, extract,
};
pub use fit::{Best, EarlyStopping, FitConfig, FitOutcome, Hooks, Validate, fit};
pub use groups::{GroupConfig, GroupCount, ParameterGroups, ParameterInfo};
pub use memory::peak_rss_bytes;
pub use module_state::ModuleState;
pub use objective::{BatchSource, Batches, FnSource, Loss, Objective, StepContext};
pub use optimizer::{AdamWConfig, OptimizerConfig, SgdConfig};
pub use progress::{Clock, ConsoleProgress, Plan, Progress, StepReport};
pub use schedule::{ScheduleConfig, ScheduleShape};
pub use seed::derive_seed;

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
