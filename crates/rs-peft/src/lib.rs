//! Adapting pretrained vision models to remote-sensing imagery.
//!
//! The crates of the workspace under one roof, and what joins them: experiments as files ([`experiment`]), their execution
//! ([`run`]) and the choice of backend ([`BackendKind`]). Each crate can be used on its own.

pub mod adapt;
pub mod adapted;
mod backend;
pub mod download;
pub mod experiment;
mod hex;
pub mod pretrain;
pub mod run;
pub mod scene;
pub mod shipped;

pub use adapted::{AdaptedError, AdaptedModel, ModelManifest};
pub use backend::{BackendError, BackendKind, BackendTask, dispatch};
pub use experiment::ExperimentError;
pub use run::RunError;

pub use {
    clustering, deblora_calib, deflect, eval, heads, peft_lora, rs_datasets, stable_diffusion,
    training, vit_backbone,
};

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
