//! Rows whose data set has a class per pixel: which head, over which maps, trained and tested how.

use heads::SegmentationHeadConfig;
use serde::{Deserialize, Serialize};

/// How a row with a class per pixel is run. `input.size` is the side of the windows that the backbone sees: drawn at random from
/// larger images while training, laid over the whole image when testing. Images are never resized.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentationConfig {
    /// `upernet` or `linear`, with its settings.
    pub head: SegmentationHeadConfig,
    /// Blocks whose maps the head reads, from 0, from shallow to deep. Empty: for UPerNet the ends of a third, half, two thirds and the
    /// whole of the depth (7, 11, 15 and 23 of 24, as PANGAEA chooses them), for the linear head the last block.
    #[serde(default)]
    pub blocks: Vec<usize>,
    /// What is minimised.
    #[serde(default)]
    pub loss: SegmentationLoss,
    /// Score the validation part after every so many epochs and test the parameters with the best mIoU; 0 tests the last ones.
    #[serde(default)]
    pub validate_every: usize,
    /// How an image is tested.
    #[serde(default)]
    pub evaluate: Windows,
}

/// What is minimised. Pixels with label -1 count nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentationLoss {
    /// Cross-entropy.
    #[default]
    CrossEntropy,
    /// Dice.
    Dice,
    /// The sum of both.
    CrossEntropyAndDice,
}

/// How an image is tested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Windows {
    /// Windows of the training size, evenly laid over the image; logits are averaged where they overlap.
    #[default]
    Sliding,
    /// One window, as large as the image; its sides must be multiples of the patch.
    Whole,
}

impl SegmentationConfig {
    /// The blocks that are read in a model of `depth` blocks.
    pub fn blocks(&self, depth: usize) -> Vec<usize> {
        if !self.blocks.is_empty() {
            return self.blocks.clone();
        }
        match self.head {
            SegmentationHeadConfig::Linear(_) => vec![depth.saturating_sub(1)],
            SegmentationHeadConfig::Upernet(_) => [depth / 3, depth / 2, 2 * depth / 3, depth]
                .map(|end| end.saturating_sub(1))
                .to_vec(),
        }
    }

    /// Which key has a value that cannot stand, what it is, and what could.
    pub(super) fn problem(&self) -> Option<(&'static str, String, &'static str)> {
        let rising = self.blocks.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising {
            return Some((
                "segmentation.blocks",
                format!("{:?}", self.blocks),
                "blocks from shallow to deep, each once",
            ));
        }
        let upernet = matches!(self.head, SegmentationHeadConfig::Upernet(_));
        (upernet && !matches!(self.blocks.len(), 0 | 4)).then(|| {
            (
                "segmentation.blocks",
                format!("{:?}", self.blocks),
                "four blocks, or none for the usual ones, as UPerNet reads four maps",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> SegmentationConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn usual_blocks_are_those_of_the_benchmark() {
        let upernet = config("head = { kind = 'upernet' }");
        assert_eq!(upernet.blocks(24), [7, 11, 15, 23]);
        assert_eq!(upernet.blocks(12), [3, 5, 7, 11]);
        assert_eq!(upernet.blocks(8), [1, 3, 4, 7]);
        assert_eq!(config("head = { kind = 'linear' }").blocks(8), [7]);
        let chosen = config("head = { kind = 'linear' }\nblocks = [1, 4]");
        assert_eq!(chosen.blocks(8), [1, 4]);
    }

    #[test]
    fn blocks_that_cannot_be_read_name_the_key() {
        for text in [
            "head = { kind = 'upernet' }\nblocks = [1, 2, 3]",
            "head = { kind = 'linear' }\nblocks = [3, 2]",
        ] {
            assert_eq!(config(text).problem().unwrap().0, "segmentation.blocks");
        }
        assert!(config("head = { kind = 'upernet' }").problem().is_none());
        let unknown =
            toml::from_str::<SegmentationConfig>("head = { kind = 'upernet', chanels = 3 }");
        assert!(unknown.unwrap_err().to_string().contains("chanels"));
    }
}
