//! One update of AdamW (Loshchilov and Hutter 2019, algorithm 2) in one pass over memory.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use crate::dispatch::{On, from_flex, on_flex};
use crate::math::vectorised;
use crate::values::{contiguous, numbers, shape, tensor};

/// Numbers that one thread takes at a time.
const CHUNK: usize = 16 * 1024;

/// The numbers of one update of one parameter.
#[derive(Debug, Clone, Copy)]
pub struct AdamWStep {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Learning rate.
    pub rate: f64,
    /// Decoupled weight decay.
    pub decay: f64,
    /// Updates of this parameter, this one included: 1 for the first.
    pub time: i32,
}

impl AdamWStep {
    /// `1 - β₁ᵗ` and `√(1 - β₂ᵗ)`, in double precision.
    fn corrections(&self) -> [f64; 2] {
        [
            1.0 - self.beta1.powi(self.time),
            (1.0 - self.beta2.powi(self.time)).sqrt(),
        ]
    }
}

/// `p ← p - lr·λ·p - lr·m̂/(√v̂ + ε)`, in the order of operations of PyTorch; gives the parameter and both moments. No moments
/// are those of the first update, zero.
pub fn adamw<B: Backend, const D: usize>(
    value: Tensor<B, D>,
    grad: Tensor<B, D>,
    moments: Option<[Tensor<B, D>; 2]>,
    step: &AdamWStep,
) -> (Tensor<B, D>, [Tensor<B, D>; 2]) {
    if let Some([first, second]) = &moments
        && let Some(On::Flex([value, grad, first, second])) =
            on_flex([&value, &grad, first, second])
    {
        let [value, first, second] = update(&value, &grad, &first, &second, step);
        return (
            from_flex::<B, D>(value),
            [from_flex::<B, D>(first), from_flex::<B, D>(second)],
        );
    }
    compose(value, grad, moments, step)
}

fn compose<B: Backend, const D: usize>(
    value: Tensor<B, D>,
    grad: Tensor<B, D>,
    moments: Option<[Tensor<B, D>; 2]>,
    step: &AdamWStep,
) -> (Tensor<B, D>, [Tensor<B, D>; 2]) {
    let square = grad.clone() * grad.clone();
    let (first, second) = (grad * (1.0 - step.beta1), square * (1.0 - step.beta2));
    let (first, second) = match moments {
        Some([m, v]) => (m * step.beta1 + first, v * step.beta2 + second),
        None => (first, second),
    };
    let [correction1, correction2] = step.corrections();
    let root = second.clone().sqrt() / correction2 + step.epsilon;
    let value = match step.decay {
        0.0 => value,
        decay => value * (1.0 - step.rate * decay),
    };
    let value = value - first.clone() / root * (step.rate / correction1);
    (value, [first, second])
}

fn update(
    value: &FlexTensor,
    grad: &FlexTensor,
    first: &FlexTensor,
    second: &FlexTensor,
    step: &AdamWStep,
) -> [FlexTensor; 3] {
    let shape = shape(value);
    let inputs = [value, grad, first, second].map(contiguous);
    let [value, grad, first, second] = inputs.each_ref().map(numbers);
    let count = value.len();
    assert!(
        [grad, first, second].iter().all(|x| x.len() == count),
        "a parameter, its gradient and its moments have one shape"
    );
    let [correction1, correction2] = step.corrections();
    let (b1, b2) = (step.beta1 as f32, step.beta2 as f32);
    let (c1, c2) = ((1.0 - step.beta1) as f32, (1.0 - step.beta2) as f32);
    let (keep, epsilon) = ((1.0 - step.rate * step.decay) as f32, step.epsilon as f32);
    let (inverse, rate) = ((1.0 / correction2) as f32, (step.rate / correction1) as f32);
    let mut out = [vec![0.0; count], vec![0.0; count], vec![0.0; count]];
    let [new_value, new_first, new_second] = &mut out;
    new_value
        .par_chunks_mut(CHUNK)
        .zip(new_first.par_chunks_mut(CHUNK))
        .zip(new_second.par_chunks_mut(CHUNK))
        .enumerate()
        .for_each(|(chunk, ((new_value, new_first), new_second))| {
            let range = chunk * CHUNK..chunk * CHUNK + new_value.len();
            let old = value[range.clone()].iter().zip(&grad[range.clone()]);
            let moments = first[range.clone()].iter().zip(&second[range]);
            let new = new_value.iter_mut().zip(new_first).zip(new_second);
            vectorised(|| {
                for (((p, g), (m, v)), ((new_p, new_m), new_v)) in old.zip(moments).zip(new) {
                    *new_m = m * b1 + g * c1;
                    *new_v = v * b2 + g * g * c2;
                    *new_p = p * keep - *new_m / (new_v.sqrt() * inverse + epsilon) * rate;
                }
            });
        });
    out.map(|values| tensor(values, &shape))
}
