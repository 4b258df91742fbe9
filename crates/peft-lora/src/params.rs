//! Parameters: fresh trainable ones from values, and copies of modules that share nothing with the original.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::error::PeftError;

/// A new trainable parameter with these values. It is initialised at once: burn's lazily drawn parameters would be drawn
/// again by every clone.
pub fn trainable<B: Backend, const D: usize>(values: Tensor<B, D>) -> Param<Tensor<B, D>> {
    Param::initialized(ParamId::new(), values.detach().require_grad())
}

/// A copy of a module in which every parameter is new and trainable, whatever the original's gradient settings.
pub fn trainable_copy<B: Backend, M: Module<B>>(module: &M) -> M {
    struct Fresh;
    impl<B: Backend> ModuleMapper<B> for Fresh {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            trainable(param.val())
        }
    }
    module.clone().map(&mut Fresh)
}

/// A copy of a module in which every parameter is new and frozen.
pub(crate) fn frozen_copy<B: Backend, M: Module<B>>(module: &M) -> M {
    trainable_copy::<B, M>(module).no_grad()
}

/// Refuses modules with parameters that are NaN or infinite.
pub(crate) fn require_finite<B: Backend, M: Module<B>>(
    module: &M,
    what: &str,
) -> Result<(), PeftError> {
    struct Count(usize);
    impl<B: Backend> ModuleVisitor<B> for Count {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            let data = param.val().into_data();
            self.0 += data
                .iter::<f32>()
                .filter(|value| !value.is_finite())
                .count();
        }
    }
    let mut count = Count(0);
    module.visit(&mut count);
    match count.0 {
        0 => Ok(()),
        count => Err(PeftError::NotFinite {
            what: what.to_owned(),
            count,
        }),
    }
}
