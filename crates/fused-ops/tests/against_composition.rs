//! Fused kernels on flex against the same operations composed on ndarray: outputs and every gradient.

use burn::backend::Autodiff;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use burn_flex::Flex;
use burn_ndarray::NdArray;

type Composed = Autodiff<NdArray<f32>>;
type Fused = Autodiff<Flex>;

/// Largest difference, relative to the largest number of the reference.
fn difference(found: &TensorData, reference: &TensorData) -> f64 {
    assert_eq!(found.shape, reference.shape);
    let pairs = found.iter::<f64>().zip(reference.iter::<f64>());
    let (error, size) = pairs.fold((0.0f64, 1e-12f64), |(error, size), (a, b)| {
        (error.max((a - b).abs()), size.max(b.abs()))
    });
    error / size
}

/// Numbers between -3 and 3, drawn on the host: the backends' generators are shared by all tests of the process.
fn random(shape: &[usize], seed: u64) -> TensorData {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // SplitMix64 (Steele, Lea and Flood 2014).
    let mut uniform = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    };
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count)
        .map(|_| (2.0 * (uniform() + uniform() + uniform()) - 3.0) as f32)
        .collect();
    TensorData::new(values, shape)
}

/// Runs `f` on both backends; gives output and gradients of the inputs, in this order, of both.
fn compare(name: &str, inputs: &[TensorData], f: impl Both) {
    let fused = f.on::<Fused>(inputs);
    let composed = f.on::<Composed>(inputs);
    assert_eq!(fused.len(), composed.len());
    for (index, (a, b)) in fused.iter().zip(&composed).enumerate() {
        let error = difference(a, b);
        assert!(error < 1e-5, "{name}, result {index}: {error:e}");
    }
}

/// One operation, written for any backend: its output, then the gradients.
trait Both {
    fn on<B: AutodiffBackend>(&self, inputs: &[TensorData]) -> Vec<TensorData>;
}

fn leaf<B: AutodiffBackend, const D: usize>(data: &TensorData) -> Tensor<B, D> {
    Tensor::from_data(data.clone(), &Default::default()).require_grad()
}

/// Backward from a weighted sum, so that every output number has a gradient of its own.
fn loss<B: AutodiffBackend, const D: usize>(y: Tensor<B, D>) -> (TensorData, B::Gradients) {
    let weights = random(&y.dims(), 99);
    let value = y.clone().into_data();
    let weights = Tensor::<B, D>::from_data(weights, &y.device());
    (value, (y * weights).sum().backward())
}

macro_rules! results {
    ($y:expr, $($leaf:expr),+) => {{
        let (value, grads) = loss($y);
        vec![value, $($leaf.grad(&grads).expect("a gradient").into_data()),+]
    }};
}

struct Linear {
    bias: bool,
}

impl Both for Linear {
    fn on<B: AutodiffBackend>(&self, inputs: &[TensorData]) -> Vec<TensorData> {
        let (x, w) = (leaf::<B, 3>(&inputs[0]), leaf::<B, 2>(&inputs[1]));
        if self.bias {
            let b = leaf::<B, 1>(&inputs[2]);
            let y = fused_ops::linear(x.clone(), w.clone(), Some(b.clone()));
            return results!(y, x, w, b);
        }
        results!(fused_ops::linear(x.clone(), w.clone(), None), x, w)
    }
}

#[test]
fn linear_maps() {
    let _graph = fused_ops::lock_autodiff();
    for [batch, tokens, inputs, outputs] in [[1, 1, 1, 1], [2, 7, 5, 9], [9, 65, 48, 33]] {
        let data = [
            random(&[batch, tokens, inputs], 1),
            random(&[inputs, outputs], 2),
            random(&[outputs], 3),
        ];
        compare("linear", &data, Linear { bias: true });
        compare("linear without bias", &data, Linear { bias: false });
    }
}

struct Norm;

impl Both for Norm {
    fn on<B: AutodiffBackend>(&self, inputs: &[TensorData]) -> Vec<TensorData> {
        let x = leaf::<B, 3>(&inputs[0]);
        let (g, b) = (leaf::<B, 1>(&inputs[1]), leaf::<B, 1>(&inputs[2]));
        let y = fused_ops::layer_norm(x.clone(), g.clone(), Some(b.clone()), 1e-6);
        results!(y, x, g, b)
    }
}

#[test]
fn layer_norms() {
    let _graph = fused_ops::lock_autodiff();
    for [batch, tokens, dim] in [[1, 1, 3], [3, 5, 16], [4, 65, 50]] {
        let data = [
            random(&[batch, tokens, dim], 4),
            random(&[dim], 5),
            random(&[dim], 6),
        ];
        compare("layer norm", &data, Norm);
    }
}

