//! PyTorch checkpoints: a restricted pickle reader that builds data and never runs anything, and the two containers.

pub(crate) mod legacy;
mod ops;
mod pickle;
mod reader;
mod state_dict;
mod value;
pub(crate) mod zip;
