//! GEO-Bench classification sets: a HDF5 file per image, a data set per band, the label in a pickle.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use super::files::{entry, open_first};
use super::geobench_table::{GeoBenchName, GeoBenchSet};
use crate::io::{Hdf5, Pickled, Source, bytes_literal};
use crate::{BandSet, DataError, Dataset, DatasetInfo, Image, Label, Mask, ReadLimits, Sample};

/// Which band a stored name stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BandNaming {
    /// What the values are. In two sets the published names are those of other bands.
    #[default]
    Corrected,
    /// As published, mistakes included: what published results were made with.
    Published,
}

/// A GEO-Bench classification set.
///
/// Layout: `<id>.hdf5` with a data set per band and the attribute `pickle`, whose `label` is the class; `default_partition.json` with the
/// ids of `train`, `valid` and `test`, which [`Dataset::published_split`] answers; `label_map.json` with the ids of each class. Where
/// the latter is absent, the labels are read from the samples when the set is opened. Pickles are read as data, nothing in them is run.
///
/// The folder is given itself, or one that holds `classification_v1.0/<set>` or `<set>`.
#[derive(Debug)]
pub struct GeoBench {
    info: DatasetInfo,
    source: Source,
    set: GeoBenchSet,
    classes: Vec<String>,
    bands: Arc<BandSet>,
    samples: Vec<Listed>,
}

#[derive(Debug)]
struct Listed {
    id: String,
    file: String,
    class: usize,
    split: Option<String>,
}

impl GeoBench {
    /// Opens a set.
    ///
    /// # Errors
    /// [`DataError::Layout`] without a sample; [`DataError::Manifest`] for a table that cannot be understood; [`DataError::Missing`] for
    /// a listed sample without file; [`DataError::UnknownLabel`]; [`DataError::Corrupt`] and [`DataError::Unsupported`] for a file that
    /// cannot be read.
    pub fn open(
        root: &Path,
        name: GeoBenchName,
        naming: BandNaming,
        limits: ReadLimits,
    ) -> Result<Self, DataError> {
        let set = name.set(naming);
        let places = [
            format!("classification_v1.0/{}", set.folder),
            format!("geobench/classification_v1.0/{}", set.folder),
            format!("{}.zip", set.folder),
            set.folder.to_owned(),
        ];
        let source = open_first(root, &places.each_ref().map(String::as_str), limits)?;
        let names = source.list()?;
        let files: BTreeMap<String, String> = names
            .iter()
            .filter_map(|name| {
                let file = name.rsplit('/').next()?;
                Some((file.strip_suffix(".hdf5")?.to_owned(), name.clone()))
            })
            .collect();
        if files.is_empty() {
            return Err(DataError::Layout {
                root: source.root().into(),
                dataset: set.folder.into(),
                expected: "samples <id>.hdf5".into(),
                found: format!("{} files, none of them HDF5", names.len()),
            });
        }
        let table = |name: &str| -> Result<Option<Groups>, DataError> {
            let Some(file) = names.iter().find(|n| n.rsplit('/').next() == Some(name)) else {
                return Ok(None);
            };
            groups(&source, file, &files).map(Some)
        };
        let splits = table("default_partition.json")?.unwrap_or_default();
        let labels = table("label_map.json")?;
        let mut samples = Vec::with_capacity(files.len());
        for (id, file) in files {
            let class = match &labels {
                Some(labels) => labels.get(&id).and_then(|label| label.parse().ok()),
                None => label(&source, &file)?,
            };
            let class = class.filter(|&class| class < set.classes.len());
            let class = class.ok_or_else(|| DataError::UnknownLabel {
                path: source.path_of(&file),
                place: "its label".into(),
                label: match &labels {
                    Some(labels) => labels.get(&id).cloned().unwrap_or_else(|| "none".into()),
                    None => "none that is a class".into(),
                },
                available: format!("0 to {}", set.classes.len() - 1),
            })?;
            samples.push(Listed {
                split: splits.get(&id).cloned(),
                id,
                file,
                class,
            });
        }
        Ok(Self {
            info: set.info(),
            source,
            classes: set.classes.iter().map(|&class| class.into()).collect(),
            bands: Arc::new(BandSet::new(
                set.bands.iter().map(|b| b.1.clone()).collect(),
            )?),
            set,
            samples,
        })
    }

