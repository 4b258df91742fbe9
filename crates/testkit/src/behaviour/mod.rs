//! The behavioural suite: what every adapter must do, whatever its method, each promise one function.
//!
//! A crate implements [`Subject`] for its methods and calls the functions of [`checks`](self) in tests. All of them work on a
//! tiny backbone that has every optional part (class and register tokens, learned positions, LayerScale) and in which no
//! parameter is zero or one, so that nothing can be forgotten unnoticed.

mod checks;
mod fixture;
mod params;

pub use checks::{
    disabling_restores_the_base, dropout_is_off_in_inference, every_parameter_gets_a_gradient,
    gradients_agree_with_finite_differences, identity_at_initialisation, merged_equals_unmerged,
    only_the_adapter_is_trained, survives_a_round_trip,
};
pub use fixture::{image, perturbed, tiny_base, tiny_config};
pub use params::{named_values, sgd_step};

use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::AutodiffBackend;
use vit_backbone::{Seam, Vit, VitConfig};

/// A method under test, with what the suite has to know about it.
pub trait Subject<B: AutodiffBackend> {
    /// The adapter.
    type Adapter: AutodiffModule<B, InnerModule = Self::Inner> + Seam<B>;
    /// The adapter without differentiation.
    type Inner: Module<B::InnerBackend> + Seam<B::InnerBackend>;

    /// Shown in failures.
    fn name(&self) -> String;

    /// The adapter as training starts with it.
    fn init(&self, base: &Vit<B>, config: &VitConfig) -> Self::Adapter;

    /// Whether the outputs at the start are those of the base.
    fn starts_as_the_base(&self) -> bool;

    /// Whether the forward pass on a differentiating backend is random (dropout).
    fn is_random_in_training(&self) -> bool;

    /// Whether gradients are the derivatives of the outputs; not where a method takes a part of its formula for a constant.
    fn gradients_are_exact(&self) -> bool {
        true
    }

    /// The base with the adapter written into it; `None` for methods that cannot be merged.
    fn merge(
        &self,
        adapter: &Self::Inner,
        base: &Vit<B::InnerBackend>,
    ) -> Option<Vit<B::InnerBackend>>;

    /// The adapter saved to a file and loaded again.
    fn save_and_load(
        &self,
        adapter: &Self::Adapter,
        base: &Vit<B>,
        config: &VitConfig,
    ) -> Self::Adapter;
}
