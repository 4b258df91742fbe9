//! The parameters of a whole backbone under the names and in the shapes of a timm checkpoint, both ways.

use std::collections::BTreeMap;

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use vit_backbone::{
    BackboneError, InitRule, LayerNorm, LayerScaleSite, ParameterSource, PositionTable, Vit,
    VitConfig,
};

use super::array::HostArray;

/// Where the backbone's own projection stands: its name in a checkpoint, `head`, is that of the task's head in these files.
const PROJECTION: &str = "projection";

/// Arrays by name.
pub(crate) type Named = BTreeMap<String, HostArray>;

/// The values of a tensor.
pub(crate) fn host<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> HostArray {
    let data = tensor.detach().into_data();
    HostArray {
        shape: data.shape.to_vec(),
        data: data.iter::<f32>().collect(),
    }
}

/// A matrix in PyTorch's layout, `[out, in]`, of one in burn's, `[in, out]`.
pub(crate) fn host_transposed<B: Backend>(tensor: Tensor<B, 2>) -> HostArray {
    host(tensor).transposed()
}

/// Every trainable parameter of a backbone by its name, and what else a model cannot be built without.
pub(crate) fn named_parameters<B: Backend>(vit: &Vit<B>) -> Named {
    let mut named = Named::new();
    let embed = &vit.embed;
    for (name, proj) in embed.projections() {
        insert_linear(&mut named, &name, proj);
        if let Some(weight) = named.get_mut(&format!("{name}.weight")) {
            // Held as a matrix here, published as a convolution.
            let side = embed.patch_size;
            let channels = weight.shape[1] / (side * side);
            weight.shape = match embed.frames {
                None => vec![weight.shape[0], channels, side, side],
                Some(_) => vec![weight.shape[0], channels, 1, side, side],
            };
        }
    }
    insert(&mut named, "cls_token", embed.class_token.as_ref());
    insert(&mut named, "reg_token", embed.register_tokens.as_ref());
    for (name, table) in embed.tables() {
        if let PositionTable::Learned(table) = table {
            insert(&mut named, name, Some(table));
        }
    }
    if let PositionTable::Rotary(positions) = &embed.positions {
        // Not trained, but part of the model: files may hold them rounded.
        let array = HostArray {
            shape: vec![positions.periods.len()],
            data: positions.periods.clone(),
        };
        named.insert("rope_embed.periods".into(), array);
    }
    if let Some(coordinates) = &embed.coordinates {
        let scales = [
            ("temporal_embed_enc.scale", &coordinates.date_scale),
            ("location_embed_enc.scale", &coordinates.place_scale),
        ];
        for (name, scale) in scales {
            insert(&mut named, name, Some(scale));
        }
    }
    if let Some(projection) = &vit.projection {
        insert_linear(&mut named, PROJECTION, projection);
    }
    for site in vit.linear_sites() {
        insert_linear(&mut named, &site.to_string(), vit.linear(site));
    }
    for site in vit.norm_sites() {
        if let Some(norm) = vit.norm_layer(site) {
            insert_norm(&mut named, &site.to_string(), norm);
        }
    }
    for (index, block) in vit.blocks.iter().enumerate() {
        let scales = [
            (LayerScaleSite::Ls1(index), &block.ls1),
            (LayerScaleSite::Ls2(index), &block.ls2),
        ];
        for (site, scale) in scales {
            insert(
                &mut named,
                &format!("{site}.gamma"),
                scale.as_ref().map(|scale| &scale.gamma),
            );
        }
    }
    named
}

fn insert<B: Backend, const D: usize>(
    named: &mut Named,
    name: &str,
    param: Option<&Param<Tensor<B, D>>>,
) {
    if let Some(param) = param {
        named.insert(name.to_owned(), host(param.val()));
    }
}

fn insert_linear<B: Backend>(named: &mut Named, name: &str, linear: &Linear<B>) {
    named.insert(
        format!("{name}.weight"),
        host_transposed(linear.weight.val()),
    );
    insert(named, &format!("{name}.bias"), linear.bias.as_ref());
}

/// Gain and bias of a norm under the names `{name}.weight` and `{name}.bias`.
fn insert_norm<B: Backend>(named: &mut Named, name: &str, norm: &LayerNorm<B>) {
    insert(named, &format!("{name}.weight"), Some(&norm.gamma));
    insert(named, &format!("{name}.bias"), norm.beta.as_ref());
}

/// A backbone with these values, whose names and shapes were checked against those of [`named_parameters`].
pub(crate) fn vit_of<B: Backend>(
    config: &VitConfig,
    values: Named,
    device: &B::Device,
) -> Result<Vit<B>, BackboneError> {
    Vit::from_source(config, &mut Once(values), device)
}

/// Gives each value once.
struct Once(Named);

impl ParameterSource for Once {
    fn values(
        &mut self,
        name: &str,
        shape: &[usize],
        _rule: InitRule,
    ) -> Result<Vec<f32>, BackboneError> {
        let stored = match name.strip_prefix("head.") {
            Some(rest) => format!("{PROJECTION}.{rest}"),
            None => name.to_owned(),
        };
        match self.0.remove(&stored) {
            Some(array) if array.shape == shape => Ok(array.data),
            found => Err(BackboneError::Config {
                field: "parameter",
                found: format!("{name}: {:?}", found.map(|array| array.shape)),
                expected: format!("{shape:?}"),
            }),
        }
    }
}
