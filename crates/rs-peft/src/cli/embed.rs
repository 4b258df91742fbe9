//! `rs-peft embed`: features of images from published weights, batch by batch.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use burn::module::AutodiffModule;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use rs_datasets::io::{BandAxis, Dtype, Raster, read_raster};
use rs_peft::{BackendKind, BackendTask, dispatch, rs_datasets, vit_backbone};
use serde_json::json;
use vit_backbone::{
    FeatureRequest, InputUnit, LoadOptions, Pooling, Preset, Vit, VitConfig, load_vit,
    mean_over_groups, pool, preset, presets, to_map,
};

use super::embed_diffusion;
use super::feature_file::FeatureFile;

/// Arguments of `embed`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Name of the weights in docs/zoo.md, such as dinov2_vit_base.
    #[arg(long)]
    pub(super) model: String,
    /// Checkpoint: safetensors, .pth, or a directory of transformers or diffusers.
    #[arg(long)]
    pub(super) weights: PathBuf,
    /// Images: GeoTIFF, PNG, JPEG or npy, their bands in the order of the model's.
    #[arg(long, required = true, num_args = 1..)]
    pub(super) input: Vec<PathBuf>,
    /// File of features to write (safetensors).
    #[arg(long)]
    pub(super) output: PathBuf,
    /// What becomes of the tokens of a block.
    #[arg(long, value_enum, default_value = "mean")]
    pub(super) feature: Feature,
    /// Blocks, numbered from 0; the last one by default.
    #[arg(long, value_delimiter = ',')]
    pub(super) blocks: Vec<usize>,
    /// Take the tokens as they leave the block, without the model's final norm.
    #[arg(long)]
    pub(super) no_final_norm: bool,
    /// Bands of the files to take, numbered from 1, in the order of the model's.
    #[arg(long, value_delimiter = ',')]
    pub(super) bands: Vec<usize>,
    /// Factor from stored values to the model's unit; 1, and 1/255 from 8-bit values to 0..1.
    #[arg(long)]
    pub(super) scale: Option<f64>,
    /// Size of a pixel in metres, for models whose positions depend on it.
    #[arg(long)]
    pub(super) resolution: Option<f64>,
    /// Wavelengths of the bands in micrometres, for models that make their patch embedding from them.
    #[arg(long, value_delimiter = ',')]
    pub(super) wavelengths: Vec<f64>,
    /// Means of the bands in the model's unit, in place of the model's own.
    #[arg(long, value_delimiter = ',', requires = "std")]
    pub(super) mean: Vec<f64>,
    /// Standard deviations of the bands in the model's unit.
    #[arg(long, value_delimiter = ',', requires = "mean")]
    pub(super) std: Vec<f64>,
    /// What only a diffusion model takes.
    #[command(flatten)]
    pub(super) diffusion: embed_diffusion::DiffusionArgs,
    /// Images at a time.
    #[arg(long, default_value_t = 8)]
    pub(super) batch_size: usize,
    /// flex, ndarray, wgpu, vulkan, metal or cuda.
    #[arg(long, default_value = "flex")]
    pub(super) backend: BackendKind,
}

/// What becomes of the tokens of a block.
#[derive(Clone, Copy, clap::ValueEnum, PartialEq)]
pub(super) enum Feature {
    /// The class token.
    Class,
    /// The mean of the patches.
    Mean,
    /// The patches as a map.
    Map,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.batch_size > 0, "--batch-size 0: expected at least 1");
    if embed_diffusion::is_model(&args.model) {
        return embed_diffusion::run(args);
    }
    if let Some(option) = args.diffusion.first_given() {
        bail!(
            "{option} is for {}, not for {}",
            embed_diffusion::MODEL,
            args.model
        );
    }
    let preset = preset(&args.model).with_context(|| {
        let names: Vec<_> = presets()
            .map(|preset| preset.name)
            .chain([embed_diffusion::MODEL])
            .collect();
        format!("no model `{}`; one of {}", args.model, names.join(", "))
    })?;
    dispatch(args.backend, Embed { args, preset })?
}

