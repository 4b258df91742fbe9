//! Adapting a pretrained vision transformer with few parameters: methods that act on its weights, over the seam of
//! [`vit_backbone`].

mod adapter;
mod config;
mod cost;
mod count;
mod draw;
mod error;
mod listing;
mod lora_config;
mod merge;
mod methods;
mod params;
pub mod peft_format;
mod place;
mod presets;
mod rates;
pub mod seal;
mod several;
pub mod targets;

pub use adapter::PeftAdapter;
pub use config::{BitFitConfig, MethodConfig};
pub use count::ParameterCount;
pub use error::PeftError;
pub use lora_config::{LoraBias, LoraConfig, LoraInit, MAX_RANK};
pub use merge::output_difference;
pub use methods::{
    AdaptFormer, AdaptFormerConfig, BiasSite, BitFit, Bottleneck, BottleneckInit, Dora, Frozen,
    Full, Houlsby, HoulsbyConfig, Ia3, Ia3Config, Ia3Map, Ia3Place, Lora, LoraMap, MAX_PROMPTS,
    Nonlinearity, NormTuning, Scratch, SiteBias, Slr, SlrConfig, SlrMap, SlrPatch, SlrPatchInit,
    Vpt, VptConfig,
};
pub use params::{trainable, trainable_copy};
pub use peft_format::{
    BaseCheck, BaseIdentity, HostArray, LoadOptions, LoadReport, LoadedAdapter, SavedHead,
};
pub use place::{QkvPart, Target, linear_dims};
pub use presets::PRESETS;
pub use rates::RateGroup;
pub use several::{ByRow, NamedAdapters};
pub use targets::{PlannedMap, plan};

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
