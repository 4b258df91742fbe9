//! Development only: named tolerances, comparison that names the worst element, goldens written by published packages,
//! gradients against finite differences, and the matrix that runs one generic test on every compiled backend.

mod backends;
pub mod behaviour;
mod compare;
mod finite_difference;
mod golden;
mod published;
mod tolerance;

#[cfg(feature = "cuda")]
pub use backends::CudaBackend;
#[cfg(feature = "vulkan")]
pub use backends::VulkanBackend;
pub use backends::{FlexBackend, NdArrayBackend, alone};
pub use compare::{assert_close, relative_error};
pub use finite_difference::check_gradient;
pub use fused_ops::lock_autodiff;
pub use golden::{Golden, golden_root};
pub use tolerance::Tolerance;
