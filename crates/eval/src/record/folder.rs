//! All records below a folder.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::RunRecord;
use crate::EvalError;

/// Folders below the given one that are looked into.
const MAX_DEPTH: usize = 8;

/// A record and the file that it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRecord {
    /// The file.
    pub path: PathBuf,
    /// The record.
    pub record: RunRecord,
}

/// Reads every `run.json` and `*.run.json` below `folder` (links are not followed), in order of their paths.
///
/// # Errors
/// When a folder cannot be read or a record is not valid, and when two files hold the same run (id) or the same row of the
/// same experiment: which of them a table should show is not this program's guess.
pub fn read_records(folder: &Path) -> Result<Vec<StoredRecord>, EvalError> {
    let mut paths = Vec::new();
    collect(folder, 0, &mut paths)?;
    paths.sort();
    let mut records = Vec::with_capacity(paths.len());
    let mut seen: HashMap<String, PathBuf> = HashMap::new();
    for path in paths {
        let record = RunRecord::read(&path)?;
        let keys = [
            format!("run {}", record.id),
            format!("row {}", record.label()),
        ];
        for what in keys {
            if let Some(first) = seen.insert(what.clone(), path.clone()) {
                return Err(EvalError::Duplicate {
                    what,
                    first: first.display().to_string(),
                    second: path.display().to_string(),
                });
            }
        }
        records.push(StoredRecord { path, record });
    }
    Ok(records)
}

fn collect(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), EvalError> {
    let io = |source| EvalError::Io {
        action: "list",
        path: folder.into(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let kind = entry.file_type().map_err(io)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() && depth < MAX_DEPTH {
            collect(&entry.path(), depth + 1, paths)?;
        } else if kind.is_file()
            && (name == "run.json" || (name.ends_with(".run.json") && !name.starts_with('.')))
        {
            paths.push(entry.path());
        }
    }
    Ok(())
}
