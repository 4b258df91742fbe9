//! `rs-peft embed --model stable_diffusion_v1_5`: features of a block of the U-Net.

use std::path::PathBuf;

use anyhow::ensure;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{FloatDType, Tensor, TensorData};
use rs_peft::{BackendTask, dispatch, stable_diffusion};
use serde_json::json;
use stable_diffusion::{
    DiffusionReport, FeatureOptions, LoadOptions, LoraLoadOptions, StableDiffusion, Stage, UnetLora,
};

use super::super::feature_file::FeatureFile;
use super::input::Input;
use super::pixels::Pixels;
use super::{Args, Feature, Precision};

/// Its name in docs/zoo.md.
pub(super) const MODEL: &str = "stable_diffusion_v1_5";

/// Options of diffusion models. None has a default here, so that one that is given for another model can be told.
#[derive(clap::Args)]
pub(super) struct DiffusionArgs {
    /// Diffusion models: the prompt, such as "an ORS image of a harbor"; the null prompt by default.
    #[arg(long)]
    prompt: Option<String>,
    /// Diffusion models: down_blocks.N, mid_block or up_blocks.N; mid_block by default.
    #[arg(long)]
    stage: Option<String>,
    /// Diffusion models: time step of the noise; 1 by default.
    #[arg(long)]
    time: Option<usize>,
    /// Diffusion models: draws of noise over which the mean is taken; 8 by default.
    #[arg(long)]
    ensemble: Option<usize>,
    /// Diffusion models: where the noise comes from; 0 by default.
    #[arg(long)]
    noise_seed: Option<u64>,
    /// Diffusion models: LoRA of the U-Net, a file or a directory that diffusers wrote.
    #[arg(long)]
    lora: Option<PathBuf>,
}

impl DiffusionArgs {
    /// The first of the options that is given.
    pub(super) fn first_given(&self) -> Option<&'static str> {
        let given = [
            ("--prompt", self.prompt.is_some()),
            ("--stage", self.stage.is_some()),
            ("--time", self.time.is_some()),
            ("--ensemble", self.ensemble.is_some()),
            ("--noise-seed", self.noise_seed.is_some()),
            ("--lora", self.lora.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|g| g.0)
    }
}

/// Whether a name is that of the model, with whatever marks between its parts.
pub(super) fn is_model(name: &str) -> bool {
    name.to_lowercase().replace(['-', '.'], "_") == MODEL
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    for (option, given) in [
        ("--blocks", !args.blocks.is_empty()),
        ("--no-final-norm", args.no_final_norm),
        ("--resolution", args.resolution.is_some()),
        ("--frames", args.frames.is_some()),
        ("--about", args.about.is_some()),
        ("--wavelengths", !args.wavelengths.is_empty()),
        ("--mean", !args.mean.is_empty()),
        ("--feature class", args.feature == Feature::Class),
    ] {
        ensure!(
            !given,
            "{option} means nothing to {MODEL}; choose a block with --stage"
        );
    }
    dispatch(args.backend, EmbedDiffusion { args })?
}

struct EmbedDiffusion<'a> {
    args: &'a Args,
}

impl BackendTask for EmbedDiffusion<'_> {
    type Output = anyhow::Result<()>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> anyhow::Result<()> {
        self.embed::<B::InnerBackend>(&device)
    }
}

impl EmbedDiffusion<'_> {
    /// `I` is the backend without differentiation.
    fn embed<I: Backend>(&self, device: &I::Device) -> anyhow::Result<()> {
        let args = self.args;
        let standard = FeatureOptions::default();
        let options = FeatureOptions {
            stage: match &args.diffusion.stage {
                Some(stage) => stage.parse()?,
                None => standard.stage,
            },
            time: args.diffusion.time.unwrap_or(standard.time),
            ensemble: args.diffusion.ensemble.unwrap_or(standard.ensemble),
            seed: args.diffusion.noise_seed.unwrap_or(standard.seed),
            ..standard
        };
        let load = LoadOptions {
            up_path: matches!(options.stage, Stage::Up(_)) || args.diffusion.lora.is_some(),
            dtype: args.precision.map(Precision::dtype),
            ..LoadOptions::default()
        };
        let (model, report) = StableDiffusion::<I>::load(&args.weights, &load, device)?;
        let lora = match &args.diffusion.lora {
            Some(path) => {
                let options = LoraLoadOptions::default();
                let (lora, report) = UnetLora::load(path, &model.unet, &options, device)?;
                eprintln!(
                    "{}: {} maps, scale from {}",
                    report.path.display(),
                    report.maps,
                    report.scale_from
                );
                Some(lora)
            }
            None => None,
        };
        let prompt = model.prompt(args.diffusion.prompt.as_deref().unwrap_or(""))?;
        if let Some(cut) = &prompt.cut {
            eprintln!("the prompt is too long; left out: `{cut}`");
        }
        let context = model.context(&[prompt])?;
        let input = Input::symmetric(MODEL);
        let pixels = Pixels {
            input: &input,
            channels: 3,
            frame_channels: 3,
            bands: &args.bands,
            size: args.size,
            scale: args.scale,
        };
        let extent = pixels.frame(&args.input[0])?.extent;
        let map = model.feature_shape(options.stage, extent)?;
        let shape = match args.feature {
            Feature::Map => map.to_vec(),
            Feature::Class | Feature::Mean => vec![map[0]],
        };
        let mut file = FeatureFile::create(
            &args.output,
            vec![options.stage.to_string()],
            args.input.len(),
            &shape,
            &self.metadata(&options, &report),
        )?;
        for paths in args.input.chunks(args.batch_size) {
            let values = pixels.batch(paths, extent)?;
            let shape = [paths.len(), 3, extent[0], extent[1]];
            let images = Tensor::<I, 4>::from_data(TensorData::new(values, shape), device);
            let features = match &lora {
                Some(lora) => model.features(images, &context, &options, lora)?,
                None => model.features(images, &context, &options, &())?,
            };
            let features = features.cast(FloatDType::F32);
            let features = match args.feature {
                Feature::Map => features.into_data(),
                Feature::Class | Feature::Mean => features.mean_dim(3).mean_dim(2).into_data(),
            };
            file.append(0, &features.iter::<f32>().collect::<Vec<_>>())?;
            eprintln!("{} of {} images", file.images(), args.input.len());
        }
        file.finish()?;
        println!("{}", args.output.display());
        Ok(())
    }

    fn metadata(&self, options: &FeatureOptions, report: &DiffusionReport) -> serde_json::Value {
        let files: Vec<_> = self
            .args
            .input
            .iter()
            .map(|p| p.display().to_string())
            .collect();
        let lora = self.args.diffusion.lora.as_ref();
        let mut metadata = json!({
            "model": MODEL,
            "weights": report.unet.path.display().to_string(),
            "lora": lora.map_or_else(String::new, |path| path.display().to_string()),
            "prompt": self.args.diffusion.prompt.clone().unwrap_or_default(),
            "stage": options.stage.to_string(),
            "time": options.time.to_string(),
            "ensemble": options.ensemble.to_string(),
            "noise_seed": options.seed.to_string(),
            "files": json!(files).to_string(),
        });
        for (key, choice) in self.args.choices() {
            metadata[key] = choice.into();
        }
        metadata
    }
}