struct Embed<'a> {
    args: &'a Args,
    preset: &'static Preset,
}

impl BackendTask for Embed<'_> {
    type Output = anyhow::Result<()>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> anyhow::Result<()> {
        let (vit, config, sha256) = self.model::<B>(&device)?;
        let blocks = match self.args.blocks.as_slice() {
            [] => vec![config.depth - 1],
            some => some.to_vec(),
        };
        let request = FeatureRequest {
            blocks,
            final_norm: !self.args.no_final_norm,
        };
        request.validate(config.depth)?;
        if self.args.feature == Feature::Class && !config.class_token {
            bail!(
                "{} has no class token; use --feature mean or map",
                self.preset.name
            );
        }
        let first = self.read(&self.args.input[0], &config)?;
        let grid = config.check_image([1, config.in_channels, first.height, first.width])?;
        let shape = match self.args.feature {
            Feature::Map => vec![config.dim, grid[0], grid[1]],
            Feature::Class | Feature::Mean => vec![config.dim],
        };
        let names = request.blocks.iter().map(|block| format!("blocks.{block}"));
        let mut file = FeatureFile::create(
            &self.args.output,
            names.collect(),
            self.args.input.len(),
            &shape,
            &self.metadata(&config, &sha256),
        )?;
        for batch in self.args.input.chunks(self.args.batch_size) {
            let images = self.batch::<B>(batch, &config, &first, &device)?;
            let tokens = vit.features(images, &request, &());
            for (block, tokens) in tokens.into_iter().enumerate() {
                let values = self.feature(&vit, tokens, &config, grid);
                file.append(block, &values)?;
            }
            eprintln!("{} of {} images", file.images(), self.args.input.len());
        }
        file.finish()?;
        println!("{}", self.args.output.display());
        Ok(())
    }
}

