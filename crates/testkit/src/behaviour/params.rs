//! Reading and moving the parameters of any module.

use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};

/// Every parameter with its path in the module, in a fixed order.
pub fn named_values<B: Backend, M: Module<B>>(module: &M) -> Vec<(String, TensorData)> {
    let mut read = Read {
        path: Vec::new(),
        values: Vec::new(),
    };
    module.visit(&mut read);
    read.values
}

struct Read {
    path: Vec<String>,
    values: Vec<(String, TensorData)>,
}

impl<B: Backend> ModuleVisitor<B> for Read {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.values
            .push((self.path.join("."), param.val().into_data()));
    }
}

/// The gradient of every parameter with its path; `None` where there is none.
pub(super) fn named_gradients<B: AutodiffBackend, M: Module<B>>(
    module: &M,
    gradients: &B::Gradients,
) -> Vec<(String, Option<TensorData>)> {
    struct Take<'a, B: AutodiffBackend> {
        path: Vec<String>,
        gradients: &'a B::Gradients,
        values: Vec<(String, Option<TensorData>)>,
    }
    impl<B: AutodiffBackend> ModuleVisitor<B> for Take<'_, B> {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            let gradient = param.val().grad(self.gradients).map(Tensor::into_data);
            self.values.push((self.path.join("."), gradient));
        }
    }
    let mut take = Take::<B> {
        path: Vec::new(),
        gradients,
        values: Vec::new(),
    };
    module.visit(&mut take);
    take.values
}

/// One step of plain gradient descent on every parameter that has a gradient.
pub fn sgd_step<B: AutodiffBackend, M: AutodiffModule<B>>(
    module: M,
    gradients: &B::Gradients,
    rate: f64,
) -> M {
    struct Step<'a, B: AutodiffBackend> {
        gradients: &'a B::Gradients,
        rate: f64,
    }
    impl<B: AutodiffBackend> ModuleMapper<B> for Step<'_, B> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            let gradient = param.val().grad(self.gradients);
            param.map(|value| match gradient {
                None => value,
                Some(gradient) => {
                    Tensor::from_inner(value.inner() - gradient * self.rate).require_grad()
                }
            })
        }
    }
    module.map(&mut Step::<B> { gradients, rate })
}

/// The module with the parameter number `index` moved by `step` along `direction`.
pub(super) fn moved<B: Backend, M: Module<B>>(
    module: M,
    index: usize,
    direction: &[f32],
    step: f32,
) -> M {
    struct Along<'a> {
        index: usize,
        direction: &'a [f32],
        step: f32,
        count: usize,
    }
    impl<B: Backend> ModuleMapper<B> for Along<'_> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            self.count += 1;
            if self.count - 1 != self.index {
                return param;
            }
            let shape = param.dims();
            let direction = TensorData::new(self.direction.to_vec(), shape);
            param.map(|value| {
                let direction = Tensor::from_data(direction, &value.device());
                value.detach() + direction * self.step
            })
        }
    }
    module.map(&mut Along {
        index,
        direction,
        step,
        count: 0,
    })
}
