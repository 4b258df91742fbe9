//! Pretraining of the shipped backbone: a masked autoencoder on EuroSAT RGB, without any image that an evaluation tests on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use burn::tensor::backend::AutodiffBackend;
use rs_datasets::{
    BandStatistics, Batch, Cached, Dataset, InputUnit, Interpolation, LabelTable, Loader,
    LoaderConfig, Normalise, Order, Pipeline, RandomDihedral, RandomResizedCrop, Split,
    StatisticsSource, Step, catalog, image_tensor, stratified,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use training::{
    AdamWConfig, BoxError, CheckpointPolicy, ConsoleProgress, FitConfig, GroupConfig, Hooks, Loss,
    OptimizerConfig, ScheduleConfig, StepContext, fit,
};
use vit_backbone::{Dtype, Mae, MaeConfig, MaskPlan, PositionKind, VitConfig, save_vit};

use crate::backend::BackendTask;
use crate::hex::hex;
use crate::run::{INPUT_METADATA, LoaderSource, RunError, without_reserved};

/// Mean of red, green and blue over the EuroSAT RGB archive, 0 to 255.
const MEAN: [f64; 3] = [87.82, 96.98, 103.99];
/// Standard deviation of the same.
const STD: [f64; 3] = [51.94, 34.83, 29.27];

/// Recipe of the pretraining.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainConfig {
    /// Passes over the images.
    pub epochs: usize,
    /// Images per step.
    pub batch_size: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Decoupled weight decay on matrices.
    pub weight_decay: f64,
    /// Share of the steps with a rising rate.
    pub warmup: f64,
    /// Largest global norm of the gradient.
    pub clip_norm: f64,
    /// Seed of initialisation, order, augmentation and masks.
    pub seed: u64,
    /// Seed of the hold-out.
    pub split_seed: u64,
    /// Share of the images held out.
    pub hold_out: f64,
    /// At most this many images.
    pub limit: Option<usize>,
}

impl Default for PretrainConfig {
    fn default() -> Self {
        Self {
            epochs: 44,
            batch_size: 128,
            learning_rate: 1.2e-3,
            weight_decay: 0.05,
            warmup: 0.04,
            clip_norm: 1.0,
            seed: 0,
            split_seed: 2026,
            hold_out: 0.2,
            limit: None,
        }
    }
}

/// Encoder and decoder of the shipped backbone: 64 pixels, patches of 8, width 192, 8 blocks, 3 heads; decoder 96 wide, 2 blocks.
pub fn architecture() -> MaeConfig {
    MaeConfig {
        encoder: VitConfig {
            image_size: 64,
            patch_size: 8,
            dim: 192,
            depth: 8,
            heads: 3,
            mlp_dim: 768,
            positions: PositionKind::SinCos2d,
            ..VitConfig::default()
        },
        decoder_dim: 96,
        decoder_depth: 2,
        decoder_heads: 3,
        decoder_mlp_dim: 384,
        mask_ratio: 0.75,
        normalise_pixels: true,
    }
}

/// The split of the pretraining: `train` is what the backbone sees, `test` is held out, the 270 images with a 13-band pair are in
/// neither.
///
/// # Errors
/// When the data set or the pairs cannot be listed.
pub fn split(
    dataset: &dyn Dataset,
    pairs: &Path,
    config: &PretrainConfig,
) -> Result<Split, RunError> {
    let table = without_reserved(&LabelTable::of(dataset)?, pairs)?;
    Ok(stratified(
        &table,
        "eurosat-rgb-pretraining",
        &[("test", config.hold_out), ("train", 1.0 - config.hold_out)],
        config.split_seed,
    )?)
}

/// SHA-256 of the sorted ids, one per line: which images a backbone has seen, in a form that any language can check.
pub fn ids_hash(ids: &[String]) -> String {
    let mut sorted: Vec<&str> = ids.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    hex(&Sha256::digest(sorted.join("\n")))
}

/// One pretraining run.
pub struct PretrainRun<'a> {
    /// The recipe.
    pub config: &'a PretrainConfig,
    /// Folder with EuroSAT_RGB.zip and eurosat_ms/.
    pub data: &'a Path,
    /// Checkpoint to write.
    pub output: &'a Path,
    /// Time since any fixed moment, for the progress bar.
    pub clock: Box<dyn Fn() -> Duration>,
}

