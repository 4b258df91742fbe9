//! Rows with a class per pixel: maps of the adapted backbone, a segmentation head, windows over whole images.

mod data;
mod evaluate;
mod keep;
pub(crate) mod logit_sums;
mod masks;
mod model;
mod pictures;
mod statistics;
mod train;
pub(crate) mod windows;

use std::sync::Arc;
use std::time::Duration;

use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::AutodiffBackend;
use eval::record::SeedResult;
use rs_datasets::{Dataset, Split};
use vit_backbone::FeatureRequest;

use self::data::Images;
use self::evaluate::evaluate;
use self::keep::keep;
use self::masks::PredictedMasks;
use self::model::Segmenter;
use super::backbone::Backbone;
use super::finish::Counts;
use super::map_readout::MapReadout;
use super::model::{InputAdapter, Readout};
use super::panels::KEPT;
use super::seed::{Samples, SeedOutput, SeedRun};
use super::view::View;
use super::{RunError, spectral};
use crate::experiment::SegmentationConfig;

pub(super) use pictures::pictures;
pub(super) use windows::Tiled;

impl SeedRun<'_> {
    /// Runs one seed of a row with a class per pixel. `started` is the clock at its start.
    pub(super) fn segmentation<B: AutodiffBackend>(
        &self,
        asked: &SegmentationConfig,
        dataset: Arc<dyn Dataset>,
        split: &Split,
        base: &Backbone<B>,
        device: &B::Device,
        started: Duration,
    ) -> Result<SeedOutput, RunError> {
        let experiment = self.experiment;
        let input = &experiment.input;
        let view = View::native(dataset, input, split, &base.input)?;
        let view = Arc::new(view);
        let images = Images::new(view.clone(), split, asked.validate_every > 0)?;
        let classes = images.all.classes().to_vec();
        // Statistics are taken over the windows of the training images.
        let rows: Vec<usize> = images.train.clone().collect();
        let tiles = Tiled::new(images.all.clone(), &rows, input.size)?;
        let tiles = Samples {
            train: tiles.len(),
            all: Arc::new(tiles),
        };
        base.config
            .check_image([1, input.bands.len(), input.size, input.size])?;
        let readout = self.map_readout(asked, &tiles, base, device)?;
        let method = self.adapter(&tiles, base, device)?;
        let forward_flops = self.forward_flops(base, &whole_depth(base, experiment), &method)?;
        let adapter = InputAdapter::new(method, &base.vit, experiment.train_patch_embed);
        let (adapted, backbone) = (adapter.num_params(), base.vit.num_params());
        let frozen = base.vit.valid();

        let standardiser = match asked.head.standardises() {
            true => Some(statistics::of_tokens(
                &tiles,
                &readout,
                &frozen,
                &adapter.valid(),
                device,
            )?),
            false => None,
        };
        let head = asked.head.init::<B>(
            readout.dim(&base.config),
            readout.blocks.len(),
            classes.len(),
            standardiser.as_ref(),
            self.seed,
            device,
        )?;
        let head_parameters = head.trainable_parameters();
        let model = Segmenter { adapter, head };
        let before = (self.clock)();
        let trained = train::train(self, asked, &images, model, base, &readout, device)?;
        let training = ((self.clock)() - before).as_secs_f64();
        let model = trained.model.valid();
        if self.keep_adapter {
            keep(self, &model, &readout, &self.base_identity(&base.sha256))?;
            let request = FeatureRequest {
                blocks: readout.blocks.clone(),
                final_norm: readout.final_norm,
            };
            self.keep_input(&view, &request)?;
        }
        let test = images.test.clone();
        let found = evaluate(
            &images,
            test,
            asked.evaluate,
            input.size,
            &readout,
            &frozen,
            &model,
            device,
            KEPT,
        )?;
        let evaluation = found.counts.evaluate();
        let mut result = SeedResult::from_evaluation(self.seed, Some(split.sha256()), evaluation);
        // Images, not pixels: pixels of one image are no independent samples.
        result.n_train = Some(images.train.len() as u64);
        result.n_test = Some(images.test.len() as u64);
        result.curve = trained.curve;
        result.seconds_per_epoch = Some(training / experiment.train.epochs as f64);
        let file = format!("seed-{}.masks.json", self.seed);
        let masks = PredictedMasks {
            classes,
            masks: found.masks,
        };
        masks.write(&self.folder.join(&file))?;
        result.predictions = Some(file);
        let counts = Counts {
            adapted,
            head: Some(head_parameters),
            backbone,
        };
        let weights = base.sha256.clone();
        Ok(self.finished(result, &counts, weights, forward_flops, started))
    }

    /// How maps are read.
    fn map_readout<B: AutodiffBackend>(
        &self,
        asked: &SegmentationConfig,
        tiles: &Samples,
        base: &Backbone<B>,
        device: &B::Device,
    ) -> Result<MapReadout, RunError> {
        let request = FeatureRequest {
            blocks: asked.blocks(base.config.depth),
            final_norm: self.experiment.backbone.final_norm,
        };
        request.validate(base.config.depth)?;
        let spectra = match &self.experiment.spectral_head {
            Some(pixels) => Some(spectral::image_statistics::<B::InnerBackend>(
                tiles,
                &self.experiment.input,
                pixels,
                base.config.patch_size,
                device,
            )?),
            None => None,
        };
        Ok(MapReadout {
            blocks: request.blocks,
            final_norm: request.final_norm,
            patch: base.config.patch_size,
            groups: base.config.group_count(),
            spectra,
        })
    }
}

/// A readout of the last block, for the cost of the backbone and the adapter.
fn whole_depth<B: AutodiffBackend>(
    base: &Backbone<B>,
    experiment: &crate::experiment::Experiment,
) -> Readout {
    Readout {
        request: FeatureRequest::block(base.config.depth - 1),
        pooling: experiment.backbone.pooling,
        views: experiment.backbone.views,
        spectra: None,
    }
}
