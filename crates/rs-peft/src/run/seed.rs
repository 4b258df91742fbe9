//! One seed of one row: split, frozen statistics, training, test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::AutodiffBackend;
use deflect::Deflect;
use eval::metric::{Probabilities, evaluate};
use eval::record::{CurvePoint, Parameters, SeedResult};
use heads::{FeatureTable, LinearHeadConfig, Standardiser};
use rs_datasets::{DataError, Dataset, Split, Task};
use serde::{Deserialize, Serialize};
use training::{CacheKey, FeatureCache, FeatureMatrix};
use vit_backbone::{FeatureRequest, PatchEmbedInit};

use super::backbone::{self, Backbone};
use super::batches::{features_of, loader};
use super::finish::Counts;
use super::held::held;
use super::keep::keep;
use super::model::{InputAdapter, Readout, Trainable};
use super::predictions::Predictions;
use super::probe::judge_by_probe;
use super::session::Session;
use super::view::View;
use super::{Adapter, Provenance, RunError, data, spectral, train};
use crate::backend::BackendTask;
use crate::experiment::{Experiment, Method, ProbeConfig, Views};

/// One seed of one row, ready to run on a backend.
pub struct SeedRun<'a> {
    /// `group/table/row`.
    pub row: &'a str,
    /// The resolved configuration.
    pub experiment: &'a Experiment,
    /// The seed.
    pub seed: u64,
    /// Workspace root, to which the weights' path is relative.
    pub root: &'a Path,
    /// The folder given with `--data`.
    pub data: Option<&'a Path>,
    /// Where checkpoints of long runs and the predictions go.
    pub folder: &'a Path,
    /// Identity of row and inputs, bound into checkpoints.
    pub fingerprint: &'a str,
    /// Folder in which features of the model at its start are kept, for all rows that share them.
    pub features: Option<&'a Path>,
    /// Name of the backend, part of the features' identity.
    pub backend: &'a str,
    /// Whether the trained adapter and head are kept as files in `folder`.
    pub keep_adapter: bool,
    /// How it is watched, checkpointed and stopped.
    pub session: Session<'a>,
    /// Tells the time since any fixed moment, for progress and seconds; only programs read the clock.
    pub clock: &'a (dyn Fn() -> std::time::Duration + Sync),
}

/// What one seed leaves behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedOutput {
    /// Metrics, curve, confusion.
    pub result: SeedResult,
    /// Parameter counts of the row.
    pub parameters: Parameters,
    /// Peak memory of the process, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// SHA-256 of the weights.
    pub weights: String,
    /// Floating-point operations of the forward pass of one image, by formula; absent where not all blocks are run.
    #[serde(default)]
    pub forward_flops: Option<u64>,
    /// The code that ran and the machine, where the caller says.
    #[serde(default)]
    pub provenance: Option<Provenance>,
}

/// The samples of one seed: training rows first, then test rows, decoded and standardised.
pub(crate) struct Samples {
    pub(crate) all: Arc<dyn Dataset>,
    pub(crate) train: usize,
}

impl Samples {
    pub(crate) fn train_indices(&self) -> Vec<usize> {
        (0..self.train).collect()
    }

    pub(crate) fn test_indices(&self) -> Vec<usize> {
        (self.train..self.all.len()).collect()
    }

    pub(crate) fn labels(&self, indices: &[usize]) -> Vec<usize> {
        // A classification split holds labelled samples only: `LabelTable::of` refuses others.
        indices
            .iter()
            .map(|&index| self.all.class_of(index).unwrap_or_default())
            .collect()
    }
}

