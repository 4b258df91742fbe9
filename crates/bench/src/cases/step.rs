//! One training step through the loop that all experiments use.

use std::sync::mpsc;

use anyhow::anyhow;
use burn::backend::Autodiff;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::log_softmax;
use burn::tensor::backend::Backend;
use burn::tensor::{Distribution, Int, Tensor};
use burn_flex::Flex;
use peft_lora::{LoraConfig, MethodConfig, PeftAdapter};
use training::{
    BoxError, FitConfig, FnSource, GroupConfig, Hooks, Loss, Progress, ScheduleConfig, StepContext,
    StepReport, fit,
};
use vit_backbone::{Pooling, Vit, pool};

use super::transformer::base;
use crate::case::{Case, Setting};

type B = Autodiff<Flex>;

/// LoRA of rank 8 on the fused qkv map of every block of ViT-B/16 at 224 pixels, with a head of ten classes, batch 8, AdamW.
pub(super) const LORA: Case = Case {
    name: "lora_step",
    prepare: |_| Ok(()),
    start: |setting| {
        let (go, wait) = mpsc::channel();
        let (done, result) = mpsc::channel();
        let setting = Setting {
            folder: setting.folder.clone(),
            data: None,
            small: setting.small,
        };
        // The loop owns its steps, so it runs beside and waits for permission before each batch.
        let worker = std::thread::spawn(move || train(&setting, wait, done));
        let mut worker = Some(worker);
        Ok(Box::new(move || {
            let answer = go.send(()).ok().and_then(|()| result.recv().ok());
            match answer {
                Some(loss) => Ok(loss),
                None => Err(match worker.take().map(std::thread::JoinHandle::join) {
                    Some(Ok(Err(error))) => error,
                    _ => anyhow!("the training thread has ended"),
                }),
            }
        }))
    },
};

#[derive(Module, Debug)]
struct Trained<B: Backend> {
    adapter: PeftAdapter<B>,
    head: Linear<B>,
}

struct Report(mpsc::Sender<f64>);

impl Progress for Report {
    fn step(&mut self, report: &StepReport) {
        // Without a receiver nobody waits for the rest either.
        let _ = self.0.send(report.loss.unwrap_or(f64::NAN));
    }
}

fn train(
    setting: &Setting,
    wait: mpsc::Receiver<()>,
    done: mpsc::Sender<f64>,
) -> anyhow::Result<()> {
    let device = Default::default();
    let config = base(setting);
    let batch = setting.size(8, 2);
    let vit = Vit::<B>::init(&config, 1, &device)?.no_grad();
    let method = MethodConfig::Lora(LoraConfig::new(8, 8.0, ["qkv"]));
    let model = Trained {
        adapter: method.init(&vit, &config, 0, &device)?,
        head: LinearConfig::new(config.dim, 10).init(&device),
    };
    let normal = Distribution::Normal(0.0, 1.0);
    let images = Tensor::<B, 4>::random([batch, 3, 224, 224], normal, &device);
    let labels = Tensor::<B, 1, Int>::arange(0..batch as i64, &device);
    let objective = |model: &Trained<B>, (): (), _: &StepContext| -> Result<Loss<B>, BoxError> {
        let tokens = vit.forward(images.clone(), &model.adapter);
        let features = pool(tokens, 1, Pooling::PatchMean);
        let log_p = log_softmax(model.head.forward(features), 1);
        let value = log_p.gather(1, labels.clone().unsqueeze_dim(1));
        Ok(Loss::mean(value.mean().neg(), batch))
    };
    let source = FnSource::new(usize::MAX >> 32, move |_, _| -> Result<(), BoxError> {
        Ok(wait.recv()?)
    });
    let groups = vec![GroupConfig::all(1e-4)];
    let fit_config = FitConfig::new(1, 0, groups, ScheduleConfig::constant());
    let mut report = Report(done);
    let hooks = Hooks::none().progress(&mut report);
    // It ends with an error when the other side hangs up.
    fit::<B, _, _, _>(model, &fit_config, &objective, &source, &device, hooks)?;
    Ok(())
}
