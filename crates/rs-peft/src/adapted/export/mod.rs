//! Models as files that Python libraries load to equal outputs: timm, transformers, peft.

mod peft;
mod timm;
mod transformers;
mod weights;

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::backend::Backend;
use heads::HeadArrays;
use peft_lora::{HostArray, SavedHead};
use vit_backbone::{Activation, Pooling, PositionKind, VitConfig};

use super::head::ModelHead;
use super::{AdaptedError, AdaptedModel};
use crate::run::keep::linear_head;

/// Which library is to load the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// A folder that `timm.create_model("local-dir:FOLDER", pretrained=True)` loads: the merged backbone and the head.
    Timm,
    /// A folder that `transformers.ViTForImageClassification.from_pretrained` loads: the same.
    Transformers,
    /// A folder that `peft.PeftModel.from_pretrained` loads, and in `base/` the model to load it onto, for timm.
    Peft,
}

impl ExportFormat {
    /// The library's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timm => "timm",
            Self::Transformers => "transformers",
            Self::Peft => "peft",
        }
    }
}

impl<B: Backend> AdaptedModel<B> {
    /// Writes the model for another library into a new folder, whole or not at all. The inputs of what it loads are the channels that
    /// the steps of `model.json` make; they stand in `rs_peft_input.json`.
    ///
    /// # Errors
    /// [`AdaptedError::NotExportable`] for what that library has no place for, [`AdaptedError::Exists`] for a folder that is not empty,
    /// [`AdaptedError::NotMergeable`] and [`peft_lora::PeftError::NotMergeable`] for methods that are no weights, [`AdaptedError::Io`].
    pub fn export(&self, format: ExportFormat, directory: &Path) -> Result<(), AdaptedError> {
        super::require_free(directory, false)?;
        let refuse = |detail: String| AdaptedError::NotExportable {
            format: format.name(),
            detail,
        };
        let head = self.plain_head().map_err(refuse)?;
        check(&self.backbone.config, self.manifest.input.size).map_err(refuse)?;
        let parent = match directory.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&parent).map_err(AdaptedError::io("create", &parent))?;
        // Removed when dropped, with whatever is in it, on every early return below.
        let fresh = tempfile::Builder::new()
            .prefix(".export-")
            .tempdir_in(&parent)
            .map_err(AdaptedError::io("create a folder in", &parent))?;
        let staged = fresh.path().join("new");
        let task = Exported {
            model: self,
            head,
            staged: &staged,
            format,
        };
        match format {
            ExportFormat::Timm => {
                let vit = self.merged_backbone()?;
                task.create(&staged)?;
                task.timm(&vit, &task.head, &staged)?;
            }
            ExportFormat::Transformers => task.transformers()?,
            ExportFormat::Peft => task.peft()?,
        }
        task.json("rs_peft_input.json", &self.manifest.input)?;
        fs::rename(&staged, directory).map_err(AdaptedError::io("write", directory))
    }

    /// The head without a standardisation of its own: it reads raw features.
    fn plain_head(&self) -> Result<SavedHead, String> {
        let ModelHead::Classes { readout, head } = &self.head else {
            return Err(
                "a head with a class per pixel; only a class per image has a head there".into(),
            );
        };
        if readout.spectra.is_some() {
            return Err("a head that is handed spectra beside the features".into());
        }
        if readout.pooling == Pooling::PatchMeanStd {
            return Err("a head that reads mean and deviation of the patches; train with backbone.pooling = \"patch_mean\" or \"class_token\"".into());
        }
        let last = self.backbone.config.depth - 1;
        if readout.request.blocks != [last] {
            return Err(format!(
                "a head that reads block {:?} instead of the last, {last}",
                readout.request.blocks
            ));
        }
        let arrays: HeadArrays = head.to_arrays();
        let plain = linear_head(head).map_err(|error| error.to_string())?;
        let Some(statistics) = arrays.standardiser else {
            return Ok(plain);
        };
        let narrow = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
        plain
            .with_standardisation_folded(&narrow(&statistics.mean), &narrow(&statistics.std))
            .map_err(|error| error.to_string())
    }
}

/// What of the architecture neither library's plain vision transformer has.
fn check(config: &VitConfig, size: usize) -> Result<(), String> {
    let absolute = matches!(
        config.positions,
        PositionKind::Learned | PositionKind::SinCos2d
    );
    let refused = [
        (!absolute, "positions that are no table"),
        (
            config.spectral_embed.is_some(),
            "a patch embedding made from wavelengths",
        ),
        (config.channel_groups.is_some(), "groups of channels"),
        (config.frames.is_some(), "several dates"),
        (config.coordinates, "coordinates"),
        (config.register_tokens > 0, "register tokens"),
        (config.patch_padding > 0, "padded patches"),
        (!config.patch_bias, "a patch embedding without bias"),
        (!config.proj_bias, "linear maps without bias"),
        (config.pre_norm, "a norm before the blocks"),
        (
            config.activation != Activation::Gelu,
            "another activation than GELU",
        ),
    ];
    if let Some((_, what)) = refused.iter().find(|(refused, _)| *refused) {
        return Err(format!("a backbone with {what}"));
    }
    if config.image_size != size {
        return Err(format!(
            "inputs of {size} pixels on positions of {}; train with --size {}",
            config.image_size, config.image_size
        ));
    }
    Ok(())
}

/// An export under way.
struct Exported<'a, B: Backend> {
    model: &'a AdaptedModel<B>,
    head: SavedHead,
    staged: &'a Path,
    format: ExportFormat,
}

impl<B: Backend> Exported<'_, B> {
    fn refuse(&self, detail: &str) -> AdaptedError {
        AdaptedError::NotExportable {
            format: self.format.name(),
            detail: detail.into(),
        }
    }

    fn create(&self, folder: &Path) -> Result<(), AdaptedError> {
        fs::create_dir(folder).map_err(AdaptedError::io("create", folder))
    }

    fn json(&self, name: &str, value: &impl serde::Serialize) -> Result<(), AdaptedError> {
        write_json(&self.staged.join(name), value)
    }

    /// A head of zeros, which the adapter's directory replaces.
    fn empty_head(&self) -> Result<SavedHead, AdaptedError> {
        let [classes, features] = [self.head.classes(), self.head.features()];
        let zeros = |shape: Vec<usize>| HostArray {
            data: vec![0.0; shape.iter().product()],
            shape,
        };
        Ok(SavedHead::new(
            zeros(vec![classes, features]),
            Some(zeros(vec![classes])),
        )?)
    }
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), AdaptedError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| AdaptedError::Manifest {
        path: path.into(),
        detail: error.to_string(),
    })?;
    bytes.push(b'\n');
    fs::write(path, bytes).map_err(AdaptedError::io("write", path))
}
