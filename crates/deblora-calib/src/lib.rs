//! The mathematics of debLoRA (Tian, Chen and Sun, NeurIPS 2024) without tensors: features in, targets and measurements out.
//!
//! In the order of the paper: rows are clustered (crate `clustering`); [`ClusterCounts`] counts classes by clusters;
//! [`debiased_centres`] mixes the cluster centres of every class; [`Calibration`] moves the rows of tail classes towards them, with
//! [`ImbalanceRatio`], [`AlphaRule`], [`Tail`] and [`Mode`] for what the paper leaves open; [`calibration_objective`] is what a
//! model is trained on. [`OfficialCalibration`] is the released code's variant. [`analysis`] measures whether any of it holds.
//!
//! ```
//! use deblora_calib::{Calibration, Classes, Clusters, Features, Noise, debiased_centres};
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! // Twenty rows of class 0 around 0, one row of class 1 at 4; two clusters.
//! let values: Vec<f32> = (0..20).map(|i| (i % 5) as f32 / 5.0).chain([4.0]).collect();
//! let labels: Vec<usize> = (0..21).map(|i| i / 20).collect();
//! let clusters: Vec<Option<u32>> = (0..21).map(|i| Some(if i == 20 { 1 } else { 0 })).collect();
//! let features = Features::new("rows", &values, 1)?;
//! let classes = Classes::new(&labels, 2)?;
//! let clusters = Clusters::new(&clusters, 2)?;
//! let centres = debiased_centres(&features, &classes, &clusters, &[0.4, 3.0], Noise::LeaveOut)?;
//! // Imbalance 20, so half of the way: 4 -> 3.5, behind the originals.
//! let set = Calibration::default().apply(&features, &classes, &centres, &mut ChaCha8Rng::seed_from_u64(0))?;
//! assert_eq!((set.rows(), set.values[21], set.classes[21]), (22, 3.5, 1));
//! # Ok::<(), deblora_calib::CalibError>(())
//! ```

pub mod analysis;
mod calibrate;
mod centres;
mod counts;
mod error;
mod imbalance;
mod means;
mod objective;
mod official;
mod table;

pub use analysis::centre_distances;
pub use calibrate::{AlphaDraw, Calibrated, Calibration, ClassAlphas, Mode, calibrated};
pub use centres::{Noise, debiased_centres};
pub use counts::{ClusterCounts, class_weights, nearest_for_noise};
pub use error::CalibError;
pub use imbalance::{AlphaRule, ImbalanceRatio, Tail, Thirds, thirds};
pub use means::{ClassCentres, class_means, cluster_means};
pub use objective::calibration_objective;
pub use official::{OfficialCalibration, OfficialRows};
pub use table::{Classes, Clusters, Features};

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
