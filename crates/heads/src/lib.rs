//! Task heads over backbone features, and their losses.
//!
//! Three things live here, and none of them knows which backbone or adapter made its input:
//!
//! - [`LinearHead`]: a burn module, trained together with an adapter by the `training` crate;
//! - [`loss`]: cross-entropy with ignore index, class weights and label smoothing;
//! - [`probe`]: classifiers fitted on the host over frozen features (multinomial logistic regression and
//!   nearest neighbours). They see slices of numbers and no tensor type, so every backend shares them.

mod error;
mod linear;
pub mod loss;
pub mod probe;

pub use error::HeadError;
pub use linear::{HeadArrays, LinearHead, LinearHeadConfig};
pub use loss::{ClassWeights, CrossEntropy, CrossEntropyConfig, Targets};
pub use probe::{
    FeatureTable, KnnConfig, KnnMetric, KnnProbe, LogisticConfig, LogisticProbe, Standardiser,
};
