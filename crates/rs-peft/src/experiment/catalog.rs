//! The experiment files of a folder: `defaults.toml`, and tables at any depth below it, each a folder with `_table.toml` and a
//! file per row: `<group>/<table>/<row>.toml`.

use std::path::{Path, PathBuf};

use super::{Experiment, ExperimentError, content_hash, merge};

/// One row: its name (`group/table/row`, groups within groups included), its file, its resolved configuration and identity.
#[derive(Clone, Debug)]
pub struct Row {
    /// `group/table/row`.
    pub name: String,
    /// The row's file.
    pub path: PathBuf,
    /// Defaults, table and row merged.
    pub experiment: Experiment,
    /// SHA-256 of the resolved configuration.
    pub hash: String,
    /// Its place among the rows of its table, from 0, whichever of them are run.
    pub place: u32,
    /// Whether it runs when nobody asks for certain tables or rows: what the key `default` of the table's file lists, or every
    /// row of a table without that key.
    pub by_default: bool,
}

impl Row {
    /// `group/table`.
    pub fn table(&self) -> &str {
        self.name.rsplit_once('/').map_or("", |(table, _)| table)
    }

    /// The last part of the name.
    pub fn row(&self) -> &str {
        self.name
            .rsplit_once('/')
            .map_or(self.name.as_str(), |(_, row)| row)
    }
}

/// All rows, ordered by table and then as `order` in the table's file says, other rows behind them by name.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The rows.
    pub rows: Vec<Row>,
}

impl Catalog {
    /// Reads every experiment below `folder`.
    ///
    /// # Errors
    /// [`ExperimentError`] for the first file that cannot be read or does not fit the schema.
    pub fn read(folder: &Path) -> Result<Self, ExperimentError> {
        let defaults = read_table(&folder.join("defaults.toml"))?;
        let mut rows = Vec::new();
        for group in folders(folder)? {
            read_tables(folder, &defaults, &group, DEEPEST, &mut rows)?;
        }
        Ok(Self { rows })
    }

    /// The row of a name, or of the beginning (8 characters or more) of a hash.
    ///
    /// # Errors
    /// [`ExperimentError::UnknownRow`] with names that look like it.
    pub fn find(&self, asked: &str) -> Result<&Row, ExperimentError> {
        let by_hash = |row: &&Row| asked.len() >= 8 && row.hash.starts_with(asked);
        self.rows
            .iter()
            .find(|row| row.name == asked)
            .or_else(|| self.rows.iter().find(by_hash))
            .ok_or_else(|| {
                let last = asked.rsplit('/').next().unwrap_or(asked);
                let mut near: Vec<&str> = self
                    .rows
                    .iter()
                    .map(|r| r.name.as_str())
                    .filter(|name| name.contains(last) || asked.contains(name))
                    .collect();
                if near.is_empty() {
                    near = self.rows.iter().map(|r| r.name.as_str()).take(5).collect();
                }
                ExperimentError::UnknownRow {
                    asked: asked.into(),
                    nearest: near.join(", "),
                }
            })
    }
}

/// Folders within folders that are looked through.
const DEEPEST: usize = 8;

/// Reads the tables at and below `folder`.
fn read_tables(
    root: &Path,
    defaults: &toml::Table,
    folder: &Path,
    depth: usize,
    rows: &mut Vec<Row>,
) -> Result<(), ExperimentError> {
    if folder.join("_table.toml").is_file() {
        rows.extend(read_rows(root, defaults, folder)?);
        return Ok(());
    }
    if depth > 0 {
        for below in folders(folder)? {
            read_tables(root, defaults, &below, depth - 1, rows)?;
        }
    }
    Ok(())
}

fn read_rows(
    root: &Path,
    defaults: &toml::Table,
    folder: &Path,
) -> Result<Vec<Row>, ExperimentError> {
    let mut shared = read_table(&folder.join("_table.toml"))?;
    // Lists of rows; no part of what a row is.
    let mut list = |key: &str| -> Result<Option<Vec<String>>, ExperimentError> {
        let value = shared.remove(key).map(toml::Value::try_into);
        value.transpose().map_err(|source| ExperimentError::Schema {
            path: folder.join("_table.toml"),
            source: Box::new(source),
        })
    };
    let order = list("order")?.unwrap_or_default();
    let default = list("default")?;
    let mut rows = Vec::new();
    for path in entries(folder)? {
        let file = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Some(stem) = file.strip_suffix(".toml").filter(|stem| *stem != "_table") else {
            continue;
        };
        let mut merged = defaults.clone();
        merge(&mut merged, shared.clone());
        merge(&mut merged, read_table(&path)?);
        let experiment: Experiment =
            toml::Value::Table(merged)
                .try_into()
                .map_err(|source| ExperimentError::Schema {
                    path: path.clone(),
                    source: Box::new(source),
                })?;
        experiment.validate(&path)?;
        let hash = content_hash(&experiment).map_err(|source| ExperimentError::Read {
            path: path.clone(),
            source: std::io::Error::other(source),
        })?;
        let below = folder.strip_prefix(root).unwrap_or(folder);
        let parts: Vec<_> = below
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        rows.push(Row {
            name: format!("{}/{stem}", parts.join("/")),
            path,
            experiment,
            hash,
            place: 0, // Known once all rows of the table are.
            by_default: default
                .as_ref()
                .is_none_or(|names| names.iter().any(|n| n == stem)),
        });
    }
    for name in default.iter().flatten() {
        if !rows.iter().any(|row| row.row() == name) {
            return Err(ExperimentError::Value {
                path: folder.join("_table.toml"),
                key: "default",
                found: name.clone(),
                expected: "names of the table's rows, which are its files without `.toml`",
            });
        }
    }
    let rank = |row: &Row| {
        order
            .iter()
            .position(|name| name == row.row())
            .unwrap_or(usize::MAX)
    };
    rows.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name)));
    for (place, row) in (0..).zip(&mut rows) {
        row.place = place;
    }
    Ok(rows)
}

fn read_table(path: &Path) -> Result<toml::Table, ExperimentError> {
    let text = std::fs::read_to_string(path).map_err(|source| ExperimentError::Read {
        path: path.into(),
        source,
    })?;
    text.parse().map_err(|source| ExperimentError::Syntax {
        path: path.into(),
        source: Box::new(source),
    })
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ExperimentError> {
    let fail = |source| ExperimentError::Read {
        path: folder.into(),
        source,
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(fail)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()
        .map_err(fail)?;
    paths.sort();
    Ok(paths)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, ExperimentError> {
    Ok(entries(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .collect())
}
