//! LoRAs as PEFT stores them: one pair of matrices per linear map.
//!
//! PEFT knows no parts of a fused map. An adapter of query and value alone is written as one of the whole map with the sum of
//! the ranks and block structure, which computes the same function:
//!
//! ```text
//!     A = [A_q; A_v]   [2r, in]          B = [B_q  0 ]
//!                                            [ 0   0 ]   [3 dim, 2r]
//!                                            [ 0  B_v]
//! ```
//!
//! Its alpha is chosen so that the scale stays `s`: `2 alpha` where the scale is alpha over rank, `sqrt(2) alpha` with rsLoRA. If
//! the parts have different scales, the fused map gets the first part's, and the other `B`s are multiplied by the ratio.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use vit_backbone::LinearSite;

use super::array::HostArray;
use super::vit_names::host_transposed;
use crate::methods::{Lora, LoraMap};
use crate::params::trainable;
use crate::place::Target;
use crate::targets::PlannedMap;

/// The update of one whole linear map, in PyTorch's layout.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FusedMap {
    pub(crate) site: LinearSite,
    /// Numerator of the scale.
    pub(crate) alpha: f64,
    /// `lora_A.weight`, `[rank, inputs]`.
    pub(crate) a: HostArray,
    /// `lora_B.weight`, `[outputs, rank]`.
    pub(crate) b: HostArray,
}

impl FusedMap {
    pub(crate) fn rank(&self) -> usize {
        self.a.shape[0]
    }
}

/// The divisor of alpha.
pub(crate) fn divisor(rank: usize, rslora: bool) -> f64 {
    if rslora {
        (rank as f64).sqrt()
    } else {
        rank as f64
    }
}

/// The whole maps of an adapter, parts joined.
pub(crate) fn fuse<B: Backend>(lora: &Lora<B>) -> Vec<FusedMap> {
    let groups = lora
        .maps
        .chunk_by(|x, y| x.plan.target.site == y.plan.target.site);
    groups
        .map(|group| fuse_site(group, lora.dim, lora.rslora))
        .collect()
}

/// Joins the maps of one place; they are neighbours, and either one whole map or parts.
fn fuse_site<B: Backend>(group: &[LoraMap<B>], dim: usize, rslora: bool) -> FusedMap {
    let first = &group[0].plan;
    let rank: usize = group.iter().map(|map| map.plan.rank).sum();
    if first.target.part.is_none() {
        return FusedMap {
            site: first.target.site,
            alpha: first.alpha,
            a: host_transposed(group[0].down.val()),
            b: host_transposed(group[0].up.val()),
        };
    }
    let mut a = Vec::with_capacity(rank * first.inputs);
    let mut b = vec![0.0; 3 * dim * rank];
    let mut column = 0;
    for map in group {
        a.extend(host_transposed(map.down.val()).data);
        let up = host_transposed(map.up.val());
        let ratio = map.plan.scale / first.scale;
        let row = map.plan.target.part.map_or(0, |part| part as usize) * dim;
        for (out, values) in up.data.chunks_exact(map.plan.rank).enumerate() {
            let start = (row + out) * rank + column;
            for (slot, value) in b[start..start + map.plan.rank].iter_mut().zip(values) {
                *slot = scaled(*value, ratio);
            }
        }
        column += map.plan.rank;
    }
    // Exact for equal parts: alpha times the number of parts, or times its square root.
    let alpha = first.alpha * divisor(rank, rslora) / divisor(first.rank, rslora);
    FusedMap {
        site: first.target.site,
        alpha,
        a: HostArray {
            shape: vec![rank, first.inputs],
            data: a,
        },
        b: HostArray {
            shape: vec![3 * dim, rank],
            data: b,
        },
    }
}

/// Multiplies, but leaves the bits alone where the factor is 1 up to rounding.
fn scaled(value: f32, ratio: f64) -> f32 {
    if (ratio - 1.0).abs() < 1e-12 {
        value
    } else {
        (f64::from(value) * ratio) as f32
    }
}

/// The adapter of one whole map.
pub(crate) fn whole<B: Backend>(map: &FusedMap, rslora: bool, device: &B::Device) -> LoraMap<B> {
    let (rank, inputs, outputs) = (map.rank(), map.a.shape[1], map.b.shape[0]);
    let plan = PlannedMap {
        target: Target::whole(map.site),
        rank,
        alpha: map.alpha,
        scale: map.alpha / divisor(rank, rslora),
        inputs,
        outputs,
    };
    build(plan, &map.a, &map.b, device)
}

/// The adapters of the planned parts, or `None` if the map has not the block structure that such parts have.
pub(crate) fn split<B: Backend>(
    map: &FusedMap,
    plans: &[PlannedMap],
    rslora: bool,
    device: &B::Device,
) -> Option<Vec<LoraMap<B>>> {
    let rank = map.rank();
    if plans.iter().map(|plan| plan.rank).sum::<usize>() != rank
        || plans.iter().any(|p| p.inputs != map.a.shape[1])
    {
        return None;
    }
    let scale = map.alpha / divisor(rank, rslora);
    let (mut column, mut used, mut maps) = (0, 0, Vec::with_capacity(plans.len()));
    for plan in plans {
        let dim = plan.outputs;
        let row = plan.target.part? as usize * dim;
        let a = map.a.data[column * plan.inputs..(column + plan.rank) * plan.inputs].to_vec();
        let ratio = scale / plan.scale;
        let mut b = Vec::with_capacity(dim * plan.rank);
        for out in row..row + dim {
            let start = out * rank + column;
            b.extend(
                map.b.data[start..start + plan.rank]
                    .iter()
                    .map(|value| scaled(*value, ratio)),
            );
        }
        used += b.iter().filter(|value| **value != 0.0).count();
        let a = HostArray {
            shape: vec![plan.rank, plan.inputs],
            data: a,
        };
        let b = HostArray {
            shape: vec![dim, plan.rank],
            data: b,
        };
        maps.push(build(*plan, &a, &b, device));
        column += plan.rank;
    }
    // Every value outside the blocks must be zero, or splitting would lose it.
    (used == map.b.data.iter().filter(|value| **value != 0.0).count()).then_some(maps)
}

fn build<B: Backend>(
    plan: PlannedMap,
    a: &HostArray,
    b: &HostArray,
    device: &B::Device,
) -> LoraMap<B> {
    LoraMap {
        down: trainable(matrix(a, device)),
        up: trainable(matrix(b, device)),
        plan,
    }
}

/// A matrix in burn's layout of one in PyTorch's.
fn matrix<B: Backend>(array: &HostArray, device: &B::Device) -> Tensor<B, 2> {
    let transposed = array.transposed();
    Tensor::from_data(TensorData::new(transposed.data, transposed.shape), device)
}