    /// The bands of one file, one behind the other, with their common extent.
    fn values(&self, file: &str) -> Result<(Vec<f32>, [usize; 2]), DataError> {
        let path = self.source.path_of(file);
        let hdf5 = Hdf5::open(self.source.read(file)?, &path, self.source.limits())?;
        let mut data = Vec::new();
        let mut extent: Option<[usize; 2]> = None;
        for (stored, _) in &self.set.bands {
            // A band of a dated image has the date behind its name.
            let dated = |name: &&str| {
                name.strip_prefix(stored)
                    .is_some_and(|r| r.starts_with('_'))
            };
            let name = match hdf5.names().find(|name| name == stored) {
                Some(name) => name.to_owned(),
                None => hdf5.names().find(dated).unwrap_or(stored).to_owned(),
            };
            let array = hdf5.read(&name)?;
            let found = match array.shape[..] {
                [height, width] if height > 0 && width > 0 => [height, width],
                _ => {
                    return Err(DataError::Extent {
                        path: path.join(&name),
                        found: format!("{:?}", array.shape),
                        expected: "rows x columns".into(),
                    });
                }
            };
            if *extent.get_or_insert(found) != found {
                return Err(DataError::Extent {
                    path: path.join(&name),
                    found: format!("{} x {}", found[0], found[1]),
                    expected: format!("{extent:?}, as the bands before it have"),
                });
            }
            data.extend(array.samples.into_f32());
        }
        Ok((data, extent.unwrap_or_default()))
    }
}

impl Dataset for GeoBench {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn bands(&self) -> &BandSet {
        &self.bands
    }

    fn len(&self) -> usize {
        self.samples.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.samples[index].id
    }

    fn class_of(&self, index: usize) -> Option<usize> {
        Some(self.samples[index].class)
    }

    fn published_split(&self, index: usize) -> Option<&str> {
        self.samples[index].split.as_deref()
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        let listed = entry(&self.samples, index)?;
        let (data, [height, width]) = self.values(&listed.file)?;
        let area = height * width;
        let valid: Vec<bool> = (0..area)
            .map(|pixel| data.iter().skip(pixel).step_by(area).all(|v| v.is_finite()))
            .collect();
        let bands = Arc::clone(&self.bands);
        Ok(Sample {
            image: Image::new(bands, self.set.unit, height, width, data)?,
            valid: valid.contains(&false).then_some(Mask {
                height,
                width,
                valid,
            }),
            label: Label::Class(listed.class),
            id: listed.id.clone(),
            geo: None,
        })
    }
}

/// Name of a group by id.
type Groups = HashMap<String, String>;

/// A JSON table `{group: [ids]}`; every id is one of a sample.
fn groups(
    source: &Source,
    file: &str,
    samples: &BTreeMap<String, String>,
) -> Result<Groups, DataError> {
    let path = source.path_of(file);
    let bad = |place: String, detail: String| DataError::Manifest {
        path: path.clone(),
        place,
        detail,
    };
    let table: BTreeMap<String, Vec<String>> = serde_json::from_slice(&source.read(file)?)
        .map_err(|error| bad(format!("line {}", error.line()), error.to_string()))?;
    let mut found = Groups::new();
    for (group, ids) in table {
        for id in ids {
            if !samples.contains_key(&id) {
                return Err(DataError::Missing {
                    path: source.path_of(&format!("{id}.hdf5")),
                    remedy: format!("{} lists it; fetch the set again", path.display()),
                });
            }
            if let Some(other) = found.insert(id.clone(), group.clone()) {
                let detail = format!("`{id}` is in `{other}` already; a sample belongs to one");
                return Err(bad(format!("`{group}`"), detail));
            }
        }
    }
    Ok(found)
}

/// The label in the pickle of a sample; `None` where there is none.
fn label(source: &Source, file: &str) -> Result<Option<usize>, DataError> {
    let path = source.path_of(file);
    let hdf5 = Hdf5::open(source.read(file)?, &path, source.limits())?;
    let corrupt = |detail: &str| DataError::Corrupt {
        path: path.clone(),
        format: "GEO-Bench sample",
        detail: detail.into(),
    };
    let text = hdf5.attribute("pickle")?;
    let text = text.ok_or_else(|| corrupt("it has no attribute `pickle`"))?;
    let bytes = bytes_literal(&text);
    let bytes = bytes.ok_or_else(|| corrupt("its attribute `pickle` is no literal of bytes"))?;
    let label = Pickled::read(&bytes, &path)?;
    let label = label.get("label").and_then(Pickled::integer);
    Ok(label.and_then(|label| usize::try_from(label).ok()))
}
