//! From cached samples to batches, and from batches to frozen features.

use burn::tensor::backend::Backend;
use rs_datasets::{
    Batch, Loader, LoaderConfig, Order, Pipeline, RandomDihedral, Step, image_tensor,
};
use training::{BatchSource, BoxError, FeatureMatrix, extract};
use vit_backbone::{Seam, Vit};

use super::RunError;
use super::model::Readout;
use super::seed::Samples;

/// Images per forward pass where no gradient is taken.
const INFERENCE_BATCH: usize = 64;

/// Most bytes of features kept on the host.
const FEATURE_BYTES: usize = 4 << 30;

/// Batches of the given samples: shuffled by the seed, or in order without one.
pub(crate) fn loader(
    samples: &Samples,
    indices: Vec<usize>,
    batch_size: usize,
    augment: bool,
    seed: Option<u64>,
) -> Result<Loader, RunError> {
    let steps = if augment {
        vec![Step::RandomDihedral(RandomDihedral::default())]
    } else {
        Vec::new()
    };
    let order = if seed.is_some() {
        Order::Shuffled
    } else {
        Order::Sequential
    };
    let mut config = LoaderConfig::new(batch_size, order, seed.unwrap_or_default());
    // Decoded samples need no more than one thread to be turned; the cores belong to the model.
    config.threads = 1;
    Ok(Loader::new(
        samples.all.clone(),
        indices,
        Pipeline::new(steps),
        config,
    )?)
}

/// The batches of a loader as a source of the training loop.
pub(crate) struct LoaderSource(pub(crate) Loader);

impl BatchSource for LoaderSource {
    type Batch = Batch;

    fn batches(&self) -> usize {
        self.0.batches_per_epoch()
    }

    fn epoch(&self, epoch: usize, start: usize) -> Result<training::Batches<'_, Batch>, BoxError> {
        let batches = self.0.epoch(epoch as u64).skip(start);
        Ok(Box::new(batches.map(|batch| batch.map_err(BoxError::from))))
    }
}

/// Features of samples in their order, without gradients.
pub(crate) fn features_of<B, S>(
    samples: &Samples,
    indices: &[usize],
    readout: &Readout,
    base: &Vit<B>,
    seam: &S,
    device: &B::Device,
) -> Result<FeatureMatrix, RunError>
where
    B: Backend,
    S: Seam<B>,
{
    let batches = loader(samples, indices.to_vec(), INFERENCE_BATCH, false, None)?.epoch(0);
    let batches = batches.map(|batch| batch.map_err(BoxError::from));
    Ok(extract::<B, _>(
        batches,
        indices.len(),
        FEATURE_BYTES,
        |batch: Batch| {
            let images = image_tensor::<B>(&batch, device);
            Ok(readout.mean_features(base, seam, images))
        },
    )?)
}

/// Features of samples mirrored left to right, in their order, without gradients and adapter.
pub(crate) fn mirrored_features<B: Backend>(
    samples: &Samples,
    indices: &[usize],
    readout: &Readout,
    base: &Vit<B>,
    device: &B::Device,
) -> Result<FeatureMatrix, RunError> {
    let batches = loader(samples, indices.to_vec(), INFERENCE_BATCH, false, None)?.epoch(0);
    let batches = batches.map(|batch| batch.map_err(BoxError::from));
    Ok(extract::<B, _>(
        batches,
        indices.len(),
        FEATURE_BYTES,
        |batch: Batch| {
            let images = image_tensor::<B>(&batch, device).flip([3]);
            Ok(readout.features(base, &(), images))
        },
    )?)
}

/// Rows of a feature matrix as batches `[rows, dim]` in a given order.
pub(crate) fn rows<B: Backend>(
    matrix: &FeatureMatrix,
    indices: &[usize],
    device: &B::Device,
) -> burn::tensor::Tensor<B, 2> {
    let chosen = matrix.select(indices);
    let data = burn::tensor::TensorData::new(chosen.values, [chosen.rows, chosen.dim]);
    burn::tensor::Tensor::from_data(data, device)
}
