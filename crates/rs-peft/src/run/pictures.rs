//! Pictures that seeds have drawn beside their results, for the report.

use eval::record::RunRecord;
use eval::report::Picture;

use super::{PlannedRow, RunError};

/// The pictures of a row's seeds; none where no seed has drawn one.
///
/// # Errors
/// When a picture is there and cannot be read.
pub fn pictures(row: &PlannedRow, record: &RunRecord) -> Result<Vec<Picture>, RunError> {
    let mut found = Vec::new();
    for result in &record.results {
        let path = row
            .folder
            .join(format!("seed-{}.features.svg", result.seed));
        match std::fs::read_to_string(&path) {
            Ok(svg) => found.push(Picture {
                experiment: record.experiment.name.clone(),
                caption: format!("{}, seed {}", record.experiment.method, result.seed),
                svg,
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(RunError::Io {
                    action: "read",
                    path,
                    source,
                });
            }
        }
    }
    Ok(found)
}
