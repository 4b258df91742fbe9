//! Loading a model directory: files are hashed before any of them is read.

use std::path::{Path, PathBuf};

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use deflect::{Deflect, ImageStatistics, PixelSet, Standardisation};
use peft_lora::{HostArray, LoadOptions, PeftAdapter, SavedHead};
use vit_backbone::{FeatureRequest, TensorFile, sha256_file};

use super::head::ModelHead;
use super::manifest::HeadEntry;
use super::{AdaptedError, ModelManifest};
use crate::experiment::{BackboneConfig, InputConfig, Normalisation, Rendering, Views};
use crate::run::backbone::{Backbone, load_file};
use crate::run::map_readout::MapReadout;
use crate::run::spectral::spectrum_of;
use crate::run::{Adapter, InputAdapter, Readout};

/// A model directory loaded on a backend: backbone, adapter, head, and what its input must be.
#[derive(Debug)]
pub struct AdaptedModel<B: Backend> {
    pub(super) manifest: ModelManifest,
    pub(super) backbone: Backbone<B>,
    pub(super) adapter: InputAdapter<B>,
    pub(super) head: ModelHead<B>,
    pub(super) device: B::Device,
}

/// What a load may be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadModelOptions {
    /// The backbone's checkpoint, where it is no longer where the manifest says. Its hash must be the same.
    pub backbone: Option<PathBuf>,
}

impl<B: Backend> AdaptedModel<B> {
    /// Loads a directory.
    ///
    /// # Errors
    /// As [`AdaptedModel::load_with`].
    pub fn load(directory: &Path, device: &B::Device) -> Result<Self, AdaptedError> {
        Self::load_with(directory, &LoadModelOptions::default(), device)
    }

    /// Loads a directory.
    ///
    /// # Errors
    /// [`AdaptedError::NotAModel`], [`AdaptedError::Version`], [`AdaptedError::Manifest`], [`AdaptedError::Missing`],
    /// [`AdaptedError::Hash`] for a file that is not the one that was written, [`AdaptedError::NoBackbone`],
    /// [`AdaptedError::OtherBackbone`], [`AdaptedError::Head`], and the errors of reading backbone and adapter.
    pub fn load_with(
        directory: &Path,
        options: &LoadModelOptions,
        device: &B::Device,
    ) -> Result<Self, AdaptedError> {
        let manifest = ModelManifest::read(directory)?;
        verify(directory, &manifest)?;
        let backbone = backbone::<B>(directory, &manifest, options, device)?;
        let own = LoadOptions {
            base_sha256: Some(manifest.backbone.sha256.clone()),
            ..LoadOptions::default()
        };
        let folder = directory.join(&manifest.method.adapter);
        let loaded = PeftAdapter::load(&folder, &backbone.vit, &backbone.config, &own, device)?;
        let bad = |detail: &str| AdaptedError::Head {
            path: folder.clone(),
            detail: detail.into(),
        };
        let mut saved = loaded.head.ok_or_else(|| bad("there is none"))?;
        let method = match &manifest.method.deflect {
            None => Adapter::Weights(loaded.adapter),
            Some(file) => {
                let path = directory.join(file);
                let loaded = Deflect::load(&path, &backbone.config, &own, device)?;
                Adapter::Deflect(loaded.adapter)
            }
        };
        let patch_embed = take_patch_embed(&mut saved, &backbone, device).map_err(bad)?;
        let adapter = InputAdapter {
            method,
            patch_embed,
        };
        let spectra = take_spectra(&mut saved, &manifest, backbone.config.patch_size)
            .map_err(|detail| bad(&detail))?;
        let request = FeatureRequest {
            blocks: manifest.readout.blocks.clone(),
            final_norm: manifest.readout.final_norm,
        };
        request.validate(backbone.config.depth)?;
        let head = match &manifest.head {
            HeadEntry::Linear => {
                let readout = Readout {
                    request,
                    pooling: manifest.readout.pooling,
                    // A trained head saw single views.
                    views: Views::One,
                    spectra,
                };
                ModelHead::classes(&folder, readout, saved, &manifest, device)?
            }
            HeadEntry::Segmentation { head, .. } => {
                let readout = MapReadout {
                    blocks: request.blocks,
                    final_norm: request.final_norm,
                    patch: backbone.config.patch_size,
                    groups: backbone.config.group_count(),
                    spectra,
                };
                let dim = readout.dim(&backbone.config);
                ModelHead::pixels(&folder, readout, dim, head, saved, &manifest, device)?
            }
        };
        let model = Self {
            manifest,
            backbone,
            adapter,
            head,
            device: device.clone(),
        };
        model.check_width()?;
        Ok(model)
    }

    /// What the directory says about the model: task, classes, bands with unit, sizes, sources of statistics, hashes, version.
    pub fn manifest(&self) -> &ModelManifest {
        &self.manifest
    }

