//! The methods, one file each: what each one trains, and how it acts at the seam.

mod adaptformer;
mod bitfit;
mod bottleneck;
pub(crate) mod dora;
mod frozen;
mod full;
mod houlsby;
mod ia3;
mod lora;
mod norm_tuning;
mod scratch;
mod slr;
mod slr_patch;
mod vpt;

pub use adaptformer::{AdaptFormer, AdaptFormerConfig};
pub use bitfit::{BiasSite, BitFit, SiteBias};
pub use bottleneck::{Bottleneck, BottleneckInit, Nonlinearity};
pub use dora::Dora;
pub use frozen::Frozen;
pub use full::Full;
pub use houlsby::{Houlsby, HoulsbyConfig};
pub use ia3::{Ia3, Ia3Config, Ia3Map, Ia3Place};
pub(crate) use lora::bias_sites;
pub use lora::{Lora, LoraMap};
pub use norm_tuning::NormTuning;
pub use scratch::Scratch;
pub use slr::{Slr, SlrConfig, SlrMap, SlrPatchInit};
pub use slr_patch::SlrPatch;
pub use vpt::{MAX_PROMPTS, Vpt, VptConfig};
