//! What is known about images beside their pixels: dates, places, pixel sizes, from a table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use rs_datasets::io::parse_csv;
use rs_peft::rs_datasets;
use rs_peft::vit_backbone::METADATA;
use time::{Date, PrimitiveDateTime, format_description::well_known::Iso8601};

/// What the table says about one file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct About {
    date: Option<Date>,
    /// Whole hours of the day, UTC, where a time was given.
    hour: Option<u8>,
    /// Latitude and longitude in degrees.
    place: Option<[f64; 2]>,
    /// Size of a pixel in metres.
    resolution: Option<f64>,
}

/// Rows by file, as written in the table or relative to its folder.
#[derive(Default)]
pub(super) struct Table {
    rows: BTreeMap<PathBuf, About>,
    folder: PathBuf,
    path: PathBuf,
}

const COLUMNS: [&str; 5] = ["file", "date", "latitude", "longitude", "resolution"];

impl Table {
    /// Reads `file,date,latitude,longitude,resolution`: any of the columns beside `file`, in any order; an empty field is unknown.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let mut records = parse_csv(&text, path)?.into_iter();
        let header = records.next().with_context(|| {
            format!(
                "{} is empty; expected a line of column names",
                path.display()
            )
        })?;
        let mut columns = Vec::new();
        for name in &header.fields {
            let name = name.trim();
            let known = COLUMNS.iter().position(|column| *column == name);
            let known = known.with_context(|| {
                let columns = COLUMNS.join(", ");
                format!("{}: no column `{name}`; one of {columns}", path.display())
            })?;
            ensure!(
                !columns.contains(&known),
                "{}: two columns `{name}`",
                path.display()
            );
            columns.push(known);
        }
        ensure!(columns.contains(&0), "{}: no column `file`", path.display());
        let mut table = Self {
            folder: path.parent().map(Path::to_path_buf).unwrap_or_default(),
            path: path.into(),
            ..Self::default()
        };
        for record in records {
            let field = |column: usize| {
                let at = columns.iter().position(|c| *c == column)?;
                Some(record.fields[at].trim()).filter(|field| !field.is_empty())
            };
            let row = || format!("{} line {}", path.display(), record.line);
            let file = field(0).with_context(|| format!("{}: no file", row()))?;
            let about = parse(&field).with_context(row)?;
            ensure!(
                table.rows.insert(file.into(), about).is_none(),
                "{}: `{file}` a second time",
                row()
            );
        }
        Ok(table)
    }

    /// What is known of a file; nothing without a table.
    pub(super) fn of(&self, file: &Path) -> anyhow::Result<About> {
        if self.path.as_os_str().is_empty() {
            return Ok(About::default());
        }
        let inside = file.strip_prefix(&self.folder).unwrap_or(file);
        let row = self.rows.get(file).or_else(|| self.rows.get(inside));
        row.copied()
            .with_context(|| format!("{} has no row for {}", self.path.display(), file.display()))
    }
}

/// The columns beside `file` of one row.
fn parse<'a>(field: &impl Fn(usize) -> Option<&'a str>) -> anyhow::Result<About> {
    let number = |column: usize| -> anyhow::Result<Option<f64>> {
        let Some(text) = field(column) else {
            return Ok(None);
        };
        let value: f64 = text
            .parse()
            .with_context(|| format!("{} `{text}` is no number", COLUMNS[column]))?;
        Ok(Some(value))
    };
    let (date, hour) = match field(1) {
        None => (None, None),
        Some(text) => {
            let timed = PrimitiveDateTime::parse(text.trim_end_matches('Z'), &Iso8601::PARSING);
            match timed {
                Ok(at) => (Some(at.date()), Some(at.hour())),
                Err(_) => {
                    let date = Date::parse(text, &Iso8601::PARSING).map_err(|_| {
                        anyhow::anyhow!("date `{text}`: expected 2024-06-30 or 2024-06-30T10:31")
                    })?;
                    (Some(date), None)
                }
            }
        }
    };
    let place = match (number(2)?, number(3)?) {
        (None, None) => None,
        (Some(latitude), Some(longitude)) => {
            ensure!(
                latitude.abs() <= 90.0 && longitude.abs() <= 180.0,
                "latitude {latitude}, longitude {longitude}: expected degrees of at most 90 and 180"
            );
            Some([latitude, longitude])
        }
        _ => bail!("latitude or longitude alone; expected both or none"),
    };
    let resolution = number(4)?;
    if let Some(metres) = resolution {
        ensure!(
            metres.is_finite() && metres > 0.0,
            "resolution {metres}: expected metres, more than 0"
        );
    }
    Ok(About {
        date,
        hour,
        place,
        resolution,
    })
}

