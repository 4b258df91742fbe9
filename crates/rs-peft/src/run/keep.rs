//! Keeping what a seed trained: adapter and head as files beside its result.
//!
//! | method | files |
//! |---|---|
//! | in weight space | `seed-N.adapter/`, a PEFT directory with the head |
//! | DEFLECT | `seed-N.deflect.safetensors`, and `seed-N.adapter/`, a PEFT directory with the head alone |
//! | any, of a class per image or pixel | `seed-N.input.json`, [`KeptInput`]: what the images were and how they became channels |
//!
//! The head's further arrays are the statistics that its inputs are standardised with (`mean`, `std`), those of the spectra it
//! is handed (`spectra.mean`, `spectra.std`), and a trained patch embedding (`patch_embed.weight`, `patch_embed.bias`).

use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use deflect::ImageStatistics;
use heads::LinearHead;
use heads::segmentation::NamedArray;
use peft_lora::{BaseIdentity, HostArray, MethodConfig, PeftAdapter, SavedHead};
use rs_datasets::{Dataset, Task};
use serde::{Deserialize, Serialize};
use vit_backbone::FeatureRequest;

use super::model::{InputAdapter, Readout, Trainable};
use super::seed::SeedRun;
use super::{Adapter, ModelInput, RunError, View, json_file};
use crate::experiment::Method;

/// What the files of an adapter and its head do not say and a prediction needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptInput {
    pub(crate) input: ModelInput,
    pub(crate) classes: Vec<String>,
    pub(crate) data: KeptData,
    /// Blocks that the head reads.
    pub(crate) blocks: Vec<usize>,
    pub(crate) final_norm: bool,
}

/// Where the training images came from, as their publisher says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptData {
    pub(crate) name: String,
    pub(crate) licence: String,
    pub(crate) citation: String,
    pub(crate) source: String,
    pub(crate) task: Task,
}

impl SeedRun<'_> {
    /// Writes what the images were, for whoever loads the adapter.
    pub(super) fn keep_input(&self, view: &View, request: &FeatureRequest) -> Result<(), RunError> {
        let info = view.info();
        let kept = KeptInput {
            input: view.input()?,
            classes: view.classes().to_vec(),
            data: KeptData {
                name: info.name.clone(),
                licence: info.licence.clone(),
                citation: info.citation.clone(),
                source: info.source.clone(),
                task: info.task,
            },
            blocks: request.blocks.clone(),
            final_norm: request.final_norm,
        };
        json_file::write(&kept_input_file(self.folder, self.seed), &kept)
    }
}

/// The file of [`KeptInput`].
pub(crate) fn kept_input_file(folder: &Path, seed: u64) -> PathBuf {
    folder.join(format!("seed-{seed}.input.json"))
}

/// Writes the files of one seed into `folder`.
///
/// # Errors
/// When the weights are not finite or a file cannot be written.
pub(crate) fn keep<B: Backend>(
    folder: &Path,
    seed: u64,
    model: &Trainable<B>,
    method: &Method,
    readout: &Readout,
    base: &BaseIdentity,
) -> Result<(), RunError> {
    let mut head = linear_head(&model.head)?;
    add_input(&mut head, &model.adapter, readout.spectra.as_ref());
    write_files(folder, seed, &model.adapter, method, &head, base)
}

/// Writes an adapter and a head.
pub(super) fn write_files<B: Backend>(
    folder: &Path,
    seed: u64,
    adapter: &InputAdapter<B>,
    method: &Method,
    head: &SavedHead,
    base: &BaseIdentity,
) -> Result<(), RunError> {
    let directory = folder.join(format!("seed-{seed}.adapter"));
    match (&adapter.method, method) {
        (Adapter::Weights(adapter), Method::Weights(method)) => {
            adapter.save(&directory, method, Some(head), base)?;
        }
        (Adapter::Deflect(adapter), _) => {
            let file = folder.join(format!("seed-{seed}.deflect.safetensors"));
            adapter.save(&file, base)?;
            head_alone::<B>(&directory, head, base)?;
        }
        (Adapter::Weights(_), Method::Deflect(_)) => {
            head_alone::<B>(&directory, head, base)?;
        }
    }
    Ok(())
}

fn head_alone<B: Backend>(
    directory: &Path,
    head: &SavedHead,
    base: &BaseIdentity,
) -> Result<(), RunError> {
    let nothing = PeftAdapter::<B>::Frozen(peft_lora::Frozen::new());
    Ok(nothing.save(directory, &MethodConfig::Frozen, Some(head), base)?)
}

/// A linear head with the statistics it standardises with.
pub(crate) fn linear_head<B: Backend>(head: &LinearHead<B>) -> Result<SavedHead, RunError> {
    let arrays = head.to_arrays();
    let (classes, dim) = (arrays.classes(), arrays.dim());
    let weight = HostArray {
        shape: vec![classes, dim],
        data: arrays.weight,
    };
    let mut head = SavedHead::new(weight, Some(row(arrays.bias)))?;
    if let Some(statistics) = arrays.standardiser {
        let narrow = |values: Vec<f64>| row(values.iter().map(|&v| v as f32).collect());
        head.extra.insert("mean".into(), narrow(statistics.mean));
        head.extra.insert("std".into(), narrow(statistics.std));
    }
    Ok(head)
}

/// A head of named arrays: weight and bias of its classifier, a convolution with one row per class, and the rest beside them.
pub(super) fn named_head(
    mut arrays: Vec<NamedArray>,
    classifier: &str,
) -> Result<SavedHead, RunError> {
    let mut take = |part: &str| {
        let name = format!("{classifier}.{part}");
        let at = arrays.iter().position(|array| array.name == name)?;
        Some(arrays.swap_remove(at))
    };
    let (weight, bias) = (take("weight"), take("bias"));
    let array = |data: Vec<f32>, shape: Vec<usize>| HostArray { shape, data };
    let weight = weight.map_or(array(Vec::new(), vec![0, 0]), |w| {
        let rows = w.shape[0];
        let columns = w.values.len() / rows.max(1);
        array(w.values, vec![rows, columns])
    });
    let mut head = SavedHead::new(weight, bias.map(|b| array(b.values, b.shape)))?;
    let rest = arrays.into_iter();
    head.extra
        .extend(rest.map(|rest| (rest.name, array(rest.values, rest.shape))));
    Ok(head)
}

/// Adds what belongs to the input: statistics of the spectra that the head is handed, a trained patch embedding.
pub(super) fn add_input<B: Backend>(
    head: &mut SavedHead,
    adapter: &InputAdapter<B>,
    spectra: Option<&ImageStatistics>,
) {
    if let Some(spectra) = spectra {
        let statistics = spectra.standardisation();
        let extra = &mut head.extra;
        extra.insert("spectra.mean".into(), row(statistics.mean.clone()));
        extra.insert("spectra.std".into(), row(statistics.std.clone()));
    }
    if let Some(patches) = &adapter.patch_embed {
        let weight = host(patches.weight.val());
        head.extra.insert("patch_embed.weight".into(), weight);
        if let Some(bias) = &patches.bias {
            head.extra
                .insert("patch_embed.bias".into(), host(bias.val()));
        }
    }
}

fn row(values: Vec<f32>) -> HostArray {
    HostArray {
        shape: vec![values.len()],
        data: values,
    }
}

fn host<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> HostArray {
    HostArray {
        shape: tensor.dims().to_vec(),
        data: tensor.into_data().iter::<f32>().collect(),
    }
}
