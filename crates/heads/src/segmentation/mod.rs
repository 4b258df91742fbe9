//! Heads that give a class per pixel from the feature maps of a backbone.

pub(crate) mod arrays;
mod conv;
mod head;
mod linear;
mod norm;
mod pyramid;
mod resample;
mod upernet;
pub(crate) mod weights;

pub use arrays::NamedArray;
pub use conv::ConvBlock;
pub use head::{SegmentationHead, SegmentationHeadConfig};
pub use linear::{LinearMapHead, LinearMapHeadConfig};
pub use norm::BatchNorm;
pub use pyramid::FeaturePyramid;
pub use resample::{adaptive_average_pool, bilinear};
pub use upernet::{UperNet, UperNetConfig};
