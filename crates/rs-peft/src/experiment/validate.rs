//! What makes a row impossible, found before anything is read or computed.

use std::path::Path;

use peft_lora::MethodConfig;

use super::{
    Experiment, ExperimentError, LongTailSplit, Method, NaturalLongTail, PrefixCache, ProbeConfig,
    Schedule, SplitConfig, Views,
};

/// A key, what it holds, and what it may hold.
type Fault = (&'static str, String, &'static str);

/// The fault, unless all is well.
fn require(
    good: bool,
    key: &'static str,
    found: impl ToString,
    expected: &'static str,
) -> Result<(), Fault> {
    if good {
        Ok(())
    } else {
        Err((key, found.to_string(), expected))
    }
}

impl Experiment {
    /// Checks ranges that the types do not.
    ///
    /// # Errors
    /// [`ExperimentError::Value`], which names the key.
    pub fn validate(&self, path: &Path) -> Result<(), ExperimentError> {
        self.rows_fit()
            .and_then(|()| self.training_fits())
            .and_then(|()| self.split_fits())
            .and_then(|()| self.input_fits())
            .and_then(|()| self.task_fits())
            .and_then(|()| self.method_fits())
            .map_err(|(key, found, expected)| ExperimentError::Value {
                path: path.into(),
                key,
                found,
                expected,
            })
    }

    fn rows_fit(&self) -> Result<(), Fault> {
        let seeds = !self.seeds.is_empty();
        require(seeds, "seeds", "[]", "at least one seed")?;
        require(
            !self.table.metrics.is_empty(),
            "table.metrics",
            "[]",
            "at least one metric, e.g. accuracy",
        )
    }

    fn training_fits(&self) -> Result<(), Fault> {
        let train = &self.train;
        let epochs = (1..=100_000).contains(&train.epochs);
        require(epochs, "train.epochs", train.epochs, "1 to 100000")?;
        let batch = (1..=65_536).contains(&train.batch_size);
        require(batch, "train.batch_size", train.batch_size, "1 to 65536")?;
        let share = (0.0..=1.0).contains(&train.warmup);
        require(share, "train.warmup", train.warmup, "a share, 0 to 1")?;
        for (key, rate) in [
            ("train.learning_rate", train.learning_rate),
            ("train.head_learning_rate", train.head_learning_rate),
            ("train.weight_decay", train.weight_decay),
        ] {
            let good = rate.is_finite() && rate >= 0.0;
            require(good, key, rate, "a finite number, 0 or more")?;
        }
        let classifies = self.segmentation.is_none() && self.detection.is_none();
        let plain = classifies && !train.augment && self.spectral_head.is_none();
        require(
            train.cache_prefix == PrefixCache::Off || plain,
            "train.cache_prefix",
            format!("{:?}", train.cache_prefix).to_lowercase(),
            "off, but for classification of whole images without augmentation and spectral head",
        )?;
        let norm = train.clip_norm > 0.0;
        require(norm, "train.clip_norm", train.clip_norm, "a number above 0")?;
        require(
            train.schedule != Schedule::Pangaea || train.warmup == 0.0,
            "train.warmup",
            train.warmup,
            "0, as the schedule of PANGAEA has none",
        )
    }

    fn split_fits(&self) -> Result<(), Fault> {
        let shares: Vec<(&'static str, f64)> = match self.data.split {
            SplitConfig::Holdout {
                test,
                label_fraction,
                ..
            } => vec![
                ("data.split.test", test),
                ("data.split.label_fraction", label_fraction),
            ],
            SplitConfig::Repeated { test } => vec![("data.split.test", test)],
            SplitConfig::Published | SplitConfig::File { .. } => vec![],
            SplitConfig::LongTailed(LongTailSplit { held_out, .. }) => {
                vec![("data.split.held_out", held_out)]
            }
            SplitConfig::NaturalLongTail(NaturalLongTail {
                test, validation, ..
            }) => {
                let test = test.map(|test| ("data.split.test", test));
                let validation = ("data.split.validation", validation);
                test.into_iter().chain([validation]).collect()
            }
        };
        for (key, value) in shares {
            let good = value > 0.0 && value <= 1.0;
            require(good, key, value, "a share above 0, up to 1")?;
        }
        let named = self.data.dataset.starts_with("synthetic") || self.data.path.is_some();
        require(
            named,
            "data.path",
            "absent",
            "a file or folder below the data directory",
        )?;
        require(
            self.is_long_tailed() == matches!(self.probe, Some(ProbeConfig::LongTail(_))),
            "probe.kind",
            format!("{:?}", self.probe),
            "long_tail exactly where data.split.kind is long_tailed or natural_long_tail",
        )?;
        require(
            self.is_long_tailed()
                || (self.train.loss.is_none() && self.train.deferred_beta.is_none()),
            "train.loss",
            format!("{:?}", self.train.loss),
            "absent, as data.split.kind is neither long_tailed nor natural_long_tail",
        )
    }

