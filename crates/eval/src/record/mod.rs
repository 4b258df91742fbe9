//! The record of one run (`run.json`): everything that a reported number is generated from.

mod folder;
mod id;
mod io;
mod json;
mod run;
mod seed;
mod validate;

pub use folder::{StoredRecord, read_records};
pub use id::content_id;
pub use io::{MAX_RECORD_BYTES, write_atomically};
pub use run::{
    Code, Compute, Cost, DataKind, Experiment, InputHashes, PaperValue, Parameters, RunRecord,
    SCHEMA_VERSION,
};
pub use seed::{CurvePoint, SeedResult};
