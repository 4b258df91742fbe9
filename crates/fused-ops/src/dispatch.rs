//! Whether a tensor lives on flex, found out at run time, so that models stay generic over the backend.

use std::any::Any;

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, TensorPrimitive};
use burn_flex::{Flex, FlexTensor};

/// Flex with automatic differentiation.
pub(crate) type AdFlex = Autodiff<Flex, NoCheckpointing>;

/// A tensor of flex's with automatic differentiation.
pub(crate) type Tracked = <AdFlex as burn::tensor::backend::BackendTypes>::FloatTensorPrimitive;

/// The tensors of one operation, all of one backend.
pub(crate) enum On<const N: usize> {
    /// Plain flex, f32.
    Flex([FlexTensor; N]),
    /// Flex with automatic differentiation, f32.
    Autodiff(Box<[Tracked; N]>),
}

/// The primitives of `tensors` if they are flex's f32 ones, else nothing.
pub(crate) fn on_flex<B: Backend, const N: usize>(tensors: [&dyn Erased<B>; N]) -> Option<On<N>> {
    if is::<B, Flex>() {
        let found = tensors.map(|t| {
            let plain = downcast::<FlexTensor>(t.primitive())?;
            (plain.dtype() == DType::F32).then_some(plain)
        });
        return all(found).map(On::Flex);
    }
    if is::<B, AdFlex>() {
        let found = tensors.map(|t| {
            let tracked = downcast::<Tracked>(t.primitive())?;
            (tracked.primitive.dtype() == DType::F32).then_some(tracked)
        });
        return all(found).map(|found| On::Autodiff(Box::new(found)));
    }
    None
}

/// A primitive of flex's as a tensor of `B`, which the caller knows to be flex.
///
/// # Panics
/// When `B` is another backend.
pub(crate) fn from_flex<B: Backend, const D: usize>(primitive: impl Any) -> Tensor<B, D> {
    let primitive = downcast::<B::FloatTensorPrimitive>(Box::new(primitive))
        .expect("a tensor goes back to the backend it came from");
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}

/// A tensor of any rank, seen as its primitive.
pub(crate) trait Erased<B: Backend> {
    fn primitive(&self) -> Box<dyn Any>;
}

impl<B: Backend, const D: usize> Erased<B> for Tensor<B, D> {
    fn primitive(&self) -> Box<dyn Any> {
        Box::new(self.clone().into_primitive().tensor())
    }
}

fn is<A: 'static, B: 'static>() -> bool {
    std::any::TypeId::of::<A>() == std::any::TypeId::of::<B>()
}

fn downcast<T: Any>(value: Box<dyn Any>) -> Option<T> {
    value.downcast::<T>().ok().map(|value| *value)
}

fn all<T, const N: usize>(found: [Option<T>; N]) -> Option<[T; N]> {
    let found: Option<Vec<T>> = found.into_iter().collect();
    found?.try_into().ok()
}
