//! From files to the numbers that a model takes: bands, size, scale, normalisation.

use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use rs_datasets::io::{BandAxis, Raster, read_raster};
use rs_datasets::transform::{Interpolation, Resize};
use rs_datasets::{Band, BandSet, Image, InputUnit, Label, Mask, Sample};
use rs_peft::rs_datasets;

use super::input::Input;

/// How files become input.
pub(super) struct Pixels<'a> {
    pub(super) input: &'a Input,
    /// Bands that the model takes of one file.
    pub(super) channels: usize,
    /// Bands of a frame: a file may hold several frames, one behind the other.
    pub(super) frame_channels: usize,
    /// Bands of the files to take, numbered from 1; none for all.
    pub(super) bands: &'a [usize],
    /// Rows and columns to resize to.
    pub(super) size: Option<usize>,
    pub(super) scale: Option<f64>,
}

/// One file as the model takes it.
pub(super) struct Frame {
    /// Rows and columns.
    pub(super) extent: [usize; 2],
    /// Values `[band, row, column]`.
    pub(super) values: Vec<f32>,
    /// Pixels without a measurement: they hold the mean of every band, which is 0 after normalisation.
    pub(super) missing: usize,
}

impl Pixels<'_> {
    /// Reads, selects, resizes and normalises one file.
    pub(super) fn frame(&self, path: &Path) -> anyhow::Result<Frame> {
        let raster = read_raster(path, BandAxis::First, &Default::default())?;
        let bands = self.bands_of(&raster, path)?;
        let scale = self.input.scale(self.scale, raster.dtype(), path)?;
        let sample = self.resized(sample(raster, &bands)?)?;
        let Image {
            height,
            width,
            data,
            ..
        } = sample.image;
        let area = height * width;
        let valid = sample.valid.map(|mask| mask.valid);
        let measured = |at: usize| valid.as_ref().is_none_or(|valid| valid[at]);
        let mut values = Vec::with_capacity(data.len());
        for (band, plane) in data.chunks_exact(area).enumerate() {
            for (at, value) in plane.iter().enumerate() {
                let value = if measured(at) {
                    self.input
                        .normalise(band % self.frame_channels, f64::from(*value) * scale)?
                } else {
                    0.0
                };
                ensure!(
                    value.is_finite(),
                    "{}: a value that is not finite",
                    path.display()
                );
                values.push(value as f32);
            }
        }
        Ok(Frame {
            extent: [height, width],
            values,
            missing: (0..area).filter(|at| !measured(*at)).count(),
        })
    }

    /// The values of several files, which must be as large as the first one was.
    pub(super) fn batch<'p>(
        &self,
        paths: impl IntoIterator<Item = &'p PathBuf>,
        [height, width]: [usize; 2],
    ) -> anyhow::Result<Vec<f32>> {
        let mut values = Vec::new();
        for path in paths {
            let frame = self.frame(path)?;
            let [rows, columns] = frame.extent;
            ensure!(
                frame.extent == [height, width],
                "{}: {rows} x {columns} pixels, the first image has {height} x {width}; embed sizes one by one, or give --size",
                path.display(),
            );
            if frame.missing > 0 {
                eprintln!(
                    "{}: {} pixels without a measurement, taken as the mean of their band",
                    path.display(),
                    frame.missing
                );
            }
            values.extend(frame.values);
        }
        Ok(values)
    }

    /// Bands of the file to take, numbered from 0.
    fn bands_of(&self, raster: &Raster, path: &Path) -> anyhow::Result<Vec<usize>> {
        if let Some(wrong) = self
            .bands
            .iter()
            .find(|band| !(1..=raster.bands).contains(*band))
        {
            bail!(
                "{}: no band {wrong}; it has 1 to {}",
                path.display(),
                raster.bands
            );
        }
        let bands: Vec<usize> = match self.bands {
            [] => (0..raster.bands).collect(),
            some => some.iter().map(|band| band - 1).collect(),
        };
        let names = match self.input.bands.join(", ") {
            unnamed if unnamed.is_empty() => String::new(),
            named => format!(" ({named})"),
        };
        ensure!(
            bands.len() == self.channels,
            "{}: {} bands, but {} takes {}{names}; choose them with --bands",
            path.display(),
            bands.len(),
            self.input.model,
            self.channels,
        );
        Ok(bands)
    }

    fn resized(&self, sample: Sample) -> anyhow::Result<Sample> {
        let Some(side) = self.size else {
            return Ok(sample);
        };
        Ok(Resize {
            height: side,
            width: side,
            interpolation: Interpolation::Bicubic,
        }
        .apply(sample)?)
    }
}

/// The chosen bands of a raster; their unit is that of the file.
fn sample(raster: Raster, bands: &[usize]) -> anyhow::Result<Sample> {
    let (height, width) = (raster.height, raster.width);
    let area = height * width;
    let stored = raster.samples.into_f32();
    let mut data = Vec::with_capacity(bands.len() * area);
    for band in bands {
        data.extend_from_slice(&stored[band * area..(band + 1) * area]);
    }
    let names = (0..bands.len()).map(|band| Band::other(&format!("band {}", band + 1), "", None));
    let set = BandSet::new(names.collect())?;
    Ok(Sample {
        image: Image::new(set.into(), InputUnit::Standardised, height, width, data)?,
        valid: raster.valid.map(|valid| Mask {
            height,
            width,
            valid,
        }),
        label: Label::None,
        id: String::new(),
        geo: None,
    })
}

/// The files of every sample: `frames` of them each, in the order given.
pub(super) fn samples(files: &[PathBuf], frames: usize) -> anyhow::Result<Vec<&[PathBuf]>> {
    ensure!(
        frames > 0 && files.len().is_multiple_of(frames),
        "{} images do not make samples of {frames} frames each",
        files.len()
    );
    Ok(files.chunks_exact(frames).collect())
}
