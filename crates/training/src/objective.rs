//! What a run trains on: the loss of a batch, and where batches come from.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::BoxError;

/// Where in the run a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepContext {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Batch within the epoch, from 0.
    pub batch: usize,
    /// Optimiser step, from 0.
    pub step: usize,
    /// Seed of this batch, for draws on the host (masks). The backend itself was seeded from the same source.
    pub seed: u64,
}

/// The loss of one batch.
#[derive(Debug, Clone)]
pub struct Loss<B: Backend> {
    /// The mean loss, shape `[1]`.
    pub value: Tensor<B, 1>,
    /// How much the batch counts in a mean over batches: the divisor that formed `value`. With gradient accumulation
    /// this makes any split into batches equal to the undivided one. A weight of 0 leaves the parameters unchanged.
    pub weight: f64,
    /// Items in the batch, for the rate that is shown.
    pub items: usize,
}

impl<B: Backend> Loss<B> {
    /// A plain mean over `items` items.
    pub fn mean(value: Tensor<B, 1>, items: usize) -> Self {
        Self {
            value,
            weight: items as f64,
            items,
        }
    }

    /// Sets the weight, for means whose divisor is not the number of items (class weights, ignored pixels).
    pub fn with_weight(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }
}

/// The loss of a model on a batch of type `X`. Closures `Fn(&M, X, &StepContext) -> Result<Loss<B>, BoxError>` are
/// objectives.
pub trait Objective<B: Backend, M, X> {
    /// The loss, with its graph.
    ///
    /// # Errors
    /// Whatever makes the batch unusable; the run ends with it.
    fn loss(&self, model: &M, batch: X, context: &StepContext) -> Result<Loss<B>, BoxError>;
}

impl<B: Backend, M, X, F> Objective<B, M, X> for F
where
    F: Fn(&M, X, &StepContext) -> Result<Loss<B>, BoxError>,
{
    fn loss(&self, model: &M, batch: X, context: &StepContext) -> Result<Loss<B>, BoxError> {
        self(model, batch, context)
    }
}

/// Batches of one epoch, each loaded when it is asked for.
pub type Batches<'a, X> = Box<dyn Iterator<Item = Result<X, BoxError>> + 'a>;

/// Where batches come from.
///
/// An epoch must be a function of its index (shuffle with a seed derived from it): a resumed run asks for the same epoch
/// again, from the middle.
pub trait BatchSource {
    /// One batch.
    type Batch;

    /// Batches per epoch, the same for every epoch.
    fn batches(&self) -> usize;

    /// The batches of `epoch` from number `start` on.
    ///
    /// # Errors
    /// Whatever prevents the epoch from starting.
    fn epoch(&self, epoch: usize, start: usize) -> Result<Batches<'_, Self::Batch>, BoxError>;
}

/// A [`BatchSource`] from a closure that makes batch `(epoch, index)`.
#[derive(Debug, Clone)]
pub struct FnSource<F> {
    batches: usize,
    make: F,
}

impl<F> FnSource<F> {
    /// A source of `batches` batches per epoch; `make(epoch, index)` gives one.
    pub fn new<X>(batches: usize, make: F) -> Self
    where
        F: Fn(usize, usize) -> Result<X, BoxError>,
    {
        Self { batches, make }
    }
}

impl<X, F> BatchSource for FnSource<F>
where
    F: Fn(usize, usize) -> Result<X, BoxError>,
{
    type Batch = X;

    fn batches(&self) -> usize {
        self.batches
    }

    fn epoch(&self, epoch: usize, start: usize) -> Result<Batches<'_, X>, BoxError> {
        Ok(Box::new(
            (start..self.batches).map(move |index| (self.make)(epoch, index)),
        ))
    }
}