    /// Side of a patch in pixels.
    pub fn patch_size(&self) -> usize {
        self.backbone.config.patch_size
    }
}

/// That every file is the one that was written.
fn verify(directory: &Path, manifest: &ModelManifest) -> Result<(), AdaptedError> {
    for (name, entry) in &manifest.files {
        let path = directory.join(name);
        if !path.is_file() {
            return Err(AdaptedError::Missing { path });
        }
        let found = sha256_file(&path)?;
        if found != entry.sha256 {
            return Err(AdaptedError::Hash {
                path,
                expected: entry.sha256.clone(),
                found,
            });
        }
    }
    Ok(())
}

fn backbone<B: Backend>(
    directory: &Path,
    manifest: &ModelManifest,
    options: &LoadModelOptions,
    device: &B::Device,
) -> Result<Backbone<B>, AdaptedError> {
    let entry = &manifest.backbone;
    // An absolute path replaces the directory.
    let path = match &options.backbone {
        Some(given) => given.clone(),
        None => directory.join(&entry.file),
    };
    if !path.exists() {
        return Err(AdaptedError::NoBackbone {
            name: entry.name.clone(),
            path,
            sha256: entry.sha256.clone(),
        });
    }
    // Of a directory of transformers the file of weights counts.
    let found = sha256_file(TensorFile::open(&path)?.path())?;
    if found != entry.sha256 {
        return Err(AdaptedError::OtherBackbone {
            path,
            name: entry.name.clone(),
            expected: entry.sha256.clone(),
            found,
        });
    }
    let weights = if entry.random { "random" } else { &entry.file };
    let config = BackboneConfig {
        weights: weights.into(),
        blocks: 0,
        final_norm: manifest.readout.final_norm,
        pooling: manifest.readout.pooling,
        views: Views::One,
        model: entry.model.clone(),
        resolution: entry.resolution,
    };
    let channels = manifest.input.steps.channels.names();
    // Of this only channels and patch embedding are read: the statistics stand in the manifest's steps.
    let input = InputConfig {
        bands: channels[..entry.channels]
            .iter()
            .map(|name| name.to_string())
            .collect(),
        known: entry.known,
        spectral: Vec::new(),
        patch_embed: entry.patch_embed,
        rendering: Rendering::None,
        normalise: Normalisation::Train,
        size: manifest.input.size,
    };
    Ok(load_file::<B>(&path, &config, &input, entry.seed, device)?)
}

/// The trained patch embedding among the head's further arrays, if there is one.
fn take_patch_embed<B: Backend>(
    head: &mut SavedHead,
    backbone: &Backbone<B>,
    device: &B::Device,
) -> Result<Option<Linear<B>>, &'static str> {
    let weight = head.extra.remove("patch_embed.weight");
    let bias = head.extra.remove("patch_embed.bias");
    let Some(weight) = weight else {
        return Ok(None);
    };
    let base = &backbone.vit.embed.proj;
    let [inputs, outputs] = base.weight.val().dims();
    if weight.shape != [inputs, outputs] {
        return Err("its patch embedding has another shape than the backbone's");
    }
    let bias = match bias {
        Some(bias) if bias.shape == [outputs] => Some(tensor::<B, 1>(bias, device)),
        Some(_) => return Err("the bias of its patch embedding has another length"),
        None => None,
    };
    Ok(Some(Linear {
        weight: Param::from_tensor(tensor::<B, 2>(weight, device)),
        bias: bias.map(Param::from_tensor),
    }))
}

fn tensor<B: Backend, const D: usize>(array: HostArray, device: &B::Device) -> Tensor<B, D> {
    Tensor::from_data(TensorData::new(array.data, array.shape), device)
}

/// What the spectra say beside the features, where the head is handed that.
fn take_spectra(
    head: &mut SavedHead,
    manifest: &ModelManifest,
    patch_size: usize,
) -> Result<Option<ImageStatistics>, String> {
    let Some(pixels) = &manifest.readout.spectra else {
        return Ok(None);
    };
    let spectrum = spectrum_of(&manifest.input.steps.channels, manifest.backbone.channels);
    let pixel_set =
        PixelSet::new(&spectrum, pixels, patch_size).map_err(|error| error.to_string())?;
    let mut take = |name: &str| {
        let array = head.extra.remove(name);
        array
            .map(|array| array.data)
            .ok_or_else(|| format!("`{name}` is missing"))
    };
    let fitted = Standardisation {
        mean: take("spectra.mean")?,
        std: take("spectra.std")?,
        names: pixel_set.names(),
    };
    ImageStatistics::new(pixel_set, fitted, pixels.clip)
        .map(Some)
        .map_err(|error| error.to_string())
}
