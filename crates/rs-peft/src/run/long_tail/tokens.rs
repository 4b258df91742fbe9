//! Tokens that enter the first adapted block, computed once: what is trained behind them never runs the blocks before.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use rs_datasets::{Batch, image_tensor};
use training::{BoxError, FeatureMatrix, extract};
use vit_backbone::{Pass, Rotary, Seam, Vit};

use crate::run::RunError;
use crate::run::batches::loader;
use crate::run::model::Readout;
use crate::run::seed::Samples;

/// Most bytes of tokens kept on the host.
const TOKEN_BYTES: usize = 8 << 30;

/// Images per forward pass where no gradient is taken.
const INFERENCE_BATCH: usize = 64;

/// Tokens `[images, tokens * dim]` before block `first`, in the order of `indices`.
pub(super) fn tokens_of<B: Backend>(
    samples: &Samples,
    indices: &[usize],
    base: &Vit<B>,
    first: usize,
    device: &B::Device,
) -> Result<FeatureMatrix, RunError> {
    let batches = loader(samples, indices.to_vec(), INFERENCE_BATCH, false, None)?.epoch(0);
    let batches = batches.map(|batch| batch.map_err(BoxError::from));
    Ok(extract::<B, _>(
        batches,
        indices.len(),
        TOKEN_BYTES,
        |batch: Batch| {
            let (tokens, mut pass) = base.embed(image_tensor::<B>(&batch, device), &());
            let tokens = base.run_blocks(tokens, &mut pass, 0..first, &());
            let [images, count, dim] = tokens.dims();
            Ok(tokens.reshape([images, count * dim]))
        },
    )?)
}

/// The blocks from `first` on, and how features are read behind them.
pub(super) struct Trunk<'a, B: Backend> {
    pub(super) vit: &'a Vit<B>,
    pub(super) first: usize,
    /// Width of a token.
    pub(super) dim: usize,
    pub(super) readout: &'a Readout,
    /// Rotation of queries and keys on the grid of the images.
    pub(super) rotary: Option<Rotary<B>>,
}

/// Tokens of the three parts before the first adapted block.
pub(super) struct Bank<'a> {
    pub(super) train: FeatureMatrix,
    pub(super) validation: FeatureMatrix,
    pub(super) test: FeatureMatrix,
    pub(super) first: usize,
    pub(super) dim: usize,
    pub(super) readout: &'a Readout,
    /// Channels, height and width of the images.
    pub(super) image: [usize; 3],
}

impl Bank<'_> {
    /// The blocks behind these tokens, of a backbone whose earlier blocks are those that made them.
    pub(super) fn trunk<'a, B: Backend>(
        &'a self,
        vit: &'a Vit<B>,
        device: &B::Device,
    ) -> Trunk<'a, B> {
        let [channels, height, width] = self.image;
        Trunk {
            vit,
            first: self.first,
            dim: self.dim,
            readout: self.readout,
            rotary: vit
                .embed
                .rotary(&Tensor::zeros([1, channels, height, width], device)),
        }
    }
}

impl<B: Backend> Trunk<'_, B> {
    /// Features of images whose tokens entered block `first`.
    ///
    /// # Shapes
    /// - `tokens`: `[images, tokens, dim]`
    /// - result: `[images, features]`
    pub(super) fn features<S: Seam<B, State = ()>>(
        &self,
        seam: &S,
        tokens: Tensor<B, 3>,
    ) -> Tensor<B, 2> {
        let mut pass = Pass {
            state: (),
            rotary: self.rotary.clone(),
        };
        self.readout
            .behind(tokens, &mut pass, self.first, self.vit, seam)
    }

    /// Features of all rows of a matrix of tokens, without gradients.
    pub(super) fn features_of<S: Seam<B, State = ()>>(
        &self,
        seam: &S,
        tokens: &FeatureMatrix,
        device: &B::Device,
    ) -> Result<FeatureMatrix, RunError> {
        let all: Vec<usize> = (0..tokens.rows).collect();
        let batches = all.chunks(INFERENCE_BATCH).map(Ok);
        Ok(extract::<B, _>(
            batches,
            tokens.rows,
            TOKEN_BYTES,
            |chosen: &[usize]| Ok(self.features(seam, self.batch(tokens, chosen, device))),
        )?)
    }

    /// Rows of a matrix of tokens as a batch.
    pub(super) fn batch(
        &self,
        tokens: &FeatureMatrix,
        chosen: &[usize],
        device: &B::Device,
    ) -> Tensor<B, 3> {
        let rows = tokens.select(chosen);
        let count = rows.dim / self.dim.max(1);
        let data = TensorData::new(rows.values, [rows.rows, count, self.dim]);
        Tensor::from_data(data, device)
    }
}