impl BackendTask for PretrainRun<'_> {
    type Output = Result<String, RunError>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> Self::Output {
        let config = self.config;
        let dataset = catalog::open("eurosat_rgb", &self.data.join("EuroSAT_RGB.zip"))?;
        let split = split(dataset.as_ref(), &self.data.join("eurosat_ms"), config)?;
        let ids = split.part("train")?;
        let seen = ids_hash(ids);
        let mut indices = split.indices("train", dataset.as_ref())?;
        indices.truncate(config.limit.unwrap_or(usize::MAX));
        let images: Arc<dyn Dataset> =
            Arc::new(Cached::subset(dataset.as_ref(), &indices, 8 << 30)?);

        let statistics = input_statistics();
        let steps = vec![
            Step::RandomResizedCrop(RandomResizedCrop {
                height: 64,
                width: 64,
                min_area: 0.5,
                max_area: 1.0,
                interpolation: Interpolation::Bilinear,
            }),
            Step::RandomDihedral(RandomDihedral::default()),
            Step::Normalise(Normalise {
                statistics: statistics.clone(),
            }),
        ];
        let mut order = LoaderConfig::new(config.batch_size, Order::Shuffled, config.seed);
        order.drop_last = images.len() > config.batch_size;
        let count = images.len();
        let source = LoaderSource(Loader::new(
            images,
            (0..count).collect(),
            Pipeline::new(steps),
            order,
        )?);

        let architecture = architecture();
        let model: Mae<B> = Mae::init(&architecture, config.seed, &device)?;
        // Tokens are no matrices: they do not decay.
        let tokens = ["encoder.embed.class_token", "decoder.mask_token"];
        let rest = [
            "encoder.embed.proj.*",
            "encoder.blocks.*",
            "encoder.norm.*",
            "decoder.embed.*",
            "decoder.blocks.*",
            "decoder.norm.*",
            "decoder.pred.*",
        ];
        let groups = vec![
            GroupConfig::new("matrices", &rest, config.learning_rate)
                .with_weight_decay(config.weight_decay),
            GroupConfig::new("tokens", &tokens, config.learning_rate),
        ];
        let mut settings = FitConfig::new(
            config.epochs,
            config.seed,
            groups,
            ScheduleConfig::cosine(config.warmup),
        );
        settings.optimizer = OptimizerConfig::AdamW(AdamWConfig {
            beta1: 0.9,
            beta2: 0.95,
            ..AdamWConfig::default()
        });
        settings.clip_norm = Some(config.clip_norm);

        let patches = architecture.patches();
        let objective =
            |model: &Mae<B>, batch: Batch, context: &StepContext| -> Result<Loss<B>, BoxError> {
                let plan =
                    MaskPlan::random(batch.len(), patches, architecture.mask_ratio, context.seed)?;
                let items = batch.len();
                Ok(Loss::mean(
                    model.loss(image_tensor::<B>(&batch, &device), &plan),
                    items,
                ))
            };
        let policy = CheckpointPolicy::new(
            self.output.with_extension("state"),
            format!("mae-{seen}-{count}"),
        );
        let mut progress = ConsoleProgress::stderr("pretrain", self.clock);
        let hooks = Hooks::none().checkpoint(&policy).progress(&mut progress);
        let outcome = fit(model, &settings, &objective, &source, &device, hooks)?;

        let losses: Vec<Option<f64>> = outcome
            .curve
            .epochs
            .iter()
            .map(|point| point.train_loss)
            .collect();
        let text = |value: serde_json::Result<String>| {
            value.map_err(|source| RunError::Json {
                path: self.output.into(),
                source,
            })
        };
        let metadata = BTreeMap::from([
            (
                INPUT_METADATA.to_string(),
                text(serde_json::to_string(&statistics))?,
            ),
            ("name".to_string(), NAME.to_string()),
            ("curve".to_string(), text(serde_json::to_string(&losses))?),
            ("recipe".to_string(), text(serde_json::to_string(config))?),
            ("pretraining_ids_sha256".to_string(), seen),
        ]);
        let saved = save_vit(
            &outcome.model.encoder,
            &architecture.encoder,
            self.output,
            Dtype::F16,
            &metadata,
        )?;
        policy.clear()?;
        Ok(format!(
            "{} ({} bytes, sha256 {})",
            self.output.display(),
            saved.bytes,
            saved.sha256
        ))
    }
}

/// Name of the weights.
const NAME: &str = "vit_8x192_eurosat_mae";

/// What the backbone's input is made of.
fn input_statistics() -> BandStatistics {
    BandStatistics {
        bands: ["B04", "B03", "B02"].map(String::from).to_vec(),
        mean: MEAN.to_vec(),
        std: STD.to_vec(),
        unit: InputUnit::Uint8,
        source: StatisticsSource::Weights { name: NAME.into() },
        percentiles: None,
    }
}
