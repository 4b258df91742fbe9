//! What the integration tests share: golden weights as a parameter source, and gradients by checkpoint name.

#![allow(dead_code, unreachable_pub)] // each test binary uses a part

use std::io::Write;
use std::path::Path;

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use serde_json::json;
use testkit::{Golden, Tolerance, assert_close};
use vit_backbone::{
    BackboneError, Block, InitRule, NormSite, ParameterSource, SpectralEmbed, Vit, VitConfig,
};

/// Reads parameters out of a golden file and checks their shapes.
pub struct GoldenSource(pub Golden);

impl ParameterSource for GoldenSource {
    fn values(
        &mut self,
        name: &str,
        shape: &[usize],
        _: InitRule,
    ) -> Result<Vec<f32>, BackboneError> {
        let data = self.0.data(name);
        assert_eq!(data.shape.to_vec(), shape, "{name}");
        Ok(self.0.floats(name))
    }
}

/// Compares and prints the error, so that the largest per backend can be read off the test output.
pub fn close<B: AutodiffBackend>(actual: TensorData, golden: &Golden, name: &str) {
    let device = B::Device::default();
    let error = assert_close(&actual, golden.data(name), Tolerance::F32, name);
    println!("{} {name}: {error:.2e}", B::name(&device));
}

/// The gradient of a parameter of a block, by its name inside the block, in the layout of a checkpoint.
pub fn block_gradient<B: AutodiffBackend>(
    block: &Block<B>,
    name: &str,
    grads: &B::Gradients,
) -> TensorData {
    match name {
        "norm1.weight" => vector(&block.norm1.gamma, grads),
        "norm2.bias" => vector(block.norm2.beta.as_ref().unwrap(), grads),
        "attn.qkv.weight" => matrix(&block.attn.qkv, grads),
        "attn.qkv.bias" => vector(block.attn.qkv.bias.as_ref().unwrap(), grads),
        "attn.proj.weight" => matrix(&block.attn.proj, grads),
        "mlp.fc1.weight" => matrix(&block.mlp.fc1, grads),
        "mlp.fc2.weight" => matrix(&block.mlp.fc2, grads),
        "mlp.fc2.bias" => vector(block.mlp.fc2.bias.as_ref().unwrap(), grads),
        "ls1.gamma" => vector(&block.ls1.as_ref().unwrap().gamma, grads),
        "ls2.gamma" => vector(&block.ls2.as_ref().unwrap().gamma, grads),
        other => panic!("no gradient of {other} in this table"),
    }
}

/// The gradient of a parameter of a model, by its name and in the layout of a checkpoint.
pub fn gradient<B: AutodiffBackend>(vit: &Vit<B>, name: &str, grads: &B::Gradients) -> TensorData {
    if let Some((block, rest)) = name
        .strip_prefix("blocks.")
        .and_then(|rest| rest.split_once('.'))
    {
        return block_gradient(&vit.blocks[block.parse::<usize>().unwrap()], rest, grads);
    }
    let embed = &vit.embed;
    for (stem, proj) in embed.projections() {
        match name.strip_prefix(&stem) {
            Some(".weight") => {
                let mut data = matrix(proj, grads);
                let p = embed.patch_size;
                let [outputs, inputs] = [data.shape[0], data.shape[1]];
                data.shape = match embed.frames {
                    None => vec![outputs, inputs / (p * p), p, p].into(),
                    Some(_) => vec![outputs, inputs / (p * p), 1, p, p].into(),
                };
                return data;
            }
            Some(".bias") => return vector(proj.bias.as_ref().unwrap(), grads),
            _ => {}
        }
    }
    if let Some((_, table)) = embed.tables().into_iter().find(|(table, _)| *table == name) {
        return match table {
            vit_backbone::PositionTable::Learned(table) => tokens(table, grads),
            other => panic!("{other:?} has no gradient"),
        };
    }
    match name {
        "cls_token" => tokens(embed.class_token.as_ref().unwrap(), grads),
        "reg_token" => tokens(embed.register_tokens.as_ref().unwrap(), grads),
        "temporal_embed_enc.scale" => {
            vector(&embed.coordinates.as_ref().unwrap().date_scale, grads)
        }
        "location_embed_enc.scale" => {
            vector(&embed.coordinates.as_ref().unwrap().place_scale, grads)
        }
        "norm_pre.weight" => vector(&vit.norm_layer(NormSite::Pre).unwrap().gamma, grads),
        "head.weight" => matrix(vit.projection.as_ref().unwrap(), grads),
        "norm.weight" => vector(&vit.norm_layer(NormSite::Final).unwrap().gamma, grads),
        "norm.bias" => vector(
            vit.norm_layer(NormSite::Final)
                .unwrap()
                .beta
                .as_ref()
                .unwrap(),
            grads,
        ),
        other => panic!("no gradient of {other} in this table"),
    }
}

