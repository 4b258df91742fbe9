//! The exact GELU with its exact derivative (Hendrycks & Gimpel 2016).

use std::f32::consts::PI;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use burn_flex::{Flex, FlexTensor};
use rayon::prelude::*;

use crate::autodiff::{arrived, give, record};
use crate::dispatch::{On, from_flex, on_flex};
use crate::math::{normal, vectorised};
use crate::values::{contiguous, numbers, shape, tensor};

/// Numbers that one thread takes at a time.
const CHUNK: usize = 16 * 1024;

/// `x Φ(x)` with the standard normal distribution function `Φ`, for any shape.
pub fn gelu<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    match on_flex([&x]) {
        Some(On::Flex([x])) => from_flex::<B, D>(forward(&contiguous(&x))),
        Some(On::Autodiff(parents)) => {
            let [x] = *parents;
            let values = contiguous(&x.primitive);
            let output = forward(&values);
            from_flex::<B, D>(record(Gelu, &[&x], values, output))
        }
        None => crate::compose::gelu(x),
    }
}

#[derive(Debug)]
struct Gelu;

impl Backward<Flex, 1> for Gelu {
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = arrived(grads, &ops);
        let [node] = ops.parents;
        give!(grads, node, backward(&ops.state, &grad));
    }
}

fn forward(x: &FlexTensor) -> FlexTensor {
    let input = numbers(x);
    let mut output = vec![0.0; input.len()];
    output
        .par_chunks_mut(CHUNK)
        .zip(input.par_chunks(CHUNK))
        .for_each(|(output, input)| {
            vectorised(|| {
                for (y, x) in output.iter_mut().zip(input) {
                    *y = x * normal(*x).0;
                }
            });
        });
    tensor(output, &shape(x))
}

/// `dy (Φ(x) + x φ(x))`.
fn backward(x: &FlexTensor, grad: &FlexTensor) -> FlexTensor {
    let density = 1.0 / (2.0 * PI).sqrt();
    let input = numbers(x);
    let mut output = vec![0.0; input.len()];
    output
        .par_chunks_mut(CHUNK)
        .zip(input.par_chunks(CHUNK).zip(numbers(grad).par_chunks(CHUNK)))
        .for_each(|(output, (input, grad))| {
            vectorised(|| {
                for (dx, (x, dy)) in output.iter_mut().zip(input.iter().zip(grad)) {
                    let (cumulative, bell) = normal(*x);
                    *dx = dy * (cumulative + x * bell * density);
                }
            });
        });
    tensor(output, &shape(x))
}
