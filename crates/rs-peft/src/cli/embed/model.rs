//! The model that makes the features, and what it is told about its images.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use burn::module::AutodiffModule;
use burn::tensor::backend::{AutodiffBackend, Backend};
use indicatif::{ProgressBar, ProgressStyle};
use rs_peft::vit_backbone::{LoadOptions, PositionTable, Preset, Vit, VitConfig, load_vit_watched};

use super::about::{About, Table};
use super::input::Input;
use super::{Args, Precision};

/// A frozen model and its input.
pub(super) struct Model<B: Backend> {
    vit: Vit<B>,
    pub(super) config: VitConfig,
    pub(super) input: Input,
    /// SHA-256 of the weights.
    pub(super) sha256: String,
}

impl<B: Backend> Model<B> {
    /// The published model, or the one of the file, for the bands and frames that were asked for.
    pub(super) fn load<A: AutodiffBackend<InnerBackend = B, Device = B::Device>>(
        args: &Args,
        preset: Option<&Preset>,
        device: &B::Device,
    ) -> anyhow::Result<Self> {
        let wanted = preset
            .map(|preset| with_frames(preset.config(), args.frames))
            .transpose()?;
        let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
            "{bar:30} {percent} %  {eta} left  loading the weights",
        )?);
        let (vit, report) = load_vit_watched::<A>(
            &args.weights,
            wanted.as_ref(),
            &LoadOptions {
                dtype: args.precision.map(Precision::dtype),
                ..LoadOptions::default()
            },
            device,
            &mut |step| {
                bar.set_length(step.of);
                bar.set_position(step.done);
            },
        )?;
        bar.finish_and_clear();
        let config = report.config.clone();
        if let (None, Some(frames)) = (preset, args.frames) {
            ensure!(
                frames == config.frame_count(),
                "--frames {frames}: the model of {} takes {}; name the model with --model to run it on another number",
                args.weights.display(),
                config.frame_count()
            );
        }
        let input = match preset {
            Some(preset) => Input::of_preset(preset),
            None => Input::of_file(&args.weights, &report)?,
        };
        let input = input.normalised_by(&args.mean, &args.std)?;
        let (vit, config) = match (args.wavelengths.as_slice(), &config.spectral_embed) {
            ([], None) => (vit, config),
            ([], Some(spectral)) => (
                vit.at_wavelengths(&spectral.wavelengths)?,
                config.at_wavelengths(spectral.wavelengths.len()),
            ),
            (some, _) => (vit.at_wavelengths(some)?, config.at_wavelengths(some.len())),
        };
        let (vit, config) = args.channels.fit(vit, config, args.bands.len())?;
        let vit = match args.resolution {
            Some(metres) => vit.at_resolution(&[metres])?,
            None => vit,
        };
        Ok(Self {
            vit: vit.valid(),
            config,
            input,
            sha256: report.sha256,
        })
    }

    /// The model told what the table says about a batch of samples: dates and places, size of a pixel.
    pub(super) fn told(&self, batch: &[&[PathBuf]], table: &Table) -> anyhow::Result<Vit<B>> {
        let mut vit = self.vit.clone();
        // Frames of a sample show one place; the first says where and at which size.
        let mut all = Vec::with_capacity(batch.len());
        for files in batch {
            let frames: anyhow::Result<Vec<About>> =
                files.iter().map(|file| table.of(file)).collect();
            all.push(frames?);
        }
        let firsts = || all.iter().map(|frames| &frames[0]);
        let metadata = matches!(vit.embed.positions, PositionTable::Metadata(_));
        let ground = matches!(vit.embed.positions, PositionTable::Ground(_));
        if let Some(metres) = every("resolution", firsts().map(About::resolution))? {
            ensure!(
                metadata || ground,
                "a resolution is given, but {} takes none; leave the column out",
                self.input.model
            );
            vit = vit.at_resolution(&metres)?;
        }
        if metadata {
            let numbers: Vec<_> = firsts().map(About::clay).collect();
            return Ok(vit.at_metadata(&numbers)?);
        }
        let places = every("place", firsts().map(About::place))?;
        let dates = every("date", all.iter().flatten().map(About::year_and_day))?;
        if vit.embed.coordinates.is_none() && (places.is_some() || dates.is_some()) {
            bail!(
                "dates or places are given, but {} takes none; leave the columns out",
                self.input.model
            );
        }
        if let Some(places) = places {
            vit = vit.at_places(&places)?;
        }
        if let Some(dates) = dates {
            let frames = self.config.frame_count();
            ensure!(
                dates.len() == frames * batch.len(),
                "a file holds {frames} frames, the table one date for it; give one file per frame with --frames {frames}"
            );
            let dates: Vec<_> = dates.chunks_exact(frames).map(<[_]>::to_vec).collect();
            vit = vit.at_dates(&dates)?;
        }
        Ok(vit)
    }
}

/// The values when all of a batch are known; `None` when none is.
fn every<T>(name: &str, values: impl Iterator<Item = Option<T>>) -> anyhow::Result<Option<Vec<T>>> {
    let values: Vec<Option<T>> = values.collect();
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    let known: Option<Vec<T>> = values.into_iter().collect();
    let known = known
        .with_context(|| format!("a {name} for some images of a batch only; give all or none"))?;
    Ok(Some(known))
}

/// A configuration for another number of frames.
fn with_frames(config: VitConfig, frames: Option<usize>) -> anyhow::Result<VitConfig> {
    let Some(frames) = frames else {
        return Ok(config);
    };
    let channels = config.in_channels / config.frame_count();
    ensure!(
        config.frames.is_some() && frames > 0,
        "--frames {frames}: expected a model with frames, such as prithvi_eo_v2_300m, and at least one"
    );
    Ok(VitConfig {
        in_channels: channels * frames,
        frames: Some(frames),
        ..config
    })
}
