//! The method against its equations: goldens, properties, files, bad input.

mod bad_input;
mod file;
mod goldens;
mod properties;
mod reference;
#[path = "../support/mod.rs"]
mod support;