struct Gelu;

impl Both for Gelu {
    fn on<B: AutodiffBackend>(&self, inputs: &[TensorData]) -> Vec<TensorData> {
        let x = leaf::<B, 3>(&inputs[0]);
        results!(fused_ops::gelu(x.clone()), x)
    }
}

#[test]
fn gelus() {
    let _graph = fused_ops::lock_autodiff();
    compare("gelu", &[random(&[3, 65, 191], 7)], Gelu);
}

struct Attention {
    heads: usize,
}

impl Both for Attention {
    fn on<B: AutodiffBackend>(&self, inputs: &[TensorData]) -> Vec<TensorData> {
        let qkv = leaf::<B, 3>(&inputs[0]);
        results!(fused_ops::attention(qkv.clone(), self.heads), qkv)
    }
}

#[test]
fn attentions() {
    let _graph = fused_ops::lock_autodiff();
    for [batch, tokens, dim, heads] in [[1, 1, 2, 1], [2, 17, 24, 3], [3, 65, 32, 2]] {
        let data = [random(&[batch, tokens, 3 * dim], 8)];
        compare("attention", &data, Attention { heads });
    }
}

/// Three updates of AdamW, the first without moments.
fn adamw_updates<B: Backend>() -> Vec<TensorData> {
    let device = Default::default();
    let mut value = Tensor::<B, 2>::from_data(random(&[37, 500], 20), &device);
    let mut moments = None;
    for time in 1..=3 {
        let step = fused_ops::AdamWStep {
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            rate: 1e-2,
            decay: 0.05,
            time,
        };
        let grad = Tensor::from_data(random(&[37, 500], 20 + time as u64), &device);
        let (new, kept) = fused_ops::adamw(value, grad, moments, &step);
        (value, moments) = (new, Some(kept));
    }
    let [first, second] = moments.expect("three updates");
    [value, first, second].map(Tensor::into_data).into()
}

#[test]
fn adamw() {
    let (fused, composed) = (adamw_updates::<Flex>(), adamw_updates::<NdArray<f32>>());
    for (a, b) in fused.iter().zip(&composed) {
        let error = difference(a, b);
        assert!(error < 1e-6, "{error:e}");
    }
}

/// Views that are not contiguous are read as they are meant.
#[test]
fn views() {
    let _graph = fused_ops::lock_autodiff();
    let data = random(&[4, 9, 12], 10);
    let on_flex = Tensor::<Flex, 3>::from_data(data.clone(), &Default::default());
    let on_ndarray = Tensor::<NdArray<f32>, 3>::from_data(data, &Default::default());
    let flex = fused_ops::gelu(on_flex.swap_dims(1, 2).narrow(1, 3, 6));
    let ndarray = fused_ops::gelu(on_ndarray.swap_dims(1, 2).narrow(1, 3, 6));
    assert!(difference(&flex.into_data(), &ndarray.into_data()) < 1e-6);
}

/// A frozen weight gets no gradient, its input does; with everything frozen nothing is recorded.
#[test]
fn what_is_frozen_gets_no_gradient() {
    let _graph = fused_ops::lock_autodiff();
    let device = Default::default();
    let x = leaf::<Fused, 3>(&random(&[2, 3, 4], 11));
    let w = Tensor::<Fused, 2>::from_data(random(&[4, 5], 12), &device);
    let grads = fused_ops::linear(x.clone(), w.clone(), None)
        .sum()
        .backward();
    assert!(x.grad(&grads).is_some() && w.grad(&grads).is_none());

    let w = w.require_grad();
    let x = Tensor::<Fused, 3>::from_data(random(&[2, 3, 4], 11), &device);
    let grads = fused_ops::linear(x.clone(), w.clone(), None)
        .sum()
        .backward();
    assert!(x.grad(&grads).is_none() && w.grad(&grads).is_some());
}

/// The same bits for one thread and for three.
#[test]
fn threads_do_not_change_a_bit() {
    let _graph = fused_ops::lock_autodiff();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut all = Linear { bias: true }.on::<Fused>(&[
                random(&[8, 65, 64], 13),
                random(&[64, 192], 14),
                random(&[192], 15),
            ]);
            all.extend(Norm.on::<Fused>(&[
                random(&[8, 65, 64], 16),
                random(&[64], 17),
                random(&[64], 18),
            ]));
            all.extend(Attention { heads: 2 }.on::<Fused>(&[random(&[8, 65, 96], 19)]));
            all
        })
    };
    assert_eq!(run(1), run(3));
}
