//! A data set held in memory, decoded once.

use rayon::prelude::*;

use crate::{BandSet, DataError, Dataset, DatasetInfo, Image, Sample};

/// Pixel values in the smallest type that holds them exactly.
enum Packed {
    U8(Vec<u8>),
    U16(Vec<u16>),
    F32(Vec<f32>),
}

impl Packed {
    fn new(values: Vec<f32>) -> Self {
        // Compared by bits, so that -0.0 and NaN stay what they are.
        let exact = |back: &dyn Fn(f32) -> f32| {
            values
                .iter()
                .all(|&value| back(value).to_bits() == value.to_bits())
        };
        if exact(&|value| f32::from(value as u8)) {
            Self::U8(values.iter().map(|&value| value as u8).collect())
        } else if exact(&|value| f32::from(value as u16)) {
            Self::U16(values.iter().map(|&value| value as u16).collect())
        } else {
            Self::F32(values)
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::U8(values) => values.len() as u64,
            Self::U16(values) => 2 * values.len() as u64,
            Self::F32(values) => 4 * values.len() as u64,
        }
    }

    fn unpack(&self) -> Vec<f32> {
        match self {
            Self::U8(values) => values.iter().map(|&value| f32::from(value)).collect(),
            Self::U16(values) => values.iter().map(|&value| f32::from(value)).collect(),
            Self::F32(values) => values.clone(),
        }
    }
}

/// A data set whose samples were decoded once and are kept in memory; whole numbers up to 255 or 65,535 take one or two bytes.
pub struct Cached {
    info: DatasetInfo,
    classes: Vec<String>,
    bands: BandSet,
    ids: Vec<String>,
    class: Vec<Option<usize>>,
    published: Vec<Option<String>>,
    /// Sample without its pixel values, and the values.
    samples: Vec<(Sample, Packed)>,
}

impl Cached {
    /// Decodes the samples `indices` of a data set, in parallel, into at most `limit_bytes` of pixel values and masks.
    ///
    /// # Errors
    /// [`DataError::CacheFull`]; [`DataError::InSample`] with the sample that cannot be decoded; [`DataError::IndexOutOfRange`].
    pub fn subset(
        dataset: &dyn Dataset,
        indices: &[usize],
        limit_bytes: u64,
    ) -> Result<Self, DataError> {
        if let Some(&index) = indices.iter().find(|&&index| index >= dataset.len()) {
            return Err(DataError::IndexOutOfRange {
                index,
                len: dataset.len(),
            });
        }
        let mut samples = Vec::with_capacity(indices.len());
        let mut bytes = 0u64;
        // In pieces, so that the limit is checked while loading and not after memory is exhausted.
        for piece in indices.chunks(256) {
            let decoded: Vec<(Sample, Packed)> = piece
                .par_iter()
                .map(|&index| {
                    let mut sample = dataset.load(index).map_err(|source| DataError::InSample {
                        id: dataset.id(index).into(),
                        source: Box::new(source),
                    })?;
                    let values = Packed::new(std::mem::take(&mut sample.image.data));
                    Ok((sample, values))
                })
                .collect::<Result<_, DataError>>()?;
            for (sample, values) in decoded {
                let valid = sample
                    .valid
                    .as_ref()
                    .map_or(0, |mask| mask.valid.len() as u64);
                let label = match &sample.label {
                    crate::Label::Segmentation { classes, .. } => 4 * classes.len() as u64,
                    crate::Label::Objects(objects) => size_of_val(objects.as_slice()) as u64,
                    crate::Label::Classes(classes) => size_of_val(classes.as_slice()) as u64,
                    crate::Label::Class(_) | crate::Label::None => 0,
                };
                bytes = bytes
                    .saturating_add(values.bytes())
                    .saturating_add(valid + label);
                if bytes > limit_bytes {
                    return Err(DataError::CacheFull {
                        dataset: dataset.name().into(),
                        limit: limit_bytes,
                        id: sample.id,
                        done: samples.len(),
                        len: indices.len(),
                    });
                }
                samples.push((sample, values));
            }
        }
        Ok(Self {
            info: dataset.info().clone(),
            classes: dataset.classes().to_vec(),
            bands: dataset.bands().clone(),
            ids: indices
                .iter()
                .map(|&index| dataset.id(index).into())
                .collect(),
            class: indices
                .iter()
                .map(|&index| dataset.class_of(index))
                .collect(),
            published: indices
                .iter()
                .map(|&index| dataset.published_split(index).map(str::to_owned))
                .collect(),
            samples,
        })
    }

    /// Decodes a whole data set.
    ///
    /// # Errors
    /// As [`Cached::subset`].
    pub fn all(dataset: &dyn Dataset, limit_bytes: u64) -> Result<Self, DataError> {
        Self::subset(
            dataset,
            &(0..dataset.len()).collect::<Vec<_>>(),
            limit_bytes,
        )
    }
}

impl Dataset for Cached {
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
        self.class[index]
    }

    fn published_split(&self, index: usize) -> Option<&str> {
        self.published[index].as_deref()
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        let (sample, values) = self.samples.get(index).ok_or(DataError::IndexOutOfRange {
            index,
            len: self.samples.len(),
        })?;
        let mut sample = sample.clone();
        sample.image = Image::new(
            sample.image.bands,
            sample.image.unit,
            sample.image.height,
            sample.image.width,
            values.unpack(),
        )?;
        Ok(sample)
    }
}
