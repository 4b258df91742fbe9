//! `rs-peft embed`: features of images from published weights or one's own, batch by batch.

mod about;
mod channels;
mod diffusion;
mod input;
mod model;
mod pixels;

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{FloatDType, Tensor, TensorData};
use rs_peft::{BackendKind, BackendTask, dispatch, vit_backbone};
use serde_json::json;
use vit_backbone::{
    FeatureRequest, Pooling, Preset, Vit, VitConfig, mean_over_groups, pool, preset, presets,
    to_map,
};

use super::feature_file::FeatureFile;
use about::Table;
use model::Model;
use pixels::{Pixels, samples};

/// Arguments of `embed`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Name of the weights in docs/zoo.md, such as dinov2_vit_base; without it, the model that the checkpoint describes or whose shapes
    /// tell what it is.
    #[arg(long)]
    model: Option<String>,
    /// Checkpoint: safetensors, .pth, or a directory of transformers or diffusers.
    #[arg(long)]
    weights: PathBuf,
    /// Images: GeoTIFF, PNG, JPEG or npy, their bands in the order of the model's. Pixels without a measurement count as the mean.
    #[arg(long, required = true, num_args = 1..)]
    input: Vec<PathBuf>,
    /// File of features to write (safetensors).
    #[arg(long)]
    output: PathBuf,
    /// What becomes of the tokens of a block.
    #[arg(long, value_enum, default_value = "mean")]
    feature: Feature,
    /// Blocks, numbered from 0; the last one by default.
    #[arg(long, value_delimiter = ',')]
    blocks: Vec<usize>,
    /// Take the tokens as they leave the block, without the model's final norm.
    #[arg(long)]
    no_final_norm: bool,
    /// Bands of the files to take, numbered from 1, in the order of the model's.
    #[arg(long, value_delimiter = ',')]
    bands: Vec<usize>,
    /// Rows and columns to resize every image to (bicubic, antialiased).
    #[arg(long)]
    size: Option<usize>,
    /// Files that make one input of a model with several dates, one behind the other among the images; without it, a file holds all.
    #[arg(long)]
    frames: Option<usize>,
    /// CSV with the columns file, date, latitude, longitude, resolution (all but the first may be missing), for models that are told.
    #[arg(long)]
    about: Option<PathBuf>,
    /// Factor from stored values to the model's unit; 1, and 1/255 from 8-bit values to 0..1.
    #[arg(long)]
    scale: Option<f64>,
    /// Size of a pixel in metres, for models whose positions depend on it.
    #[arg(long)]
    resolution: Option<f64>,
    /// Wavelengths of the bands in micrometres, for models that make their patch embedding from them.
    #[arg(long, value_delimiter = ',')]
    wavelengths: Vec<f64>,
    /// Means of the bands in the model's unit, in place of the model's own.
    #[arg(long, value_delimiter = ',', requires = "std")]
    mean: Vec<f64>,
    /// Standard deviations of the bands in the model's unit.
    #[arg(long, value_delimiter = ',', requires = "mean")]
    std: Vec<f64>,
    /// Bands that the model does not know.
    #[command(flatten)]
    channels: channels::Channels,
    /// What only a diffusion model takes.
    #[command(flatten)]
    diffusion: diffusion::DiffusionArgs,
    /// Type of the numbers in which the model is kept and computes; half precision and bfloat16 take half the memory of single. The backend's own
    /// by default.
    #[arg(long, value_enum)]
    precision: Option<Precision>,
    /// Inputs at a time.
    #[arg(long, default_value_t = 8)]
    batch_size: usize,
    /// flex, ndarray, wgpu, vulkan, metal or cuda.
    #[arg(long, default_value = "flex")]
    backend: BackendKind,
}

/// A type of numbers.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Precision {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// bfloat16.
    Bf16,
}

impl Precision {
    fn dtype(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::F16 => FloatDType::F16,
            Self::Bf16 => FloatDType::BF16,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }
}

/// What becomes of the tokens of a block.
#[derive(Clone, Copy, clap::ValueEnum, PartialEq)]
enum Feature {
    /// The class token.
    Class,
    /// The mean of the patches.
    Mean,
    /// The patches as a map.
    Map,
}

