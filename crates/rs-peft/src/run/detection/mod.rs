//! Rows with oriented objects: the last map of the adapted backbone, rotated FCOS, windows over whole images.

mod evaluate;
mod found;
mod images;
mod keep;
mod model;
mod pictures;
mod train;

use std::sync::Arc;
use std::time::Duration;

use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::AutodiffBackend;
use eval::record::SeedResult;
use rs_datasets::{Dataset, Split};
use vit_backbone::FeatureRequest;

use self::evaluate::{evaluate, scores};
use self::images::{Images, ObjectWindows};
use self::keep::keep;
use self::model::Detector;
use super::RunError;
use super::backbone::Backbone;
use super::finish::Counts;
use super::map_readout::MapReadout;
use super::model::{InputAdapter, Readout};
use super::panels::KEPT;
use super::seed::{Samples, SeedOutput, SeedRun};
use super::view::View;
use crate::experiment::DetectionConfig;

pub(super) use pictures::pictures;

impl SeedRun<'_> {
    /// Runs one seed of a row with oriented objects. `started` is the clock at its start.
    pub(super) fn detection<B: AutodiffBackend>(
        &self,
        asked: &DetectionConfig,
        dataset: Arc<dyn Dataset>,
        split: &Split,
        base: &Backbone<B>,
        device: &B::Device,
        started: Duration,
    ) -> Result<SeedOutput, RunError> {
        let experiment = self.experiment;
        let input = &experiment.input;
        let view = View::native(dataset, input, split, &base.input)?;
        let images = Images::new(Arc::new(view), split)?;
        let classes = images.all.classes().to_vec();
        let windows = ObjectWindows::new(&images, input.size, asked.overlap, asked.keep_empty)?;
        let counts = windows.objects_per_class().to_vec();
        let windows = Samples {
            train: windows.len(),
            all: Arc::new(windows),
        };
        base.config
            .check_image([1, input.bands.len(), input.size, input.size])?;
        let readout = self.last_map(base)?;
        let method = self.adapter(&windows, base, device)?;
        let whole = Readout {
            request: FeatureRequest::block(readout.blocks[0]),
            pooling: experiment.backbone.pooling,
            views: experiment.backbone.views,
            spectra: None,
        };
        let forward_flops = self.forward_flops(base, &whole, &method)?;
        let adapter = InputAdapter::new(method, &base.vit, experiment.train_patch_embed);
        let (adapted, backbone) = (adapter.num_params(), base.vit.num_params());
        let frozen = base.vit.valid();

        let head = asked.head.init::<B>(
            base.config.dim,
            base.config.patch_size,
            classes.len(),
            self.seed,
            device,
        )?;
        let head_parameters = head.num_params();
        let model = Detector { adapter, head };
        let before = (self.clock)();
        let trained = train::train(
            self, asked, &windows, &counts, model, base, &readout, device,
        )?;
        let training = ((self.clock)() - before).as_secs_f64();
        let model = trained.model.valid();
        if self.keep_adapter {
            keep(self, &model, &self.base_identity(&base.sha256))?;
        }
        let strides = asked.head.pyramid.strides(base.config.patch_size)?;
        let test = |rows: &[usize]| {
            evaluate(
                &images, rows, asked, input.size, &strides, &readout, &frozen, &model, device,
            )
        };
        let found = test(&images.test)?;
        let mut result = SeedResult {
            seed: self.seed,
            split_hash: Some(split.sha256()),
            // Images, not windows or objects: neither is an independent sample.
            n_train: Some(images.train.len() as u64),
            n_test: Some(images.test.len() as u64),
            curve: trained.curve,
            seconds_per_epoch: Some(training / experiment.train.epochs as f64),
            ..SeedResult::default()
        };
        for (name, value) in scores(&found)? {
            result.set_metric(&name, value);
        }
        if asked.test_training_images {
            let memorised = scores(&test(&images.train)?)?;
            let map = memorised
                .into_iter()
                .find(|(name, _)| name == eval::metric::names::MAP);
            result.set_metric(
                eval::metric::names::MAP_TRAIN,
                map.and_then(|(_, value)| value),
            );
        }
        let task1 = self.folder.join(format!("seed-{}.task1", self.seed));
        eval::oriented::write_results(&task1, &found.truth, &found.boxes)?;
        let file = format!("seed-{}.detections.json", self.seed);
        found.first(KEPT).write(&self.folder.join(&file))?;
        result.predictions = Some(file);
        let counted = Counts {
            adapted,
            head: Some(head_parameters),
            backbone,
        };
        let weights = base.sha256.clone();
        Ok(self.finished(result, &counted, weights, forward_flops, started))
    }

    /// How the map is read: from the last block that is run.
    fn last_map<B: AutodiffBackend>(&self, base: &Backbone<B>) -> Result<MapReadout, RunError> {
        let config = &self.experiment.backbone;
        let depth = base.config.depth;
        let blocks = match config.blocks {
            0 => depth,
            blocks => blocks.min(depth),
        };
        let request = FeatureRequest {
            blocks: vec![blocks - 1],
            final_norm: config.final_norm,
        };
        request.validate(depth)?;
        Ok(MapReadout {
            blocks: request.blocks,
            final_norm: config.final_norm,
            patch: base.config.patch_size,
            groups: base.config.group_count(),
            spectra: None,
        })
    }
}