impl BackendTask for SeedRun<'_> {
    type Output = Result<SeedOutput, RunError>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> Self::Output {
        let started = (self.clock)();
        let experiment = self.experiment;
        let dataset = data::open(self.row, &experiment.data, self.data)?;
        let split = data::split(
            self.row,
            &experiment.data,
            dataset.as_ref(),
            self.seed,
            self.data,
        )?;
        let base = backbone::load::<B>(
            &experiment.backbone,
            &experiment.input,
            self.root,
            self.seed,
            &device,
        )?;
        if let (Some(groups), Some(ProbeConfig::LongTail(recipe))) =
            (experiment.data.split.groups(), &experiment.probe)
        {
            let asked = (groups, recipe.as_ref());
            return self.long_tailed(asked, dataset, &split, &base, &device, started);
        }
        if let Some(asked) = &experiment.segmentation {
            return self.segmentation(asked, dataset, &split, &base, &device, started);
        }
        if let Some(asked) = &experiment.detection {
            return self.detection(asked, dataset, &split, &base, &device, started);
        }
        let task = dataset.info().task;
        if task != Task::Classification {
            return Err(RunError::Data(DataError::Setting {
                what: "data.dataset".into(),
                detail: format!(
                    "`{}` has labels for {task:?}; a row without [segmentation] and [detection] needs one class per image",
                    dataset.name()
                ),
            }));
        }
        let (samples, view) = self.samples(dataset, &split, &base)?;
        let classes = samples.all.classes().to_vec();

        let readout = self.readout(&samples, &base, &device)?;
        let method = self.adapter(&samples, &base, &device)?;
        let forward_flops = self.forward_flops(&base, &readout, &method)?;
        let adapter = InputAdapter::new(method, &base.vit, experiment.train_patch_embed);
        let adapted = adapter.num_params();
        let backbone_parameters = base.vit.num_params();

        // Statistics of the head's input come from the model at the start, on training images.
        let frozen = base.vit.valid();
        let start = adapter.valid();
        let train_indices = samples.train_indices();
        let start_features = |part: &str, indices: &[usize]| {
            self.cached_features(
                &format!("{}/{part}", split.sha256()),
                &base.sha256,
                &readout,
                || features_of(&samples, indices, &readout, &frozen, &start, &device),
            )
        };
        let features = start_features("train", &train_indices)?;
        let table = FeatureTable::new(&features.values, features.dim)?;
        let labels = samples.labels(&train_indices);
        let test_indices = samples.test_indices();
        let truth = samples.labels(&test_indices);

        let mut curve = Vec::new();
        let mut training_seconds = None;
        let (probabilities, predicted, head_parameters) = match &experiment.probe {
            Some(probe) => {
                let test = start_features("test", &test_indices)?;
                let queries = FeatureTable::new(&test.values, test.dim)?;
                judge_by_probe(probe, &table, &labels, &queries, classes.len())?
            }
            None => {
                let head = LinearHeadConfig::new(features.dim, classes.len()).init::<B>(
                    Some(&Standardiser::fit(&table)),
                    self.seed,
                    &device,
                )?;
                let head_parameters = head.linear.num_params();
                let before = (self.clock)();
                let trained = train::run(
                    &self,
                    &samples,
                    Trainable { adapter, head },
                    &base,
                    &readout,
                    &features,
                    &format!("{}/train", split.sha256()),
                    &device,
                )?;
                training_seconds = Some(((self.clock)() - before).as_secs_f64());
                curve = trained.curve;
                let model = trained.model.valid();
                if self.keep_adapter {
                    keep(
                        self.folder,
                        self.seed,
                        &model,
                        &experiment.method,
                        &readout,
                        &self.base_identity(&base.sha256),
                    )?;
                    self.keep_input(&view, &readout.request)?;
                }
                let test = features_of(
                    &samples,
                    &test_indices,
                    &readout,
                    &frozen,
                    &model.adapter,
                    &device,
                )?;
                let logits = train::logits(&model.head, &test, &device);
                let probabilities = Probabilities::from_logits(&logits, classes.len())?;
                let predicted = probabilities.predictions();
                (Some(probabilities), predicted, Some(head_parameters))
            }
        };

        let evaluation = evaluate(&classes, &truth, &predicted, probabilities.as_ref(), None)?;
        let mut result = SeedResult::from_evaluation(self.seed, Some(split.sha256()), evaluation);
        result.n_train = Some(train_indices.len() as u64);
        result.curve = curve;
        result.seconds_per_epoch =
            training_seconds.map(|seconds| seconds / experiment.train.epochs as f64);
        let ids = test_indices
            .iter()
            .map(|&index| samples.all.id(index).to_string())
            .collect();
        let file = format!("seed-{}.predictions.json", self.seed);
        Predictions::new(ids, &classes, truth, predicted, probabilities.as_ref())
            .write(&self.folder.join(&file))?;
        result.predictions = Some(file);
        let counts = Counts {
            adapted,
            head: head_parameters,
            backbone: backbone_parameters,
        };
        Ok(self.finished(result, &counts, base.sha256, forward_flops, started))
    }
}

