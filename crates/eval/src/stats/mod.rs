//! From the scores of several seeds to a claim: spread, intervals, paired differences.

mod bootstrap;
mod interval;
mod paired;
mod special;
mod student_t;
mod summary;
mod wilcoxon;

pub use bootstrap::{Bootstrap, MAX_RESAMPLES};
pub use interval::{Interval, t_interval};
pub use paired::PairedDifference;
pub use special::{incomplete_beta, ln_gamma, standard_normal_tail};
pub use student_t::StudentT;
pub use summary::{MetricSummary, mean, quantile, sample_std};
pub use wilcoxon::{SignedRank, wilcoxon_signed_rank};
