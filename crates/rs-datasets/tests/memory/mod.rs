//! A small data set in memory that can be told to fail, for the tests of the loader, the cache and the statistics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rs_datasets::{
    Band, BandSet, DataError, Dataset, DatasetInfo, Image, InputUnit, Label, Sample, Task,
};

/// Twelve-pixel images of two bands; sample i belongs to class i % 3 below 30 and to class 0 above.
pub(crate) struct Memory {
    info: DatasetInfo,
    classes: Vec<String>,
    bands: BandSet,
    ids: Vec<String>,
    /// Sample that fails, and how.
    broken: Option<(usize, Broken)>,
    /// How many samples were decoded.
    pub(crate) loaded: AtomicUsize,
}

/// How a sample fails.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "not every test binary uses every failure")]
pub(crate) enum Broken {
    Error,
    Panic,
    Nan,
    Shape,
}

impl Memory {
    pub(crate) fn new(len: usize, broken: Option<(usize, Broken)>) -> Arc<Self> {
        Arc::new(Self {
            info: DatasetInfo {
                name: "memory".into(),
                licence: String::new(),
                citation: String::new(),
                source: String::new(),
                task: Task::Classification,
                expected: None,
            },
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            bands: BandSet::new(
                ["x", "y"]
                    .map(|name| Band::other(name, "test", None))
                    .to_vec(),
            )
            .unwrap(),
            ids: (0..len).map(|i| format!("id{i:03}")).collect(),
            broken,
            loaded: AtomicUsize::new(0),
        })
    }
}

impl Dataset for Memory {
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
        self.ids.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.ids[index]
    }

    fn class_of(&self, index: usize) -> Option<usize> {
        Some(if index < 30 { index % 3 } else { 0 })
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        self.loaded.fetch_add(1, Ordering::SeqCst);
        // Later samples are quicker, so that threads finish out of order.
        std::thread::sleep(std::time::Duration::from_micros((index % 5) as u64 * 300));
        let mut data: Vec<f32> = (0..24)
            .map(|i| (i * 7 % 11) as f32 + index as f32 * 0.25)
            .collect();
        let mut height = 3;
        if let Some((at, how)) = self.broken
            && at == index
        {
            match how {
                Broken::Error => {
                    return Err(DataError::Corrupt {
                        path: "x.tif".into(),
                        format: "TIFF",
                        detail: "cut off".into(),
                    });
                }
                Broken::Panic => panic!("the decoder fell over"),
                Broken::Nan => data[17] = f32::NAN,
                Broken::Shape => height = 2,
            }
        }
        let image = Image::new(
            Arc::new(self.bands.clone()),
            InputUnit::Reflectance,
            height,
            24 / 2 / height,
            data,
        )?;
        let label = Label::Class(self.class_of(index).unwrap());
        Ok(Sample {
            image,
            valid: None,
            label,
            id: self.ids[index].clone(),
            geo: None,
        })
    }
}
