//! What the blocks before the first adapted one make of every training image, computed once and kept on disk.
//!
//! Those blocks are frozen, so without augmentation they say the same in every epoch. The rows are found again by a hash over the weights,
//! the images and how they are read ([`training::CacheKey`]); in single precision a run gives the same result as without them.

use std::path::PathBuf;

use burn::module::AutodiffModule;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use peft_lora::{LoraBias, MethodConfig, plan};
use rs_datasets::image_tensor;
use training::{BoxError, FeatureCache, Precision, RowFile, TrainError};
use vit_backbone::{Pass, Rotary, Vit, VitConfig};

use super::backbone::Backbone;
use super::batches::loader;
use super::model::{Readout, Trainable};
use super::seed::{Samples, SeedRun};
use super::{Adapter, RunError};
use crate::experiment::{Method, PrefixCache};

/// Images per forward pass of the frozen blocks.
const IMAGES: usize = 32;

/// The first block that a method reaches; 0 where it is not known to leave any alone.
pub(crate) fn first_block(method: &MethodConfig, config: &VitConfig) -> Result<usize, RunError> {
    let (MethodConfig::Lora(lora) | MethodConfig::Dora(lora)) = method else {
        return Ok(0);
    };
    // Biases of all blocks are trained from the first one on.
    if lora.bias == LoraBias::All {
        return Ok(0);
    }
    let planned = plan(lora, config)?;
    Ok(planned
        .iter()
        .map(|map| map.target.site.block)
        .min()
        .unwrap_or(0))
}

/// The tokens of the training images before block `first`, row `i` being training image `i`.
pub(super) struct PrefixTokens<B: Backend> {
    rows: RowFile,
    first: usize,
    /// Tokens per image and their width.
    shape: [usize; 2],
    /// Rotation of queries and keys on the grid of the images.
    rotary: Option<Rotary<B>>,
    /// Where the file lies when no other run is to find it.
    own: Option<PathBuf>,
}

impl SeedRun<'_> {
    /// The tokens, where the row asks for them and its method leaves blocks alone. `part` names the training images.
    pub(super) fn prefix_tokens<B: AutodiffBackend>(
        &self,
        part: &str,
        samples: &Samples,
        model: &Trainable<B>,
        base: &Backbone<B>,
        readout: &Readout,
        device: &B::Device,
    ) -> Result<Option<PrefixTokens<B>>, RunError> {
        let precision = match self.experiment.train.cache_prefix {
            PrefixCache::Off => return Ok(None),
            PrefixCache::F32 => Precision::F32,
            PrefixCache::F16 => Precision::F16,
        };
        let Method::Weights(method) = &self.experiment.method else {
            return Ok(None);
        };
        let last = readout.request.blocks.iter().max().copied().unwrap_or(0);
        let first = first_block(method, &base.config)?.min(last + 1);
        // A block that is left out at random says something else each time.
        let random = base.config.drop_path > 0.0;
        if first == 0 || random || model.adapter.patch_embed.is_some() {
            return Ok(None);
        }
        let (vit, seam) = (base.vit.valid(), model.adapter.valid());
        let images = |size| -> Result<_, RunError> {
            Ok(loader(samples, samples.train_indices(), size, false, None)?.epoch(0))
        };
        let Some(one) = images(1)?.next() else {
            return Ok(None);
        };
        let one = image_tensor::<B::InnerBackend>(&one?, device);
        let [_, count, dim] = vit.embed(one.clone(), &seam).0.dims();
        let key = self
            .feature_key(part, &base.sha256, readout)?
            .with("prefix", &format!("{first} {count} {dim}"));
        let own = match self.features {
            Some(_) => None,
            None => Some(self.folder.join(format!("seed-{}.prefix", self.seed))),
        };
        let folder = own.as_deref().or(self.features).unwrap_or(self.folder);
        let (rows, _) = FeatureCache::new(folder).rows_or_compute(
            &key,
            [samples.train, count * dim],
            precision,
            |writer| -> Result<(), RunError> {
                for batch in images(IMAGES)? {
                    let images = image_tensor::<B::InnerBackend>(&batch?, device);
                    let (tokens, mut pass) = vit.embed(images, &seam);
                    let tokens = vit.run_blocks(tokens, &mut pass, 0..first, &seam);
                    let numbers: Vec<f32> = tokens.into_data().iter::<f32>().collect();
                    writer.push(&numbers)?;
                }
                Ok(())
            },
        )?;
        Ok(Some(PrefixTokens {
            rows,
            first,
            shape: [count, dim],
            rotary: base.vit.embed.rotary(&Tensor::from_inner(one)),
            own,
        }))
    }
}

impl<B: AutodiffBackend> PrefixTokens<B> {
    /// The features of training images, as [`Readout::features`] of the images themselves.
    ///
    /// # Shapes
    /// - result: `[chosen, features]`
    pub(super) fn features(
        &self,
        chosen: &[usize],
        model: &Trainable<B>,
        base: &Vit<B>,
        readout: &Readout,
        device: &B::Device,
    ) -> Result<Tensor<B, 2>, BoxError> {
        let Adapter::Weights(adapter) = &model.adapter.method else {
            return Err("only methods in weight space go on from stored tokens".into());
        };
        let [count, dim] = self.shape;
        let values = self.rows.read(chosen)?;
        let data = TensorData::new(values, [chosen.len(), count, dim]);
        let tokens = Tensor::<B, 3>::from_data(data, device);
        let mut pass = Pass {
            state: (),
            rotary: self.rotary.clone(),
        };
        Ok(readout.behind(tokens, &mut pass, self.first, base, adapter))
    }

    /// Removes a file that only this run could find.
    pub(super) fn clear(self) -> Result<(), RunError> {
        if let Some(folder) = &self.own {
            std::fs::remove_dir_all(folder).map_err(|source| {
                RunError::Training(TrainError::Io {
                    action: "remove",
                    path: folder.clone(),
                    source,
                })
            })?;
        }
        Ok(())
    }
}
