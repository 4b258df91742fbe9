//! The errors that comparisons saw, written down for `cargo xtask backends`, which publishes the largest of each backend.

use std::fs::OpenOptions;
use std::io::Write;

use crate::Tolerance;

/// Names the file that every comparison of a test on a backend adds a line to; unset, nothing is written.
const LOG: &str = "RS_PEFT_ERROR_LOG";

/// Adds `backend, crate, test, tolerance, error, what`, separated by tabs. The backend is the module that
/// [`backend_matrix`](crate::backend_matrix) put the test into, which the test harness has as the thread's name.
pub(crate) fn note(what: &str, error: f64, tolerance: Tolerance) {
    let Some(path) = std::env::var_os(LOG) else {
        return;
    };
    let thread = std::thread::current();
    let Some((module, test)) = thread.name().and_then(|name| name.rsplit_once("::")) else {
        return;
    };
    let Some(backend) = module
        .rsplit("::")
        .next()
        .and_then(|m| m.strip_prefix("on_"))
    else {
        return;
    };
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    let line = format!(
        "{backend}\t{package}\t{test}\t{}\t{error:e}\t{what}\n",
        tolerance.name
    );
    // One write per line, in append mode: lines of threads and processes do not mix.
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        panic!("cannot write {}: {error}", path.display());
    }
}
