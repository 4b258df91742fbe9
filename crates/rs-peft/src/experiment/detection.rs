//! Rows whose data set has objects with oriented boxes: the head, its losses, and how windows are laid.

use heads::DetectionHeadConfig;
use heads::detection::{DecodeConfig, DetectionLossConfig};
use serde::{Deserialize, Serialize};

/// How a row with oriented objects is run. The data set holds whole images; `input.size` is the side of the windows that the backbone sees, laid over every
/// image by the rule of DOTA's development kit, in training and in testing. Images are never resized; smaller ones are padded with the mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectionConfig {
    /// Pyramid and FCOS.
    #[serde(default)]
    pub head: DetectionHeadConfig,
    /// Which location answers for which object, and what is minimised.
    #[serde(default)]
    pub loss: DetectionLossConfig,
    /// From outputs to the detections of a window.
    #[serde(default)]
    pub decode: DecodeConfig,
    /// Pixels that neighbouring windows share, below `input.size`.
    #[serde(default = "overlap")]
    pub overlap: usize,
    /// Detections of one class in neighbouring windows that overlap by more than this are one object, 0 to 1.
    #[serde(default = "merge")]
    pub merge: f64,
    /// Whether windows without an object are trained on.
    #[serde(default)]
    pub keep_empty: bool,
    /// Whether the training images are tested too (metric `map_train`): what the model has memorised.
    #[serde(default)]
    pub test_training_images: bool,
}

fn overlap() -> usize {
    200
}

fn merge() -> f64 {
    0.1
}

impl DetectionConfig {
    /// Which key has a value that cannot stand, what it is, and what could.
    pub(super) fn problem(
        &self,
        dataset: &str,
        size: usize,
    ) -> Option<(&'static str, String, &'static str)> {
        if self.overlap >= size {
            let found = self.overlap.to_string();
            return Some(("detection.overlap", found, "pixels, less than input.size"));
        }
        if !(0.0..=1.0).contains(&self.merge) {
            return Some(("detection.merge", self.merge.to_string(), "0 to 1"));
        }
        if self.decode.validate().is_err() {
            let found = format!("{:?}", self.decode);
            return Some((
                "detection.decode",
                found,
                "score_above and nms from 0 to 1, before_nms and keep 1 or above",
            ));
        }
        // Windows of one image in both parts would be the same places.
        (matches!(dataset, "dota_tiles" | "dota_crops")).then(|| {
            (
                "data.dataset",
                dataset.into(),
                "dota, whole images: the row lays its own windows, and parts must not share an image",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_strictly_and_checked() {
        let read = |text: &str| toml::from_str::<DetectionConfig>(text);
        let config = read(
            "overlap = 16\n[head.fcos]\nchannels = 32\ngroups = 8\ndistance = 'exp'\n[head.pyramid]\nscales = ['double', 'same']\n\
             extra = { kind = 'none' }\n[loss.assign]\nlimits = [24.0]\n[loss.box]\nkind = { kind = 'gaussian', distance = 'gwd' }\n\
             [loss.class]\nmargin = { background = 3.0 }\nclass_weights = 'balanced'",
        )
        .unwrap();
        assert_eq!(config.head.fcos.channels, 32);
        assert_eq!(config.problem("dota", 64), None);
        assert_eq!(config.problem("dota", 16).unwrap().0, "detection.overlap");
        let tiles = config.problem("dota_tiles", 64).unwrap();
        assert_eq!(tiles.0, "data.dataset");
        assert!(
            read("[head.fcos]\nchanels = 3")
                .unwrap_err()
                .to_string()
                .contains("chanels")
        );
        assert_eq!(
            read("merge = nan").unwrap().problem("dota", 512).unwrap().0,
            "detection.merge"
        );
        let decode = read("[decode]\nkeep = 0").unwrap();
        assert_eq!(decode.problem("dota", 512).unwrap().0, "detection.decode");
    }
}