impl About {
    /// Latitude and longitude in degrees.
    pub(super) fn place(&self) -> Option<[f64; 2]> {
        self.place
    }

    /// Size of a pixel in metres.
    pub(super) fn resolution(&self) -> Option<f64> {
        self.resolution
    }

    /// Year and day of the year from 1, as Prithvi's inference code passes them.
    pub(super) fn year_and_day(&self) -> Option<[f64; 2]> {
        let date = self.date?;
        Some([f64::from(date.year()), f64::from(date.ordinal())])
    }

    /// Sine and cosine of week and hour, then of latitude and longitude, as Clay's preparation of its input has them; zeros for
    /// what is not known.
    pub(super) fn clay(&self) -> [f64; METADATA] {
        let mut numbers = [0.0; METADATA];
        let turn = std::f64::consts::TAU;
        let week = self
            .date
            .map(|date| f64::from(date.iso_week()) * turn / 52.0);
        let hour = self.hour.map(|hour| f64::from(hour) * turn / 24.0);
        let [latitude, longitude] = match self.place {
            Some(degrees) => degrees.map(|d| Some(d.to_radians())),
            None => [None; 2],
        };
        for (pair, angle) in numbers
            .chunks_exact_mut(2)
            .zip([week, hour, latitude, longitude])
        {
            if let Some(angle) = angle {
                pair.copy_from_slice(&[angle.sin(), angle.cos()]);
            }
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Table> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("about.csv");
        std::fs::write(&path, text)?;
        Table::read(&path)
    }

    #[test]
    fn a_row_is_what_the_models_take() {
        let table = read(
            "latitude,file,longitude,date\n48.5,a.tif,-2,2024-12-30T06:40\n,b.tif,,2024-03-01\n",
        )
        .unwrap();
        let a = table.of(Path::new("a.tif")).unwrap();
        assert_eq!(a.place(), Some([48.5, -2.0]));
        assert_eq!(a.year_and_day(), Some([2024.0, 365.0]));
        // The Monday before New Year 2025 is in week 1 of 2025.
        let turn = std::f64::consts::TAU;
        let clay = a.clay();
        assert!((clay[0] - (turn / 52.0).sin()).abs() < 1e-15);
        assert!((clay[2] - (turn / 4.0).sin()).abs() < 1e-15);
        assert!((clay[4] - 48.5_f64.to_radians().sin()).abs() < 1e-15);
        let b = table.of(Path::new("b.tif")).unwrap();
        assert_eq!(b.year_and_day(), Some([2024.0, 61.0]));
        assert_eq!(b.clay()[2..], [0.0; 6]);
        assert_eq!(b.resolution(), None);
        assert!(table.of(Path::new("c.tif")).is_err());
    }

    #[test]
    fn bad_tables_name_line_and_remedy() {
        for (text, says) in [
            ("", "column names"),
            ("date\n2024-01-01\n", "no column `file`"),
            ("file,when\na,b\n", "one of file, date"),
            ("file,date\na.tif,30.6.2024\n", "expected 2024-06-30"),
            ("file,latitude\na.tif,3\n", "expected both or none"),
            ("file,latitude,longitude\na.tif,95,3\n", "at most 90"),
            ("file,resolution\na.tif,0\n", "more than 0"),
            ("file,resolution\na.tif,ten\n", "line 2"),
            ("file\na.tif\na.tif\n", "a second time"),
        ] {
            let error = format!("{:#}", read(text).err().unwrap());
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