impl SeedRun<'_> {
    /// How features are read. Statistics of spectra come from the training images.
    pub(super) fn readout<B: AutodiffBackend>(
        &self,
        samples: &Samples,
        base: &Backbone<B>,
        device: &B::Device,
    ) -> Result<Readout, RunError> {
        let config = &self.experiment.backbone;
        let depth = base.vit.blocks.len();
        let blocks = if config.blocks == 0 {
            depth
        } else {
            config.blocks.min(depth)
        };
        let spectra = match &self.experiment.spectral_head {
            Some(pixels) => Some(spectral::image_statistics::<B::InnerBackend>(
                samples,
                &self.experiment.input,
                pixels,
                base.config.patch_size,
                device,
            )?),
            None => None,
        };
        Ok(Readout {
            request: FeatureRequest {
                blocks: vec![blocks - 1],
                final_norm: config.final_norm,
            },
            pooling: config.pooling,
            views: config.views,
            spectra,
        })
    }

    /// The untrained adapter of the row's method.
    pub(super) fn adapter<B: AutodiffBackend>(
        &self,
        samples: &Samples,
        base: &Backbone<B>,
        device: &B::Device,
    ) -> Result<Adapter<B>, RunError> {
        match &self.experiment.method {
            Method::Weights(method) => {
                let adapter = method.init(&base.vit, &base.config, self.seed, device)?;
                Ok(Adapter::Weights(adapter))
            }
            Method::Deflect(method) => {
                let input = &self.experiment.input;
                let config = method.config(spectral::spectrum(samples, input));
                let pixel_set = config.pixel_set(&base.config)?;
                let fitted = spectral::fit::<B::InnerBackend>(samples, &pixel_set, device)?;
                let adapter = Deflect::init(&config, &base.config, &fitted, self.seed, device)?;
                let shape = [1, samples.all.bands().len(), input.size, input.size];
                adapter.check_image(shape, &base.config)?;
                Ok(Adapter::Deflect(adapter))
            }
        }
    }

    /// Floating-point operations of one image, where the formulas hold: when all blocks are run.
    pub(super) fn forward_flops<B: AutodiffBackend>(
        &self,
        base: &Backbone<B>,
        readout: &Readout,
        adapter: &Adapter<B>,
    ) -> Result<Option<u64>, RunError> {
        if readout.request.blocks != [base.config.depth - 1] {
            return Ok(None);
        }
        let image = [self.experiment.input.size; 2];
        let multiply_adds = match (&self.experiment.method, adapter) {
            (Method::Weights(method), _) => method.multiply_adds(&base.config, image)?,
            (Method::Deflect(_), Adapter::Deflect(adapter)) => {
                adapter.config().multiply_adds(&base.config, image)?
            }
            (Method::Deflect(_), Adapter::Weights(_)) => return Ok(None),
        };
        let passes = match readout.views {
            Views::One => 1,
            Views::Dihedral => 8,
        };
        Ok(Some(multiply_adds.saturating_mul(2 * passes)))
    }

    fn samples<B: burn::tensor::backend::Backend>(
        &self,
        dataset: Arc<dyn Dataset>,
        split: &Split,
        base: &Backbone<B>,
    ) -> Result<(Samples, Arc<View>), RunError> {
        let train = split.indices("train", dataset.as_ref())?;
        let test = split.indices("test", dataset.as_ref())?;
        let view = View::new(dataset, &self.experiment.input, split, &base.input)?;
        let view = Arc::new(view);
        let wanted: Vec<usize> = train.iter().chain(&test).copied().collect();
        let (all, _) = held(view.clone(), wanted)?;
        let samples = Samples {
            all,
            train: train.len(),
        };
        Ok((samples, view))
    }

    /// Features of the model at its start, from the cache or computed and stored there.
    pub(super) fn cached_features(
        &self,
        part: &str,
        weights: &str,
        readout: &Readout,
        compute: impl FnOnce() -> Result<FeatureMatrix, RunError>,
    ) -> Result<FeatureMatrix, RunError> {
        let Some(folder) = self.features else {
            return compute();
        };
        let key = self.feature_key(part, weights, readout)?;
        let cache = FeatureCache::new(folder);
        if let Some(matrix) = cache.get(&key)? {
            return Ok(matrix);
        }
        let matrix = compute()?;
        cache.put(&key, &matrix)?;
        Ok(matrix)
    }

    /// What the features of the model at its start depend on.
    pub(super) fn feature_key(
        &self,
        part: &str,
        weights: &str,
        readout: &Readout,
    ) -> Result<CacheKey, RunError> {
        let experiment = self.experiment;
        let json = |source| RunError::Json {
            path: self.row.into(),
            source,
        };
        let input = serde_json::to_string(&experiment.input).map_err(json)?;
        let spectra = serde_json::to_string(&experiment.spectral_head).map_err(json)?;
        // A method that does not start as the base has features of its own from the first step.
        let start = if experiment.method.starts_as_base() {
            experiment.method.name().to_owned()
        } else {
            serde_json::to_string(&experiment.method).map_err(json)?
        };
        let random = experiment.backbone.weights == "random"
            || !experiment.method.starts_as_base()
            || experiment.input.patch_embed == PatchEmbedInit::Random;
        let model = if random {
            format!(
                "{weights}/{}/{start}/{}",
                experiment.backbone.weights, self.seed
            )
        } else {
            weights.to_string()
        };
        Ok(CacheKey::new()
            .with("model", &model)
            .with("input", &input)
            .with("part", part)
            .with(
                "readout",
                &format!("{:?} {:?}", readout.request, readout.pooling),
            )
            .with("views", &format!("{:?}", readout.views))
            .with("spectra", &spectra)
            .with("backend", self.backend))
    }

    /// Where the checkpoints of this seed go.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.folder.join(format!("seed-{}.checkpoints", self.seed))
    }

    /// Identity that a checkpoint of this seed must carry.
    pub(crate) fn checkpoint_id(&self) -> String {
        format!("{}-{}", self.fingerprint, self.seed)
    }

    /// Batches of training images in the order of an epoch, augmented as the row says.
    pub(crate) fn training_loader(
        &self,
        samples: &Samples,
    ) -> Result<rs_datasets::Loader, RunError> {
        loader(
            samples,
            samples.train_indices(),
            self.experiment.train.batch_size,
            self.experiment.train.augment,
            Some(self.seed),
        )
    }
}

/// Points of a training curve as a record holds them.
pub(crate) fn curve_points(curve: &training::Curve, peak_rate: f64) -> Vec<CurvePoint> {
    curve
        .epochs
        .iter()
        .map(|point| CurvePoint {
            epoch: point.epoch as f64 + 1.0,
            train_loss: point.train_loss,
            val_loss: None,
            val_metric: point.score,
            learning_rate: Some(point.rate_factor * peak_rate),
        })
        .collect()
}
