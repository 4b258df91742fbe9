//! What a forward pass carries beside its tokens.

use burn::tensor::backend::Backend;

use crate::Rotary;

/// What a forward pass carries from the embedding through the blocks, made by [`Vit::embed`](crate::Vit::embed).
#[derive(Debug, Clone)]
pub struct Pass<B: Backend, S> {
    /// The adapter's state.
    pub state: S,
    /// The rotation of queries and keys on the grid of the images, in a model with rotary positions.
    pub rotary: Option<Rotary<B>>,
}

impl<B: Backend, S> Pass<B, S> {
    /// A pass through a model without rotary positions.
    pub fn plain(state: S) -> Self {
        Self {
            state,
            rotary: None,
        }
    }
}