/// The gradient of a parameter of the network that makes a patch embedding.
pub fn spectral_gradient<B: AutodiffBackend>(
    spectral: &SpectralEmbed<B>,
    name: &str,
    grads: &B::Gradients,
) -> TensorData {
    let rest = name.trim_start_matches("patch_embed.");
    let rest = rest.trim_start_matches("weight_generator.");
    match rest.trim_start_matches("transformer_encoder.layers.0.") {
        "weight_tokens" => rows(&spectral.weight_tokens, grads),
        "bias_token" => rows(&spectral.bias_token, grads),
        "fc_weight.weight" => matrix(&spectral.fc_weight, grads),
        "fc_bias.bias" => vector(spectral.fc_bias.bias.as_ref().unwrap(), grads),
        "self_attn.in_proj_weight" => matrix(&spectral.in_proj, grads),
        "norm1.weight" => vector(&spectral.norm1.gamma, grads),
        "fclayer.w1.weight" => matrix(&spectral.w1, grads),
        other => panic!("no gradient of {other} in this table"),
    }
}

fn rows<B: AutodiffBackend>(param: &Param<Tensor<B, 2>>, grads: &B::Gradients) -> TensorData {
    param.val().grad(grads).expect("a gradient").into_data()
}

pub fn vector<B: AutodiffBackend>(param: &Param<Tensor<B, 1>>, grads: &B::Gradients) -> TensorData {
    param.val().grad(grads).expect("a gradient").into_data()
}

pub fn tokens<B: AutodiffBackend>(param: &Param<Tensor<B, 3>>, grads: &B::Gradients) -> TensorData {
    param.val().grad(grads).expect("a gradient").into_data()
}

pub fn matrix<B: AutodiffBackend>(linear: &Linear<B>, grads: &B::Gradients) -> TensorData {
    linear
        .weight
        .val()
        .grad(grads)
        .expect("a gradient")
        .transpose()
        .into_data()
}

/// Writes a safetensors file of these shapes whose values are a hole in the file: no weight is allocated or stored.
pub fn sparse(path: &Path, tensors: &[(String, Vec<usize>)]) {
    let mut header = serde_json::Map::new();
    let mut end = 0u64;
    for (name, shape) in tensors {
        let start = end;
        end += 4 * shape.iter().product::<usize>() as u64;
        header.insert(
            name.clone(),
            json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }),
        );
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes())
        .unwrap();
    file.write_all(&header).unwrap();
    file.set_len(8 + header.len() as u64 + end).unwrap();
}

/// Names and shapes of a plain preset in timm's naming.
pub fn shapes(config: &VitConfig) -> Vec<(String, Vec<usize>)> {
    let d = config.dim;
    let p = config.patch_size;
    let mut list: Vec<(String, Vec<usize>)> = vec![
        ("cls_token".into(), vec![1, 1, d]),
        ("pos_embed".into(), vec![1, config.position_rows(), d]),
        ("norm.weight".into(), vec![d]),
        ("norm.bias".into(), vec![d]),
        (
            "patch_embed.proj.weight".into(),
            vec![d, config.in_channels, p, p],
        ),
        ("patch_embed.proj.bias".into(), vec![d]),
    ];
    for block in 0..config.depth {
        for (name, shape) in [
            ("norm1.weight", vec![d]),
            ("norm1.bias", vec![d]),
            ("attn.qkv.weight", vec![3 * d, d]),
            ("attn.qkv.bias", vec![3 * d]),
            ("attn.proj.weight", vec![d, d]),
            ("attn.proj.bias", vec![d]),
            ("norm2.weight", vec![d]),
            ("norm2.bias", vec![d]),
            ("mlp.fc1.weight", vec![config.mlp_dim, d]),
            ("mlp.fc1.bias", vec![config.mlp_dim]),
            ("mlp.fc2.weight", vec![d, config.mlp_dim]),
            ("mlp.fc2.bias", vec![d]),
        ] {
            list.push((format!("blocks.{block}.{name}"), shape));
        }
    }
    list
}
