//! The tensors of a model in memory under their names and in the layout of a timm checkpoint.

use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::build::transpose;
use crate::{LayerNorm, LinearMap, PositionTable, Vit};

/// One tensor of a model.
pub(crate) enum NamedParameter<B: Backend> {
    /// A linear weight, `[in, out]` here; `shape` is that of the checkpoint, outputs first.
    Weight {
        weight: Tensor<B, 2>,
        shape: Vec<usize>,
    },
    /// A bias or a factor per channel.
    Vector(Tensor<B, 1>),
    /// Tokens of a network that makes weights.
    Rows(Tensor<B, 2>),
    /// Tokens or positions.
    Tokens(Tensor<B, 3>),
}

impl<B: Backend> NamedParameter<B> {
    /// The shape in a checkpoint.
    pub(crate) fn shape(&self) -> Vec<usize> {
        match self {
            Self::Weight { shape, .. } => shape.clone(),
            Self::Vector(vector) => vector.dims().to_vec(),
            Self::Rows(rows) => rows.dims().to_vec(),
            Self::Tokens(tokens) => tokens.dims().to_vec(),
        }
    }

    /// The values in the order of a checkpoint.
    pub(crate) fn values(self) -> Vec<f32> {
        match self {
            Self::Weight { weight, .. } => {
                let [inputs, outputs] = weight.dims();
                transpose(
                    &weight.into_data().iter::<f32>().collect::<Vec<_>>(),
                    inputs,
                    outputs,
                )
            }
            Self::Vector(vector) => vector.into_data().iter::<f32>().collect(),
            Self::Rows(rows) => rows.into_data().iter::<f32>().collect(),
            Self::Tokens(tokens) => tokens.into_data().iter::<f32>().collect(),
        }
    }
}

/// Every tensor of a model, in the order in which a checkpoint is written. Tensors are shared, not copied.
pub(crate) fn named_parameters<B: Backend>(vit: &Vit<B>) -> Vec<(String, NamedParameter<B>)> {
    let mut list = Vec::new();
    let embed = &vit.embed;
    if let Some(spectral) = &embed.spectral {
        let generator = "patch_embed.weight_generator.";
        for (name, tokens) in [
            ("weight_tokens", &spectral.weight_tokens),
            ("bias_token", &spectral.bias_token),
        ] {
            list.push((
                format!("{generator}{name}"),
                NamedParameter::Rows(tokens.val()),
            ));
        }
        for (number, (module, name, linear)) in spectral.linears().into_iter().enumerate() {
            if number == 4 {
                for (name, norm) in [("norm1", &spectral.norm1), ("norm2", &spectral.norm2)] {
                    let name = format!("{generator}transformer_encoder.layers.0.{name}");
                    push_norm(&mut list, &name, norm);
                }
            }
            let [inputs, outputs] = linear.weight.dims();
            list.push((
                format!("{module}{name}weight"),
                NamedParameter::Weight {
                    weight: linear.weight.val(),
                    shape: vec![outputs, inputs],
                },
            ));
            if let Some(bias) = &linear.bias {
                list.push((
                    format!("{module}{name}bias"),
                    NamedParameter::Vector(bias.val()),
                ));
            }
        }
    }
    for (name, proj) in embed.projections() {
        let [inputs, dim] = proj.weight.dims();
        let p = embed.patch_size;
        let channels = inputs / (p * p);
        let shape = match embed.frames {
            None => vec![dim, channels, p, p],
            Some(_) => vec![dim, channels, 1, p, p],
        };
        push_linear(&mut list, &name, proj, shape);
    }
    for (name, token) in [
        ("cls_token", &embed.class_token),
        ("reg_token", &embed.register_tokens),
    ] {
        if let Some(token) = token {
            list.push((name.into(), NamedParameter::Tokens(token.val())));
        }
    }
    for (name, table) in embed.tables() {
        if let Some(table) = table.table() {
            list.push((name.into(), NamedParameter::Tokens(table)));
        }
    }
    if let PositionTable::Rotary(positions) = &embed.positions {
        let device = embed.proj.weight.device();
        let periods = Tensor::from_floats(positions.periods.as_slice(), &device);
        list.push(("rope_embed.periods".into(), NamedParameter::Vector(periods)));
    }
    if let Some(coordinates) = &embed.coordinates {
        for (name, scale) in [
            ("temporal_embed_enc.scale", &coordinates.date_scale),
            ("location_embed_enc.scale", &coordinates.place_scale),
        ] {
            list.push((name.into(), NamedParameter::Vector(scale.val())));
        }
    }
    if let Some(norm) = &vit.norm_pre {
        push_norm(&mut list, "norm_pre", norm);
    }
    for (number, block) in vit.blocks.iter().enumerate() {
        let at = |name: &str| format!("blocks.{number}.{name}");
        push_norm(&mut list, &at("norm1"), &block.norm1);
        push_map(&mut list, &at(LinearMap::Qkv.name()), &block.attn.qkv);
        push_map(&mut list, &at(LinearMap::Proj.name()), &block.attn.proj);
        if let Some(scale) = &block.ls1 {
            list.push((at("ls1.gamma"), NamedParameter::Vector(scale.gamma.val())));
        }
        push_norm(&mut list, &at("norm2"), &block.norm2);
        push_map(&mut list, &at(LinearMap::Fc1.name()), &block.mlp.fc1);
        push_map(&mut list, &at(LinearMap::Fc2.name()), &block.mlp.fc2);
        if let Some(scale) = &block.ls2 {
            list.push((at("ls2.gamma"), NamedParameter::Vector(scale.gamma.val())));
        }
    }
    if let Some(norm) = &vit.norm {
        push_norm(&mut list, "norm", norm);
    }
    if let Some(projection) = &vit.projection {
        push_map(&mut list, "head", projection);
    }
    list
}

fn push_map<B: Backend>(
    list: &mut Vec<(String, NamedParameter<B>)>,
    name: &str,
    linear: &Linear<B>,
) {
    let [inputs, outputs] = linear.weight.dims();
    push_linear(list, name, linear, vec![outputs, inputs]);
}

fn push_linear<B: Backend>(
    list: &mut Vec<(String, NamedParameter<B>)>,
    name: &str,
    linear: &Linear<B>,
    shape: Vec<usize>,
) {
    list.push((
        format!("{name}.weight"),
        NamedParameter::Weight {
            weight: linear.weight.val(),
            shape,
        },
    ));
    if let Some(bias) = &linear.bias {
        list.push((format!("{name}.bias"), NamedParameter::Vector(bias.val())));
    }
}

fn push_norm<B: Backend>(
    list: &mut Vec<(String, NamedParameter<B>)>,
    name: &str,
    norm: &LayerNorm<B>,
) {
    list.push((
        format!("{name}.weight"),
        NamedParameter::Vector(norm.gamma.val()),
    ));
    if let Some(beta) = &norm.beta {
        list.push((format!("{name}.bias"), NamedParameter::Vector(beta.val())));
    }
}
