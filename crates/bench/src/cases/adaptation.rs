//! An adaptation from beginning to end: twenty epochs of LoRA on the last four blocks, the frozen blocks run once per image.

use burn::backend::Autodiff;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::log_softmax;
use burn::tensor::backend::Backend;
use burn::tensor::{Distribution, Int, Tensor, TensorData};
use burn_flex::Flex;
use peft_lora::{LoraConfig, MethodConfig, PeftAdapter};
use training::{
    BoxError, CacheKey, FeatureCache, FitConfig, FnSource, GroupConfig, Hooks, Loss, Precision,
    ScheduleConfig, StepContext, TrainError, fit,
};
use vit_backbone::{Pass, Pooling, Vit, pool};

use super::transformer::base;
use crate::case::Case;

type B = Autodiff<Flex>;

/// Images per step.
const BATCH: usize = 8;

/// ViT-B/16 at 224 pixels, 16 images in batches of 8, LoRA of rank 8 on qkv of the last four blocks and a head, AdamW. What the blocks
/// before make of an image is computed within the round, kept on disk, and read in every epoch.
pub(super) const ADAPTATION: Case = Case {
    name: "adaptation",
    prepare: |_| Ok(()),
    start: |setting| {
        let device = Default::default();
        let config = base(setting);
        let (count, epochs) = (setting.size(16, 8), setting.size(20, 2));
        let first = config.depth - setting.size(4, 1);
        let folder = setting.folder.join("adaptation");
        let vit = Vit::<B>::init(&config, 1, &device)?.no_grad();
        let frozen = Vit::<Flex>::init(&config, 1, &device)?;
        let side = config.image_size;
        let normal = Distribution::Normal(0.0, 1.0);
        let images = Tensor::<Flex, 4>::random([count, 3, side, side], normal, &device);
        let targets: Vec<String> = (first..config.depth)
            .map(|block| format!("blocks.{block}.attn.qkv"))
            .collect();
        let method = MethodConfig::Lora(LoraConfig::new(8, 8.0, targets));
        Ok(Box::new(move || {
            // Nothing of an earlier round is found.
            if folder.exists() {
                std::fs::remove_dir_all(&folder)?;
            }
            let tokens = 1 + (side / config.patch_size).pow(2);
            let shape = [count, tokens * config.dim];
            let (rows, _) = FeatureCache::new(&folder).rows_or_compute(
                &CacheKey::new(),
                shape,
                Precision::F32,
                |writer| -> Result<(), TrainError> {
                    for at in (0..count).step_by(BATCH) {
                        let images = images.clone().narrow(0, at, BATCH.min(count - at));
                        let (x, mut pass) = frozen.embed(images, &());
                        let x = frozen.run_blocks(x, &mut pass, 0..first, &());
                        let numbers: Vec<f32> = x.into_data().iter::<f32>().collect();
                        writer.push(&numbers)?;
                    }
                    Ok(())
                },
            )?;
            // The head is drawn from the backend's generator.
            B::seed(&device, 0);
            let model = Trained {
                adapter: method.init(&vit, &config, 0, &device)?,
                head: LinearConfig::new(config.dim, 10).init(&device),
            };
            let objective = |model: &Trained<B>,
                             chosen: Vec<usize>,
                             _: &StepContext|
             -> Result<Loss<B>, BoxError> {
                let data = TensorData::new(rows.read(&chosen)?, [chosen.len(), tokens, config.dim]);
                let x = Tensor::<B, 3>::from_data(data, &device);
                let mut pass = Pass {
                    state: (),
                    rotary: None,
                };
                let x = vit.run_blocks(x, &mut pass, first..config.depth, &model.adapter);
                let x = vit.final_norm(x, &model.adapter);
                let logits = model.head.forward(pool(x, 1, Pooling::PatchMean));
                let labels: Vec<i64> = chosen.iter().map(|&i| (i % 10) as i64).collect();
                let labels = Tensor::<B, 1, Int>::from_ints(labels.as_slice(), &device);
                let value = log_softmax(logits, 1).gather(1, labels.unsqueeze_dim(1));
                Ok(Loss::mean(value.mean().neg(), chosen.len()))
            };
            let batches = count.div_ceil(BATCH);
            let source = FnSource::new(batches, |_, index| -> Result<Vec<usize>, BoxError> {
                Ok((index * BATCH..count.min((index + 1) * BATCH)).collect())
            });
            let groups = vec![GroupConfig::all(1e-4)];
            let settings = FitConfig::new(epochs, 0, groups, ScheduleConfig::constant());
            let outcome = fit::<B, _, _, _>(
                model,
                &settings,
                &objective,
                &source,
                &device,
                Hooks::none(),
            )?;
            Ok(outcome.curve.last_loss().unwrap_or(f64::NAN))
        }))
    },
};

#[derive(Module, Debug)]
struct Trained<B: Backend> {
    adapter: PeftAdapter<B>,
    head: Linear<B>,
}
