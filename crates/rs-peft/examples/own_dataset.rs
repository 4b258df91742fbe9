//! A reader of one's own for a data set: chips in folders, listed when the set is opened, decoded when they are asked for.
//!
//! ```sh
//! cargo run -p rs-peft --example own_dataset
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rs_datasets::catalog::sample;
use rs_datasets::io::{BandAxis, read_raster};
use rs_datasets::sensors::sentinel2;
use rs_datasets::{
    BandSet, DataError, Dataset, DatasetInfo, InputUnit, Label, ReadLimits, Sample, Task,
};

/// Chips of lakes and of towns.
pub struct LakesAndTowns {
    info: DatasetInfo,
    classes: Vec<String>,
    bands: Arc<BandSet>,
    chips: Vec<(String, usize, PathBuf)>,
}

impl LakesAndTowns {
    /// Lists the chips below `folder`, a folder per class.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        let classes = ["ClearWater", "Residential"];
        let mut chips = Vec::new();
        for (class, name) in classes.iter().enumerate() {
            let below = folder.join(name);
            let missing = |_| DataError::Missing {
                path: below.clone(),
                remedy: "write the chips with `rs-peft sample chips`".into(),
            };
            for entry in std::fs::read_dir(&below).map_err(missing)? {
                let path = entry.map_err(missing)?.path();
                let id = path.file_stem().unwrap_or_default().to_string_lossy();
                chips.push((id.into_owned(), class, path));
            }
        }
        // The same order on every machine.
        chips.sort();
        Ok(Self {
            info: DatasetInfo {
                name: "lakes_and_towns".into(),
                licence: "none needed: synthetic".into(),
                citation: "nobody".into(),
                source: "rs-peft sample chips".into(),
                task: Task::Classification,
                expected: None,
            },
            classes: classes.map(String::from).to_vec(),
            bands: Arc::new(sentinel2(&["B04", "B03", "B02"])?),
            chips,
        })
    }
}

impl Dataset for LakesAndTowns {
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
        self.chips.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.chips[index].0
    }

    fn class_of(&self, index: usize) -> Option<usize> {
        Some(self.chips[index].1)
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        let (id, class, path) = self.chips.get(index).ok_or(DataError::IndexOutOfRange {
            index,
            len: self.chips.len(),
        })?;
        let raster = read_raster(path, BandAxis::default(), &ReadLimits::default())?;
        // Values stay in the unit that was published.
        let (image, valid) = raster.into_image(&self.bands, InputUnit::Uint8, path)?;
        Ok(Sample {
            image,
            valid,
            label: Label::Class(*class),
            id: id.clone(),
            geo: None,
        })
    }
}

/// Writes some chips, opens them and looks at each.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    sample::write_chips(folder.path(), 4, 0)?;
    let set = LakesAndTowns::open(&folder.path().join("train"))?;
    assert_eq!(set.len(), 6);
    for index in 0..set.len() {
        let sample = set.load(index)?;
        let mean = sample.image.band(0).iter().sum::<f32>() / sample.image.band(0).len() as f32;
        println!("{}: {:?}, mean of red {mean:.1}", sample.id, sample.label);
    }
    Ok(())
}
