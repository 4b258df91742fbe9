//! From a folder of labelled images to a model directory: flags become the experiment that the engine runs, and what it leaves
//! becomes files.

mod error;
mod input;
mod method;
mod perform;
mod request;
mod resolve;
mod settings;

pub use error::AdaptError;
pub use method::{METHODS, default_method};
pub use perform::{AdaptRun, Adapted};
pub use request::{AdaptRequest, EffortPreset};
pub use resolve::{AdaptPlan, layout, resolve};
