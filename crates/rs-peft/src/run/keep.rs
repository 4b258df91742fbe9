//! Keeping what a seed trained: adapter and head as files beside its result.
//!
//! | method | files |
//! |---|---|
//! | in weight space | `seed-N.adapter/`, a PEFT directory with the head |
//! | DEFLECT | `seed-N.deflect.safetensors`, and `seed-N.adapter/`, a PEFT directory with the head alone |
//!
//! The head's further arrays are the statistics that its inputs are standardised with (`mean`, `std`), those of the spectra it
//! is handed (`spectra.mean`, `spectra.std`), and a trained patch embedding (`patch_embed.weight`, `patch_embed.bias`).

use std::path::Path;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use peft_lora::{BaseIdentity, HostArray, MethodConfig, PeftAdapter, SavedHead};

use super::model::{Readout, Trainable};
use super::{Adapter, RunError};
use crate::experiment::Method;

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
    let head = head(model, readout)?;
    let directory = folder.join(format!("seed-{seed}.adapter"));
    match (&model.adapter.method, method) {
        (Adapter::Weights(adapter), Method::Weights(method)) => {
            adapter.save(&directory, method, Some(&head), base)?;
        }
        (Adapter::Deflect(adapter), _) => {
            let file = folder.join(format!("seed-{seed}.deflect.safetensors"));
            adapter.save(&file, base)?;
            head_alone::<B>(&directory, &head, base)?;
        }
        (Adapter::Weights(_), Method::Deflect(_)) => {
            head_alone::<B>(&directory, &head, base)?;
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

fn head<B: Backend>(model: &Trainable<B>, readout: &Readout) -> Result<SavedHead, RunError> {
    let arrays = model.head.to_arrays();
    let (classes, dim) = (arrays.classes(), arrays.dim());
    let row = |values: Vec<f32>| HostArray {
        shape: vec![values.len()],
        data: values,
    };
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
    if let Some(spectra) = &readout.spectra {
        let statistics = spectra.standardisation();
        let extra = &mut head.extra;
        extra.insert("spectra.mean".into(), row(statistics.mean.clone()));
        extra.insert("spectra.std".into(), row(statistics.std.clone()));
    }
    if let Some(patches) = &model.adapter.patch_embed {
        let weight = host(patches.weight.val());
        head.extra.insert("patch_embed.weight".into(), weight);
        if let Some(bias) = &patches.bias {
            head.extra
                .insert("patch_embed.bias".into(), host(bias.val()));
        }
    }
    Ok(head)
}

fn host<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> HostArray {
    HostArray {
        shape: tensor.dims().to_vec(),
        data: tensor.into_data().iter::<f32>().collect(),
    }
}
