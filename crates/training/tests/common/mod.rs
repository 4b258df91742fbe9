//! A small network with dropout, seeded on the host, and batches made by formula.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(unreachable_pub, reason = "shared by several test binaries")]

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Int, Tensor, TensorData};
use testkit::FlexBackend;
use training::{
    BoxError, FitConfig, FnSource, GroupConfig, Loss, ModuleState, ScheduleConfig, StepContext,
};

pub type B = FlexBackend;
pub type Inner = <B as AutodiffBackend>::InnerBackend;

/// Inputs and classes of the toy task.
pub const INPUTS: usize = 6;
pub const CLASSES: usize = 3;

#[derive(Module, Debug)]
pub struct Mlp<B: Backend> {
    pub hidden: Linear<B>,
    pub dropout: Dropout,
    pub head: Linear<B>,
}

impl<B: Backend> Mlp<B> {
    pub fn new(width: usize, dropout: f64, device: &B::Device) -> Self {
        Self {
            hidden: linear(INPUTS, width, 0.37, device),
            dropout: DropoutConfig::new(dropout).init(),
            head: linear(width, CLASSES, 0.91, device),
        }
    }

    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let x = self.dropout.forward(relu(self.hidden.forward(x)));
        self.head.forward(x)
    }
}

fn linear<B: Backend>(inputs: usize, outputs: usize, pitch: f32, device: &B::Device) -> Linear<B> {
    let scale = 1.0 / (inputs as f32).sqrt();
    let values: Vec<f32> = (0..inputs * outputs)
        .map(|i| scale * (pitch * (i * i + 3 * i + 1) as f32).sin())
        .collect();
    Linear {
        weight: Param::from_data(TensorData::new(values, [inputs, outputs]), device),
        bias: Some(Param::from_data(
            TensorData::new(vec![0.0_f32; outputs], [outputs]),
            device,
        )),
    }
}

/// Rows and labels of one batch.
#[derive(Clone)]
pub struct Batch {
    pub rows: Vec<f32>,
    pub labels: Vec<i32>,
}

/// Item `index` of the toy task: its class shifts its inputs.
pub fn item(index: usize) -> (Vec<f32>, i32) {
    let class = (index * 7 + index / 5) % CLASSES;
    let row = (0..INPUTS)
        .map(|k| {
            let noise = ((index * 31 + k * 17) as f32 * 0.7).sin();
            0.6 * noise + if k % CLASSES == class { 1.0 } else { 0.0 }
        })
        .collect();
    (row, class as i32)
}

pub fn batch(items: impl IntoIterator<Item = usize>) -> Batch {
    let mut out = Batch {
        rows: Vec::new(),
        labels: Vec::new(),
    };
    for index in items {
        let (row, label) = item(index);
        out.rows.extend(row);
        out.labels.push(label);
    }
    out
}

/// Batches of `size` items; the order depends on the epoch.
pub fn source(
    batches: usize,
    size: usize,
) -> FnSource<impl Fn(usize, usize) -> Result<Batch, BoxError>> {
    FnSource::new(batches, move |epoch, index| {
        let n = batches * size;
        Ok(batch(
            (0..size).map(move |i| ((index * size + i) * 5 + epoch * 3) % n),
        ))
    })
}

pub fn inputs<B: Backend>(batch: &Batch, device: &B::Device) -> Tensor<B, 2> {
    let n = batch.labels.len();
    Tensor::from_data(TensorData::new(batch.rows.clone(), [n, INPUTS]), device)
}

/// Mean cross-entropy.
pub fn loss<B: AutodiffBackend>(
    model: &Mlp<B>,
    batch: Batch,
    _context: &StepContext,
) -> Result<Loss<B>, BoxError> {
    let device = model.head.weight.val().device();
    let n = batch.labels.len();
    let log_p = log_softmax(model.forward(inputs(&batch, &device)), 1);
    let labels = Tensor::<B, 1, Int>::from_data(TensorData::new(batch.labels, [n]), &device);
    let value = log_p.gather(1, labels.unsqueeze_dim(1)).mean().neg();
    Ok(Loss::mean(value, n))
}

/// Fraction of the items `0..n` classified correctly.
pub fn accuracy<B: Backend>(model: &Mlp<B>, n: usize) -> f64 {
    let device = model.head.weight.val().device();
    let batch = batch(0..n);
    let found: Vec<i64> = model
        .forward(inputs(&batch, &device))
        .argmax(1)
        .into_data()
        .iter::<i64>()
        .collect();
    let hits = found
        .iter()
        .zip(&batch.labels)
        .filter(|(f, l)| **f == i64::from(**l))
        .count();
    hits as f64 / n as f64
}

pub fn config(epochs: usize) -> FitConfig {
    FitConfig::new(
        epochs,
        7,
        vec![
            GroupConfig::new("body", &["hidden.*"], 1e-2).with_weight_decay(0.05),
            GroupConfig::new("head", &["head.*"], 3e-2),
        ],
        ScheduleConfig::cosine(0.1),
    )
}

/// All values of a model as bits.
pub fn bits<B: Backend, M: Module<B>>(model: &M) -> Vec<(String, Vec<u8>)> {
    ModuleState::of(model)
        .entries()
        .iter()
        .map(|(n, d)| (n.clone(), d.as_bytes().to_vec()))
        .collect()
}
