//! A low-rank residual over features: LoRA on the output of an encoder.

use burn::module::{Module, Param, ParamId};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::HeadError;

/// Numbers of a [`LowRankMap`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LowRankMapConfig {
    /// Feature dimension.
    pub dim: usize,
    /// Rank of the residual, 1 to `dim`.
    pub rank: usize,
    /// Numerator of the factor `alpha / rank`.
    pub alpha: f64,
    /// Maps of their own, each for a category; 1 is one map for all rows. With more, the residual of a row is the mean of the maps'
    /// with weights that the caller gives, class-wise LoRA as it is understood here: at test time a row's category is not known.
    pub maps: usize,
}

/// `g(z) = z + alpha / rank · Σ_m p_m z A_m B_m`, with `A [dim, rank]` random and `B [rank, dim]` zero at the start, so that `g` starts
/// as the identity.
#[derive(Module, Debug)]
pub struct LowRankMap<B: Backend> {
    /// All `A` side by side, `[dim, maps * rank]`.
    pub down: Param<Tensor<B, 2>>,
    /// All `B` below each other, `[maps * rank, dim]`.
    pub up: Param<Tensor<B, 2>>,
    /// Rank of one map.
    pub rank: usize,
    /// The factor `alpha / rank`.
    pub scale: f64,
}

impl LowRankMapConfig {
    /// A seeded map. `A` is uniform in `±1/sqrt(dim)` as in PEFT; numbers come from ChaCha8, the same on every backend.
    ///
    /// # Errors
    /// A number outside its range.
    pub fn init<B: Backend>(
        &self,
        seed: u64,
        device: &B::Device,
    ) -> Result<LowRankMap<B>, HeadError> {
        let wrong = |name, value: String, allowed: String| {
            Err(HeadError::Setting {
                name,
                value,
                allowed,
            })
        };
        if self.rank == 0 || self.rank > self.dim {
            return wrong(
                "rank",
                self.rank.to_string(),
                format!("1 to the dimension, {}", self.dim),
            );
        }
        if self.maps == 0 || self.maps > MAX_MAPS {
            return wrong("maps", self.maps.to_string(), format!("1 to {MAX_MAPS}"));
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return wrong("alpha", self.alpha.to_string(), "finite and above 0".into());
        }
        let (dim, inner) = (self.dim, self.rank * self.maps);
        let bound = 1.0 / (dim as f64).sqrt();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let down: Vec<f32> = (0..dim * inner)
            .map(|_| (bound * (2.0 * rng.random::<f64>() - 1.0)) as f32)
            .collect();
        let param = |values: Vec<f32>, shape| {
            let tensor = Tensor::from_data(TensorData::new(values, shape), device);
            Param::initialized(ParamId::new(), tensor.require_grad())
        };
        Ok(LowRankMap {
            down: param(down, [dim, inner]),
            up: param(vec![0.0; inner * dim], [inner, dim]),
            rank: self.rank,
            scale: self.alpha / self.rank as f64,
        })
    }
}

/// Most maps of their own: more categories than any data set here has are a mistake.
const MAX_MAPS: usize = 100_000;

impl<B: Backend> LowRankMap<B> {
    /// The mapped features.
    ///
    /// # Shapes
    /// - `features`, result: `[rows, dim]`
    /// - `shares`: `[rows, maps]`, the weight of every map for every row; may be left out where there is one map
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn forward(&self, features: Tensor<B, 2>, shares: Option<Tensor<B, 2>>) -> Tensor<B, 2> {
        let [rows, _] = features.dims();
        let inner = self.down.dims()[1];
        let mut low = features.clone().matmul(self.down.val());
        if let Some(shares) = shares {
            let maps = inner / self.rank;
            assert_eq!(shares.dims(), [rows, maps], "shares are [rows, maps]");
            let each = low.reshape([rows, maps, self.rank]) * shares.unsqueeze_dim::<3>(2);
            low = each.reshape([rows, inner]);
        }
        features + low.matmul(self.up.val()) * self.scale
    }
}
