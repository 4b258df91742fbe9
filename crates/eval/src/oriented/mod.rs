//! Oriented object detection: average precision by DOTA's rules, and the folders of its files.
//!
//! - [`GroundTruth`], [`ScoredBox`]: what is in the images and what was detected.
//! - [`match_class`], [`ClassMatches`]: which detection found which object; done once, for every threshold.
//! - [`average_precision`], [`ApMethod`]: from a precision-recall curve to a number.
//! - [`evaluate_oriented`], [`OrientedRules`]: per class, over all classes, over head, middle and tail.
//! - [`read_labels`], [`read_results`], [`write_results`]: folders of labelTxt and Task 1 files.
//!
//! Geometry is that of the crate `oriented-boxes`. The same detections give the same numbers as the development kit of DOTA and as mmrotate.

mod average_precision;
mod curve;
mod evaluate;
mod files;
mod ground_truth;
mod matching;
mod scores;

pub use average_precision::{ApMethod, average_precision};
pub use curve::{Curve, CurveCounts};
pub use evaluate::{DifficultObjects, OrientedRules, evaluate_oriented};
pub use files::{UnknownClasses, read_image_list, read_labels, read_results, write_results};
pub use ground_truth::{GroundTruth, ImageTruth, ScoredBox, TruthObject};
pub use matching::{ClassMatches, match_class};
pub use scores::{ClassAp, GroupAp, OrientedEvaluation, ThresholdScores};
