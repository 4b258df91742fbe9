//! The operations in which training a vision transformer spends its time, each as one function over any backend.
//!
//! On the flex backend (plain or with automatic differentiation) and f32, each is one pass of our own over memory, forward
//! and backward: no intermediate tensors, no copies for splitting heads, exponentials in vector registers. Everywhere
//! else it is composed of burn's operations. Both give the same numbers within rounding, and the fused kernels give the same
//! bits for any number of threads.
//!
//! | function | what is fused |
//! |---|---|
//! | [`linear`] | `x W + b` by blocks of rows; no gradient for what is frozen |
//! | [`layer_norm`] | statistics, normalisation, gain and bias; one pass backward |
//! | [`gelu`] | the exact GELU and its exact derivative |
//! | [`adamw`] | an update of a parameter and both its moments |
//! | [`attention`] | softmax attention on the output of a fused query-key-value map, backward by recomputation |
//!
//! [`scaled_dot_product`] is the attention of the others, with a mask and keys of another length; norms and softmax of numbers of 16 bits are computed
//! in single precision. [`lock_autodiff`] keeps backward passes of several threads apart, which burn 0.21 does not.

mod adamw;
mod attention;
mod autodiff;
mod compose;
mod dispatch;
mod gelu;
mod graph_lock;
mod layer_norm;
mod linear;
mod math;
mod product;
mod reduce;
mod scaled_dot_product;
mod values;

pub use adamw::{AdamWStep, adamw};
pub use attention::attention;
pub use gelu::gelu;
pub use graph_lock::{AutodiffLock, lock_autodiff};
pub use layer_norm::layer_norm;
pub use linear::linear;
pub use scaled_dot_product::scaled_dot_product;

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
