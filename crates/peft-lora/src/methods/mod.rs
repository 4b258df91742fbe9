//! The methods, one file each: what each one trains, and how it acts at the seam.

mod bitfit;
mod frozen;
mod full;
mod lora;
mod norm_tuning;
mod scratch;

pub use bitfit::{BiasSite, BitFit, SiteBias};
pub use frozen::Frozen;
pub use full::Full;
pub use lora::{Lora, LoraMap};
pub use norm_tuning::NormTuning;
pub use scratch::Scratch;
