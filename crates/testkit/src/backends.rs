//! The backend matrix: one generic test, run on every backend that is compiled in.

use burn::backend::Autodiff;

/// The default CPU backend, with automatic differentiation.
pub type FlexBackend = Autodiff<burn_flex::Flex>;

/// The second CPU backend, with automatic differentiation.
pub type NdArrayBackend = Autodiff<burn_ndarray::NdArray>;

/// Vulkan, with automatic differentiation.
#[cfg(feature = "vulkan")]
pub type VulkanBackend = Autodiff<burn_wgpu::Vulkan>;

/// CUDA, with automatic differentiation.
#[cfg(feature = "cuda")]
pub type CudaBackend = Autodiff<burn_cuda::Cuda>;

/// Runs a test that differentiates while no other test of this process does (see [`fused_ops::lock_autodiff`]).
pub fn alone<T>(test: impl FnOnce() -> T) -> T {
    let _graph = fused_ops::lock_autodiff();
    test()
}

/// Makes a `#[test]` per backend of each generic test function `fn name<B: AutodiffBackend>()`, in modules `on_flex`,
/// `on_ndarray`, and `on_vulkan` and `on_cuda` when testkit has those features.
///
/// ```
/// # use burn::tensor::{Tensor, backend::AutodiffBackend};
/// fn sums<B: AutodiffBackend>() {
///     let ones = Tensor::<B, 1>::ones([3], &B::Device::default());
///     assert_eq!(ones.sum().into_scalar().to_string(), "3");
/// }
/// testkit::backend_matrix!(sums);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! backend_matrix {
    ($($test:ident),+ $(,)?) => {
        mod on_flex { $(#[test] fn $test() { $crate::alone(super::$test::<$crate::FlexBackend>); })+ }
        mod on_ndarray { $(#[test] fn $test() { $crate::alone(super::$test::<$crate::NdArrayBackend>); })+ }
        $crate::on_vulkan!($($test),+);
        $crate::on_cuda!($($test),+);
    };
}

/// Makes a test per backend of each promise of [`behaviour`](crate::behaviour), kept by every subject that `$subjects` lists.
#[macro_export]
macro_rules! over_every {
    ($subjects:path: $($check:ident),+ $(,)?) => {
        $(fn $check<B: burn::tensor::backend::AutodiffBackend>() {
            for subject in $subjects() {
                $crate::behaviour::$check::<B>(&subject);
            }
        })+
        $crate::backend_matrix!($($check),+);
    };
}

/// The Vulkan part of [`backend_matrix`].
#[doc(hidden)]
#[cfg(feature = "vulkan")]
#[macro_export]
macro_rules! on_vulkan {
    ($($test:ident),+) => {
        mod on_vulkan { $(#[test] fn $test() { $crate::alone(super::$test::<$crate::VulkanBackend>); })+ }
    };
}

/// The Vulkan part of [`backend_matrix`]: empty, because testkit was built without it.
#[doc(hidden)]
#[cfg(not(feature = "vulkan"))]
#[macro_export]
macro_rules! on_vulkan {
    ($($test:ident),+) => {};
}

/// The CUDA part of [`backend_matrix`].
#[doc(hidden)]
#[cfg(feature = "cuda")]
#[macro_export]
macro_rules! on_cuda {
    ($($test:ident),+) => {
        mod on_cuda { $(#[test] fn $test() { $crate::alone(super::$test::<$crate::CudaBackend>); })+ }
    };
}

/// The CUDA part of [`backend_matrix`]: empty, because testkit was built without it.
#[doc(hidden)]
#[cfg(not(feature = "cuda"))]
#[macro_export]
macro_rules! on_cuda {
    ($($test:ident),+) => {};
}
