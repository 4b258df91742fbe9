//! Masked-autoencoder pretraining (He et al. 2022): random masking, an encoder that sees visible patches alone, a small
//! decoder, and a loss on the pixels of masked patches.

mod config;
mod decoder;
mod model;
mod plan;

pub use config::MaeConfig;
pub use decoder::MaeDecoder;
pub use model::Mae;
pub use plan::MaskPlan;