    fn is_long_tailed(&self) -> bool {
        self.data.split.groups().is_some()
    }

    fn input_fits(&self) -> Result<(), Fault> {
        let input = &self.input;
        require(
            !input.bands.is_empty() && input.known <= input.bands.len(),
            "input.known",
            input.known,
            "at most the number of input.bands, which must not be empty",
        )?;
        let size = (1..=4096).contains(&input.size);
        require(size, "input.size", input.size, "1 to 4096 pixels")?;
        let resolution = self.backbone.resolution;
        require(
            resolution.is_none_or(|metres| metres.is_finite() && metres > 0.0),
            "backbone.resolution",
            format!("{resolution:?}"),
            "metres per pixel, a number above 0",
        )?;
        let reads = self.spectral_head.is_some() || matches!(self.method, Method::Deflect(_));
        require(
            !reads || !input.spectral.is_empty(),
            "input.spectral",
            "[]",
            "the bands whose spectra method `deflect` or `spectral_head` reads",
        )?;
        require(
            reads || input.spectral.is_empty(),
            "input.spectral",
            format!("{:?}", input.spectral),
            "no bands, as neither method `deflect` nor `spectral_head` is there to read them",
        )
    }

    fn task_fits(&self) -> Result<(), Fault> {
        let windows = self.data.windows;
        require(
            windows.is_none_or(|side| side > 0 && self.segmentation.is_some()),
            "data.windows",
            format!("{windows:?}"),
            "pixels, 1 or more, and [segmentation]",
        )?;
        if let Some(segmentation) = &self.segmentation {
            segmentation.problem().map_or(Ok(()), Err)?;
            require(
                self.probe.is_none(),
                "probe",
                format!("{:?}", self.probe),
                "none, as [segmentation] trains a head of its own",
            )?;
            require(
                self.backbone.blocks == 0,
                "backbone.blocks",
                self.backbone.blocks,
                "0; segmentation.blocks says which maps are read",
            )?;
        }
        if let Some(detection) = &self.detection {
            let problem = detection.problem(&self.data.dataset, self.input.size);
            problem.map_or(Ok(()), Err)?;
            let other = self.probe.is_some() || self.segmentation.is_some();
            require(
                !other && self.spectral_head.is_none(),
                "detection",
                "set",
                "absent, as probe, segmentation or spectral_head is set too",
            )?;
        }
        let judged = matches!(
            self.probe,
            Some(ProbeConfig::Logistic { .. } | ProbeConfig::Knn { .. })
        );
        let views = self.backbone.views;
        require(
            judged || views == Views::One,
            "backbone.views",
            format!("{views:?}"),
            "one, or [probe] of kind logistic or knn: a head is trained on single views",
        )?;
        if let Some(ProbeConfig::LongTail(recipe)) = &self.probe {
            recipe.fault().map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn method_fits(&self) -> Result<(), Fault> {
        let frozen = self.method == Method::FROZEN;
        require(
            frozen || self.probe.is_none() || self.is_long_tailed(),
            "probe",
            self.method.name(),
            "method = \"frozen\", as a probe judges frozen features",
        )?;
        let lora = matches!(
            self.method,
            Method::Weights(MethodConfig::Lora(_) | MethodConfig::Dora(_))
        );
        require(
            frozen
                || !self.is_long_tailed()
                || (lora && !self.train.augment && !self.train_patch_embed),
            "method",
            self.method.name(),
            "frozen, or lora or dora with train.augment = false and train_patch_embed = false: on a long-tailed split blocks \
             before the first adapted one are run once",
        )?;
        let Method::Deflect(deflect) = &self.method else {
            return Ok(());
        };
        require(
            deflect.norm_loss_fits(),
            "method.norm_loss",
            format!("{:?}", deflect.norm_loss),
            "a weight of 0 or more, with deflection.constraint = \"soft\"",
        )
    }
}
