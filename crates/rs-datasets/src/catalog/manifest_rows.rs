//! The rows of a manifest, from CSV or TOML, and the description of a data set.

use std::path::Path;

use serde::Deserialize;

use super::Description;
use crate::DataError;
use crate::io::parse_csv;

/// One row: an image, its label and its split as they are written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManifestRow {
    pub(super) path: String,
    #[serde(default)]
    pub(super) label: Option<String>,
    #[serde(default)]
    pub(super) split: Option<String>,
    #[serde(default)]
    pub(super) id: Option<String>,
    /// Where the row is, for messages.
    #[serde(skip)]
    pub(super) place: String,
}

/// A TOML file: `[dataset]`, and `[[sample]]` once per image.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TomlFile {
    dataset: Description,
    sample: Vec<ManifestRow>,
}

/// Parses a TOML manifest.
pub(super) fn parse_toml(
    bytes: &[u8],
    path: &Path,
) -> Result<(Description, Vec<ManifestRow>), DataError> {
    let file: TomlFile =
        toml::from_str(text(bytes, path)?).map_err(|error| DataError::Manifest {
            path: path.into(),
            place: "TOML".into(),
            detail: error.to_string().trim_end().into(),
        })?;
    let number = |(at, mut row): (usize, ManifestRow)| {
        row.place = format!("sample {}", at + 1);
        row
    };
    Ok((
        file.dataset,
        file.sample.into_iter().enumerate().map(number).collect(),
    ))
}

/// Parses a `dataset.toml`, which holds no samples.
pub(super) fn parse_description(bytes: &[u8], path: &Path) -> Result<Description, DataError> {
    let (description, rows) = parse_toml(bytes, path)?;
    if rows.is_empty() {
        return Ok(description);
    }
    Err(DataError::Manifest {
        path: path.into(),
        place: "sample 1".into(),
        detail:
            "dataset.toml only describes; to list samples in TOML open that file as the manifest"
                .into(),
    })
}

/// Parses a CSV manifest with the columns path, label, split, id in any order; all but path may be left out.
pub(super) fn parse_rows(bytes: &[u8], path: &Path) -> Result<Vec<ManifestRow>, DataError> {
    const COLUMNS: [&str; 4] = ["path", "label", "split", "id"];
    let mut records = parse_csv(text(bytes, path)?, path)?.into_iter();
    let bad = |place: usize, detail: String| DataError::Manifest {
        path: path.into(),
        place: format!("line {place}"),
        detail,
    };
    let header = records.next().ok_or_else(|| {
        bad(
            1,
            "the table is empty; the first line names its columns".into(),
        )
    })?;
    if let Some(unknown) = header
        .fields
        .iter()
        .find(|column| !COLUMNS.contains(&column.trim()))
    {
        return Err(bad(
            header.line,
            format!(
                "column `{unknown}` is unknown; the columns are {}",
                COLUMNS.join(", ")
            ),
        ));
    }
    let column = |name: &str| header.fields.iter().position(|field| field.trim() == name);
    let at = COLUMNS.map(column);
    let [Some(path_at), label_at, split_at, id_at] = at else {
        return Err(bad(
            header.line,
            "column `path` is missing; it names the image of each line".into(),
        ));
    };
    let rows = records.map(|record| {
        let field = |at: Option<usize>| at.map(|at| record.fields[at].clone());
        // An empty field of an optional column says nothing.
        let optional = |at| field(at).filter(|text| !text.is_empty());
        ManifestRow {
            path: record.fields[path_at].clone(),
            label: field(label_at),
            split: optional(split_at),
            id: optional(id_at),
            place: format!("line {}", record.line),
        }
    });
    Ok(rows.collect())
}

fn text<'a>(bytes: &'a [u8], path: &Path) -> Result<&'a str, DataError> {
    std::str::from_utf8(bytes).map_err(|error| DataError::Manifest {
        path: path.into(),
        place: format!("byte {}", error.valid_up_to()),
        detail: "the file is no UTF-8 text; save it as UTF-8".into(),
    })
}