impl Embed<'_> {
    /// The model for the bands that were asked for, its configuration, and the SHA-256 of its weights.
    fn model<B: AutodiffBackend>(
        &self,
        device: &B::Device,
    ) -> anyhow::Result<(Vit<B::InnerBackend>, VitConfig, String)> {
        let config = self.preset.config();
        let (vit, report) = load_vit::<B>(
            &self.args.weights,
            Some(&config),
            &LoadOptions::default(),
            device,
        )?;
        let (vit, config) = match (self.args.wavelengths.as_slice(), &config.spectral_embed) {
            ([], None) => (vit, config),
            ([], Some(spectral)) => (
                vit.at_wavelengths(&spectral.wavelengths)?,
                config.at_wavelengths(spectral.wavelengths.len()),
            ),
            (some, _) => (vit.at_wavelengths(some)?, config.at_wavelengths(some.len())),
        };
        let vit = match self.args.resolution {
            Some(metres) => vit.at_resolution(&[metres])?,
            None => vit,
        };
        Ok((vit.valid(), config, report.sha256))
    }

    /// An image with its bands in the model's order.
    fn read(&self, path: &Path, config: &VitConfig) -> anyhow::Result<Raster> {
        let raster = read_raster(path, BandAxis::First, &Default::default())?;
        let bands = match self.args.bands.len() {
            0 => raster.bands,
            some => some,
        };
        ensure!(
            bands == config.in_channels,
            "{}: {bands} bands, but {} takes {} ({}); choose them with --bands",
            path.display(),
            self.preset.name,
            config.in_channels,
            self.preset.bands.join(", ")
        );
        if let Some(wrong) = self
            .args
            .bands
            .iter()
            .find(|b| !(1..=raster.bands).contains(*b))
        {
            bail!(
                "{}: no band {wrong}; it has 1 to {}",
                path.display(),
                raster.bands
            );
        }
        Ok(raster)
    }

    /// A batch of images as the model wants them: `[images, channels, height, width]`.
    fn batch<B: AutodiffBackend>(
        &self,
        paths: &[PathBuf],
        config: &VitConfig,
        first: &Raster,
        device: &B::Device,
    ) -> anyhow::Result<Tensor<B::InnerBackend, 4>> {
        let (channels, height, width) = (config.in_channels, first.height, first.width);
        let mut values = Vec::with_capacity(paths.len() * channels * height * width);
        for path in paths {
            let raster = self.read(path, config)?;
            ensure!(
                (raster.height, raster.width) == (height, width),
                "{}: {} x {} pixels, the first image has {height} x {width}; embed sizes one by one",
                path.display(),
                raster.height,
                raster.width
            );
            self.normalised(path, &raster, channels, &mut values)?;
        }
        let shape = [paths.len(), channels, height, width];
        Ok(Tensor::from_data(TensorData::new(values, shape), device))
    }

    /// Appends the normalised values of an image.
    fn normalised(
        &self,
        path: &Path,
        raster: &Raster,
        channels: usize,
        values: &mut Vec<f32>,
    ) -> anyhow::Result<()> {
        let unit = self.preset.unit;
        let scale = match (self.args.scale, raster.dtype(), unit) {
            (Some(scale), _, _) => scale,
            (None, Dtype::U8, InputUnit::UnitRange) => 1.0 / 255.0,
            (None, Dtype::U8, InputUnit::Byte) | (None, Dtype::F32 | Dtype::F64, _) => 1.0,
            (None, dtype, InputUnit::ReflectanceTimes10000) if dtype != Dtype::U8 => 1.0,
            (None, dtype, _) => bail!(
                "{}: {dtype} values, but {} takes {unit:?}; say with --scale what makes one the other",
                path.display(),
                self.preset.name
            ),
        };
        let area = raster.height * raster.width;
        let stored = raster.samples.clone().into_f32();
        for channel in 0..channels {
            let band = self
                .args
                .bands
                .get(channel)
                .map_or(channel, |band| band - 1);
            for value in &stored[band * area..(band + 1) * area] {
                let value = f64::from(*value) * scale;
                let known = match self.args.mean.as_slice() {
                    [] => self
                        .preset
                        .normalisation
                        .apply(channel % self.preset.bands.len(), value),
                    mean => mean
                        .get(channel)
                        .zip(self.args.std.get(channel))
                        .map(|(m, s)| (value - m) / s),
                };
                let value = known.with_context(|| {
                    format!(
                        "no mean and standard deviation of channel {}; give --mean and --std",
                        channel + 1
                    )
                })?;
                ensure!(
                    value.is_finite(),
                    "{}: a value that is not finite",
                    path.display()
                );
                values.push(value as f32);
            }
        }
        Ok(())
    }

    /// The feature of a batch of token sequences, row by row.
    fn feature<B: Backend>(
        &self,
        vit: &Vit<B>,
        tokens: Tensor<B, 3>,
        config: &VitConfig,
        grid: [usize; 2],
    ) -> Vec<f32> {
        let prefix = vit.prefix_tokens(&());
        let tokens = mean_over_groups(tokens, prefix, config.group_count());
        let data = match self.args.feature {
            Feature::Class => pool(tokens, prefix, Pooling::ClassToken).into_data(),
            Feature::Mean => pool(tokens, prefix, Pooling::PatchMean).into_data(),
            Feature::Map => to_map(tokens, prefix, grid).into_data(),
        };
        data.iter::<f32>().collect()
    }

    fn metadata(&self, config: &VitConfig, sha256: &str) -> serde_json::Value {
        let files: Vec<_> = self
            .args
            .input
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        json!({
            "model": self.preset.name,
            "weights_sha256": sha256,
            "vit_config": json!(config).to_string(),
            "files": json!(files).to_string(),
        })
    }
}
