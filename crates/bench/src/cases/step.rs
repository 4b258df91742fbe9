//! One training step through the loop that all experiments use.

use std::sync::mpsc;

use anyhow::anyhow;
use burn::backend::Autodiff;
use burn::module::{AutodiffModule, Module};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::log_softmax;
use burn::tensor::backend::Backend;
use burn::tensor::{Distribution, Int, Tensor};
use burn_flex::Flex;
use deflect::{Deflect, DeflectConfig, SpectralBand, Spectrum, Standardisation};
use peft_lora::{LoraConfig, MethodConfig, PeftAdapter};
use training::{
    BoxError, FitConfig, FnSource, GroupConfig, Hooks, Loss, Progress, ScheduleConfig, StepContext,
    StepReport, fit,
};
use vit_backbone::{Pooling, Vit, pool};

use super::transformer::base;
use crate::case::{Case, Round, Setting};

type B = Autodiff<Flex>;

/// Centre wavelengths in nm of the thirteen bands of Sentinel-2, whose instrument `deflect` need not know.
const WAVELENGTHS: [f64; 13] = [
    443.0, 490.0, 560.0, 665.0, 705.0, 740.0, 783.0, 842.0, 865.0, 945.0, 1375.0, 1610.0, 2190.0,
];

/// LoRA of rank 8 on the fused qkv map of every block of ViT-B/16 at 224 pixels, with a head of ten classes, batch 8, AdamW.
pub(super) const LORA: Case = Case {
    name: "lora_step",
    prepare: |_| Ok(()),
    start: |setting| Ok(in_turns(setting, lora)),
};

/// DEFLECT with its defaults on the same backbone, which reads thirteen bands beside its three channels.
pub(super) const DEFLECT: Case = Case {
    name: "deflect_step",
    prepare: |_| Ok(()),
    start: |setting| Ok(in_turns(setting, deflect)),
};

/// Waiting for permission, and telling the loss.
struct Turns {
    wait: mpsc::Receiver<()>,
    done: mpsc::Sender<f64>,
}

/// The loop owns its steps, so it runs beside and waits for permission before each batch.
fn in_turns(setting: &Setting, work: fn(&Setting, Turns) -> anyhow::Result<()>) -> Round {
    let (go, wait) = mpsc::channel();
    let (done, result) = mpsc::channel();
    let setting = Setting {
        folder: setting.folder.clone(),
        data: None,
        small: setting.small,
        scale: setting.scale,
    };
    let worker = std::thread::spawn(move || work(&setting, Turns { wait, done }));
    let mut worker = Some(worker);
    Box::new(move || {
        let answer = go.send(()).ok().and_then(|()| result.recv().ok());
        match answer {
            Some(loss) => Ok(loss),
            None => Err(match worker.take().map(std::thread::JoinHandle::join) {
                Some(Ok(Err(error))) => error,
                _ => anyhow!("the training thread has ended"),
            }),
        }
    })
}

#[derive(Module, Debug)]
struct WithLora<B: Backend> {
    adapter: PeftAdapter<B>,
    head: Linear<B>,
}

#[derive(Module, Debug)]
struct WithDeflect<B: Backend> {
    adapter: Deflect<B>,
    head: Linear<B>,
}

struct Report(mpsc::Sender<f64>);

impl Progress for Report {
    fn step(&mut self, report: &StepReport) {
        // Without a receiver nobody waits for the rest either.
        let _ = self.0.send(report.loss.unwrap_or(f64::NAN));
    }
}

fn lora(setting: &Setting, turns: Turns) -> anyhow::Result<()> {
    let device = Default::default();
    let config = base(setting);
    let vit = Vit::<B>::init(&config, 1, &device)?.no_grad();
    let method = MethodConfig::Lora(LoraConfig::new(8, 8.0, ["qkv"]));
    let model = WithLora {
        adapter: method.init(&vit, &config, 0, &device)?,
        head: LinearConfig::new(config.dim, 10).init(&device),
    };
    steps(setting, turns, model, 3, |model, images| {
        let tokens = vit.forward(images, &model.adapter);
        model.head.forward(pool(tokens, 1, Pooling::PatchMean))
    })
}

fn deflect(setting: &Setting, turns: Turns) -> anyhow::Result<()> {
    let device = Default::default();
    let config = base(setting);
    let vit = Vit::<B>::init(&config, 1, &device)?.no_grad();
    let bands = WAVELENGTHS
        .iter()
        .enumerate()
        .map(|(i, &wavelength)| SpectralBand::optical(&format!("band {i}"), 3 + i, wavelength));
    let method = DeflectConfig::new(Spectrum::new(bands.collect()));
    let channels = 3 + WAVELENGTHS.len();
    let side = config.image_size;
    let seen = Tensor::<Flex, 4>::random(
        [1, channels, side, side],
        Distribution::Uniform(0.0, 1.0),
        &device,
    );
    let statistics = Standardisation::fit(&method.pixel_set(&config)?, [seen])?;
    let model = WithDeflect {
        adapter: Deflect::init(&method, &config, &statistics, 0, &device)?,
        head: LinearConfig::new(config.dim, 10).init(&device),
    };
    steps(setting, turns, model, channels, |model, images| {
        let tokens = vit.forward(images, &model.adapter);
        model.head.forward(pool(tokens, 1, Pooling::PatchMean))
    })
}

/// Steps on one batch of images with values in 0 to 1.
fn steps<M: AutodiffModule<B>>(
    setting: &Setting,
    Turns { wait, done }: Turns,
    model: M,
    channels: usize,
    logits: impl Fn(&M, Tensor<B, 4>) -> Tensor<B, 2>,
) -> anyhow::Result<()> {
    let device = Default::default();
    let batch = setting.size(8, 2);
    let images = Tensor::<B, 4>::random(
        [batch, channels, 224, 224],
        Distribution::Uniform(0.0, 1.0),
        &device,
    );
    let labels = Tensor::<B, 1, Int>::arange(0..batch as i64, &device);
    let objective = |model: &M, (): (), _: &StepContext| -> Result<Loss<B>, BoxError> {
        let log_p = log_softmax(logits(model, images.clone()), 1);
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