impl Args {
    /// What was chosen about bands, values and precision, for the file of features; nothing that was left to the model.
    fn choices(&self) -> impl Iterator<Item = (&'static str, String)> {
        let list = |bands: &[f64]| (!bands.is_empty()).then(|| format!("{bands:?}"));
        let choices = [
            (
                "bands",
                (!self.bands.is_empty()).then(|| format!("{:?}", self.bands)),
            ),
            ("new_bands", self.channels.describe()),
            ("size", self.size.map(|size| size.to_string())),
            ("scale", self.scale.map(|scale| scale.to_string())),
            (
                "resolution",
                self.resolution.map(|metres| metres.to_string()),
            ),
            ("mean", list(&self.mean)),
            ("std", list(&self.std)),
            ("wavelengths", list(&self.wavelengths)),
            ("precision", self.precision.map(|p| p.name().to_owned())),
        ];
        choices
            .into_iter()
            .filter_map(|(key, choice)| Some((key, choice?)))
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.batch_size > 0, "--batch-size 0: expected at least 1");
    if args.model.as_deref().is_some_and(diffusion::is_model) {
        return diffusion::run(args);
    }
    if let Some(option) = args.diffusion.first_given() {
        bail!("{option} is for {}; name it with --model", diffusion::MODEL);
    }
    let named = args.model.as_deref().map(|name| {
        preset(name).with_context(|| {
            let names = presets().map(|preset| preset.name);
            let names: Vec<_> = names.chain([diffusion::MODEL]).collect();
            format!("no model `{name}`; one of {}", names.join(", "))
        })
    });
    let preset = named.transpose()?;
    let about = args.about.as_deref().map(Table::read).transpose()?;
    let about = about.unwrap_or_default();
    dispatch(
        args.backend,
        Embed {
            args,
            preset,
            about,
        },
    )?
}

struct Embed<'a> {
    args: &'a Args,
    preset: Option<&'static Preset>,
    about: Table,
}

impl BackendTask for Embed<'_> {
    type Output = anyhow::Result<()>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> anyhow::Result<()> {
        let model = Model::<B::InnerBackend>::load::<B>(self.args, self.preset, &device)?;
        let config = &model.config;
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
                model.input.model
            );
        }
        let files = self.args.frames.unwrap_or(1);
        let samples = samples(&self.args.input, files)?;
        let pixels = Pixels {
            input: &model.input,
            channels: config.in_channels / files,
            frame_channels: config.in_channels / config.frame_count(),
            bands: &self.args.bands,
            size: self.args.size,
            scale: self.args.scale,
        };
        let [height, width] = pixels.frame(&self.args.input[0])?.extent;
        let grid = config.check_image([1, config.in_channels, height, width])?;
        let shape = match self.args.feature {
            Feature::Map => vec![config.dim, grid[0], grid[1]],
            Feature::Class | Feature::Mean => vec![config.dim],
        };
        let names = request.blocks.iter().map(|block| format!("blocks.{block}"));
        let mut file = FeatureFile::create(
            &self.args.output,
            names.collect(),
            samples.len(),
            &shape,
            &self.metadata(&model),
        )?;
        for batch in samples.chunks(self.args.batch_size) {
            let files = batch.iter().copied().flatten();
            let values = pixels.batch(files, [height, width])?;
            let shape = [batch.len(), config.in_channels, height, width];
            let images = Tensor::from_data(TensorData::new(values, shape), &device);
            let vit = model.told(batch, &self.about)?;
            let tokens = vit.features(images, &request, &());
            for (block, tokens) in tokens.into_iter().enumerate() {
                let values = self.feature(&vit, tokens, config, grid);
                file.append(block, &values)?;
            }
            eprintln!("{} of {} inputs", file.images(), samples.len());
        }
        file.finish()?;
        println!("{}", self.args.output.display());
        Ok(())
    }
}

impl Embed<'_> {
    /// The feature of a batch of token sequences, row by row.
    fn feature<B: Backend>(
        &self,
        vit: &Vit<B>,
        tokens: Tensor<B, 3>,
        config: &VitConfig,
        grid: [usize; 2],
    ) -> Vec<f32> {
        let prefix = vit.prefix_tokens(&());
        // Means of many tokens, in single precision whatever the model's.
        let tokens = tokens.cast(FloatDType::F32);
        let tokens = mean_over_groups(tokens, prefix, config.group_count());
        let data = match self.args.feature {
            Feature::Class => pool(tokens, prefix, Pooling::ClassToken).into_data(),
            Feature::Mean => pool(tokens, prefix, Pooling::PatchMean).into_data(),
            Feature::Map => to_map(tokens, prefix, grid).into_data(),
        };
        data.iter::<f32>().collect()
    }

    fn metadata<B: Backend>(&self, model: &Model<B>) -> serde_json::Value {
        let files: Vec<_> = self
            .args
            .input
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let mut metadata = json!({
            "model": model.input.model,
            "weights_sha256": model.sha256,
            "vit_config": json!(model.config).to_string(),
            "files": json!(files).to_string(),
        });
        for (key, choice) in self.args.choices() {
            metadata[key] = choice.into();
        }
        metadata
    }
}
