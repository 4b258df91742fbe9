//! Clipping by the global norm: one norm over the gradients of *all* parameters, as `torch.nn.utils.clip_grad_norm_`.
//!
//! burn's own clipping takes the norm of each tensor by itself, which changes the direction of the step.

use std::marker::PhantomData;

use burn::module::{AutodiffModule, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

/// The Euclidean norm over all gradients of `module`, summed in f64 over tensors.
pub fn global_norm<B: AutodiffBackend, M: AutodiffModule<B>>(
    module: &M,
    grads: &GradientsParams,
) -> f64 {
    let mut visitor = Squares::<B> {
        grads,
        sums: Vec::new(),
    };
    module.visit(&mut visitor);
    if visitor.sums.is_empty() {
        return 0.0;
    }
    // One transfer for all tensors: on a GPU every read waits for the queue.
    let sums = Tensor::cat(visitor.sums, 0).into_data();
    sums.iter::<f64>().sum::<f64>().sqrt()
}

/// The factor that clips a gradient of norm `norm` to `max_norm`: `min(1, max_norm / (norm + 1e-6))`, PyTorch's formula.
pub fn clip_scale(norm: f64, max_norm: f64) -> f64 {
    (max_norm / (norm + 1e-6)).min(1.0)
}

/// All gradients of `module` times `factor`.
pub fn scale_gradients<B: AutodiffBackend, M: AutodiffModule<B>>(
    module: &M,
    grads: GradientsParams,
    factor: f64,
) -> GradientsParams {
    if factor == 1.0 {
        return grads;
    }
    let mut visitor = Scaler::<B> {
        grads,
        factor,
        backend: PhantomData,
    };
    module.visit(&mut visitor);
    visitor.grads
}

struct Squares<'a, B: AutodiffBackend> {
    grads: &'a GradientsParams,
    sums: Vec<Tensor<B::InnerBackend, 1>>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Squares<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if let Some(grad) = self.grads.get::<B::InnerBackend, D>(param.id) {
            self.sums.push((grad.clone() * grad).sum());
        }
    }
}

struct Scaler<B> {
    grads: GradientsParams,
    factor: f64,
    backend: PhantomData<B>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Scaler<B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if let Some(grad) = self.grads.remove::<B::InnerBackend, D>(param.id) {
            self.grads
                .register::<B::InnerBackend, D>(param.id, grad * self.factor);
        }
    }
}
