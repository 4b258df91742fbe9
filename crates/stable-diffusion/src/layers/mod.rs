//! What U-Net and autoencoder are made of.

mod attention;
mod conv;
mod group_norm;
mod resnet;
mod transformer;

pub(crate) use attention::attend;
pub use attention::{CrossAttention, Projection};
pub use conv::Conv;
pub(crate) use conv::doubled;
pub use group_norm::GroupNorm;
pub use resnet::ResnetBlock;
pub(crate) use resnet::ResnetSizes;
pub use transformer::SpatialTransformer;
pub(crate) use transformer::TransformerSizes;
