//! Heads from the arrays of an adapter's directory.

use std::path::Path;

use burn::tensor::backend::Backend;
use heads::segmentation::NamedArray;
use heads::{HeadArrays, LinearHead, SegmentationHead, SegmentationHeadConfig, Standardiser};
use peft_lora::{HostArray, SavedHead};

use super::{AdaptedError, AdaptedModel, ModelManifest};
use crate::run::Readout;
use crate::run::map_readout::MapReadout;

/// A head with what it reads.
pub(super) enum ModelHead<B: Backend> {
    /// One class per image.
    Classes {
        readout: Readout,
        head: LinearHead<B>,
    },
    /// One class per pixel.
    Pixels {
        readout: MapReadout,
        head: SegmentationHead<B>,
    },
}

impl<B: Backend> std::fmt::Debug for ModelHead<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Classes { .. } => "a class per image",
            Self::Pixels { .. } => "a class per pixel",
        })
    }
}

impl<B: Backend> ModelHead<B> {
    pub(super) fn classes(
        folder: &Path,
        readout: Readout,
        saved: SavedHead,
        manifest: &ModelManifest,
        device: &B::Device,
    ) -> Result<Self, AdaptedError> {
        let head = linear(folder, saved, manifest.classes.len(), device)?;
        Ok(Self::Classes { readout, head })
    }

    pub(super) fn pixels(
        folder: &Path,
        readout: MapReadout,
        dim: usize,
        config: &SegmentationHeadConfig,
        saved: SavedHead,
        manifest: &ModelManifest,
        device: &B::Device,
    ) -> Result<Self, AdaptedError> {
        let classes = manifest.classes.len();
        let maps = readout.blocks.len();
        // Numbers are drawn and all replaced; what is wanted is the shape.
        let mut head = config.init::<B>(dim, maps, classes, None, 0, device)?;
        head = match head {
            SegmentationHead::Linear(mut head) => {
                let tokens = linear(folder, saved, classes, device)?;
                if tokens.dims().0 != head.tokens.dims().0 {
                    let detail = format!(
                        "{} numbers per token instead of {}",
                        tokens.dims().0,
                        head.tokens.dims().0
                    );
                    return Err(bad(folder, detail));
                }
                head.tokens = tokens;
                SegmentationHead::Linear(head)
            }
            SegmentationHead::Upernet(_) => {
                let arrays = upernet_arrays(&head, saved);
                head.with_arrays(arrays)?
            }
        };
        Ok(Self::Pixels { readout, head })
    }
}

impl<B: Backend> AdaptedModel<B> {
    /// That a linear head reads as many numbers as the readout gives.
    pub(super) fn check_width(&self) -> Result<(), AdaptedError> {
        let ModelHead::Classes { readout, head } = &self.head else {
            return Ok(()); // Compared while it was built.
        };
        let pooled = match readout.pooling {
            vit_backbone::Pooling::PatchMeanStd => 2 * self.backbone.config.dim,
            _ => self.backbone.config.dim,
        };
        let expected = pooled + readout.spectra.as_ref().map_or(0, |spectra| spectra.len());
        let found = head.dims().0;
        if found == expected {
            return Ok(());
        }
        let detail = format!("it reads {found} features, the backbone gives {expected}");
        Err(bad(Path::new(&self.manifest.method.adapter), detail))
    }
}

fn bad(folder: &Path, detail: String) -> AdaptedError {
    AdaptedError::Head {
        path: folder.into(),
        detail,
    }
}

fn linear<B: Backend>(
    folder: &Path,
    mut saved: SavedHead,
    classes: usize,
    device: &B::Device,
) -> Result<LinearHead<B>, AdaptedError> {
    if saved.classes() != classes {
        let detail = format!("{} classes instead of {classes}", saved.classes());
        return Err(bad(folder, detail));
    }
    let wide = |array: HostArray| array.data.into_iter().map(f64::from).collect::<Vec<f64>>();
    let standardiser = match (saved.extra.remove("mean"), saved.extra.remove("std")) {
        (Some(mean), Some(std)) => Some(Standardiser {
            mean: wide(mean),
            std: wide(std),
        }),
        (None, None) => None,
        _ => return Err(bad(folder, "`mean` without `std`, or the reverse".into())),
    };
    let arrays = HeadArrays {
        bias: saved
            .bias
            .map_or_else(|| vec![0.0; classes], |bias| bias.data),
        weight: saved.weight.data,
        standardiser,
    };
    Ok(LinearHead::from_arrays(&arrays, device)?)
}

/// The arrays of UPerNet, whose classifier is kept as the weight of a linear head.
fn upernet_arrays<B: Backend>(head: &SegmentationHead<B>, saved: SavedHead) -> Vec<NamedArray> {
    let weight_shape = head
        .to_arrays()
        .into_iter()
        .find(|array| array.name == "classifier.weight")
        .map_or_else(|| saved.weight.shape.clone(), |array| array.shape);
    let named = |name: &str, array: HostArray, shape: Vec<usize>| NamedArray {
        name: name.into(),
        shape,
        values: array.data,
    };
    let mut arrays: Vec<NamedArray> = saved
        .extra
        .into_iter()
        .map(|(name, array)| {
            let shape = array.shape.clone();
            named(&name, array, shape)
        })
        .collect();
    arrays.push(named("classifier.weight", saved.weight, weight_shape));
    if let Some(bias) = saved.bias {
        let shape = bias.shape.clone();
        arrays.push(named("classifier.bias", bias, shape));
    }
    arrays
}
