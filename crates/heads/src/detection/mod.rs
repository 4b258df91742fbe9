//! Oriented object detection on the last map of a plain vision transformer.
//!
//! - [`SimplePyramid`]: maps of several extents from one map (Li et al. 2022, ViTDet).
//! - [`RotatedFcos`]: class, distances to four sides, angle and centre-ness at every location (Tian et al. 2019, FCOS, as mmrotate rotates it).
//! - [`assign`]: which location answers for which object.
//! - [`DetectionLoss`]: focal or effective class-margin loss, Gaussian or plain box losses, angle, centre-ness.
//! - [`decode`]: outputs to detections, with rotated non-maximum suppression.
//! - [`DetectionHead`]: pyramid and FCOS as one module, saved as named arrays.
//!
//! Boxes are in pixels of the input image, angles radians under `le90`; geometry is that of the crate `oriented-boxes`.

mod assign;
mod box_loss;
mod class_loss;
mod decode;
mod fcos;
mod gaussian;
mod head;
mod loss;
mod norm;
mod oriented;
mod pyramid;
mod rotated_iou;
mod tower;

pub use assign::{AssignConfig, Assigned, Positive, TargetObject, assign, locations};
pub use box_loss::{AngleLossConfig, BoxLossConfig, BoxLossKind, IouTransform};
pub use class_loss::{ClassLossConfig, ClassMargin, ClassTerm, Focal};
pub use decode::{DecodeConfig, decode};
pub use fcos::{DistanceActivation, FcosOutput, LevelOutput, RotatedFcos, RotatedFcosConfig};
pub use gaussian::{Gaussian, GaussianConfig, GaussianTransform};
pub use head::{DetectionHead, DetectionHeadConfig};
pub use loss::{DetectionLoss, DetectionLossConfig, DetectionTerms};
pub use norm::ChannelNorm;
pub use pyramid::{ExtraLevels, PyramidScale, SimplePyramid, SimplePyramidConfig};
