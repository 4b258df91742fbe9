//! Linear maps over tokens.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use burn_flex::{Flex, FlexTensor};
use rayon::prelude::*;

use crate::autodiff::{arrived, give, record};
use crate::dispatch::{On, Tracked, from_flex, on_flex};
use crate::product::{Threads, View, ViewMut};
use crate::reduce::sum_of_rows;
use crate::values::{contiguous, numbers, rows_columns, shape, tensor};

/// Rows that one thread takes at a time: enough to pay for packing the weight, few enough to stay in its cache.
const ROWS: usize = 256;

/// `x W + b`.
///
/// Rows are taken in blocks by all threads, and the bias is put in place before the product adds to it. Where automatic
/// differentiation is on, only what is needed is kept and computed: a frozen weight keeps no input and gets no gradient.
///
/// # Shapes
/// - `x`: `[.., inputs]`, `weight`: `[inputs, outputs]`, `bias`: `[outputs]`
/// - result: `[.., outputs]`
pub fn linear<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    weight: Tensor<B, 2>,
    bias: Option<Tensor<B, 1>>,
) -> Tensor<B, D> {
    let Some(bias) = bias else {
        return match on_flex([&x, &weight]) {
            Some(On::Flex([x, weight])) => from_flex::<B, D>(forward(&x, &weight, None)),
            Some(On::Autodiff(parents)) => {
                let [x, weight] = *parents;
                let output = forward(&x.primitive, &weight.primitive, None);
                let state = Kept::new(&x, &weight);
                from_flex::<B, D>(record(Linear, &[&x, &weight], state, output))
            }
            None => crate::compose::linear(x, weight, None),
        };
    };
    match on_flex([&x, &weight, &bias]) {
        Some(On::Flex([x, weight, bias])) => from_flex::<B, D>(forward(&x, &weight, Some(&bias))),
        Some(On::Autodiff(parents)) => {
            let [x, weight, bias] = *parents;
            let output = forward(&x.primitive, &weight.primitive, Some(&bias.primitive));
            let state = Kept::new(&x, &weight);
            from_flex::<B, D>(record(Linear, &[&x, &weight, &bias], state, output))
        }
        None => crate::compose::linear(x, weight, Some(bias)),
    }
}

#[derive(Debug)]
struct Linear;

/// What the backward pass needs: the weight for the input's gradient, the input for the weight's.
#[derive(Debug, Clone)]
struct Kept {
    x: Option<FlexTensor>,
    weight: Option<FlexTensor>,
    /// Shape of the input.
    shape: Vec<usize>,
}

impl Kept {
    fn new(x: &Tracked, weight: &Tracked) -> Self {
        Self {
            x: weight.is_tracked().then(|| x.primitive.clone()),
            weight: x.is_tracked().then(|| weight.primitive.clone()),
            shape: shape(&x.primitive),
        }
    }

    fn input_gradient(&self, grad: &FlexTensor) -> FlexTensor {
        let weight = self.weight.as_ref().expect("kept for a tracked input");
        input_gradient(weight, grad, &self.shape)
    }

    fn weight_gradient(&self, grad: &FlexTensor) -> FlexTensor {
        let x = self.x.as_ref().expect("kept for a tracked weight");
        weight_gradient(x, grad)
    }
}

impl Backward<Flex, 2> for Linear {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = arrived(grads, &ops);
        let [x, weight] = ops.parents;
        give!(grads, x, ops.state.input_gradient(&grad));
        give!(grads, weight, ops.state.weight_gradient(&grad));
    }
}

impl Backward<Flex, 3> for Linear {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = arrived(grads, &ops);
        let [x, weight, bias] = ops.parents;
        give!(grads, x, ops.state.input_gradient(&grad));
        give!(grads, weight, ops.state.weight_gradient(&grad));
        give!(grads, bias, {
            let (_, outputs) = rows_columns(&grad);
            tensor(sum_of_rows(numbers(&grad), outputs), &[outputs])
        });
    }
}

fn forward(x: &FlexTensor, weight: &FlexTensor, bias: Option<&FlexTensor>) -> FlexTensor {
    let (x, weight, bias) = (contiguous(x), contiguous(weight), bias.map(contiguous));
    let (rows, inputs) = rows_columns(&x);
    let (height, outputs) = rows_columns(&weight);
    assert_eq!(
        height, inputs,
        "a map of {height} inputs was given {inputs}"
    );
    let weight = View::dense(numbers(&weight), inputs, outputs);
    let bias = bias.as_ref().map(numbers);
    let mut output = vec![0.0; rows * outputs];
    output
        .par_chunks_mut((ROWS * outputs).max(1))
        .zip(numbers(&x).par_chunks((ROWS * inputs).max(1)))
        .for_each(|(output, input)| {
            if let Some(bias) = bias {
                for row in output.chunks_exact_mut(outputs) {
                    row.copy_from_slice(bias);
                }
            }
            let rows = input.len() / inputs;
            ViewMut::dense(output, rows, outputs).product(
                bias.is_some(),
                1.0,
                View::dense(input, rows, inputs),
                weight,
                Threads::One,
            );
        });
    let mut shape = shape(&x);
    *shape.last_mut().expect("a tensor has an axis") = outputs;
    tensor(output, &shape)
}

/// `dy Wᵀ`.
fn input_gradient(weight: &FlexTensor, grad: &FlexTensor, shape: &[usize]) -> FlexTensor {
    let weight = contiguous(weight);
    let (inputs, outputs) = rows_columns(&weight);
    let (rows, _) = rows_columns(grad);
    let transposed = View::dense(numbers(&weight), inputs, outputs).transposed();
    let mut output = vec![0.0; rows * inputs];
    output
        .par_chunks_mut((ROWS * inputs).max(1))
        .zip(numbers(grad).par_chunks((ROWS * outputs).max(1)))
        .for_each(|(output, grad)| {
            let rows = grad.len() / outputs;
            ViewMut::dense(output, rows, inputs).product(
                false,
                1.0,
                View::dense(grad, rows, outputs),
                transposed,
                Threads::One,
            );
        });
    tensor(output, shape)
}

/// `xᵀ dy`.
fn weight_gradient(x: &FlexTensor, grad: &FlexTensor) -> FlexTensor {
    let x = contiguous(x);
    let (rows, inputs) = rows_columns(&x);
    let (_, outputs) = rows_columns(grad);
    let mut output = vec![0.0; inputs * outputs];
    ViewMut::dense(&mut output, inputs, outputs).product(
        false,
        1.0,
        View::dense(numbers(&x), rows, inputs).transposed(),
        View::dense(numbers(grad), rows, outputs),
        Threads::All,
    );
    tensor(output, &[inputs, outputs])
}
