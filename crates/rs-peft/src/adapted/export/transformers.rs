//! A folder that `ViTForImageClassification` of transformers loads.

use burn::tensor::backend::Backend;
use serde_json::{Map, json};
use vit_backbone::Pooling;

use super::super::AdaptedError;
use super::Exported;
use super::weights::{self, Named};

impl<B: Backend> Exported<'_, B> {
    pub(super) fn transformers(&self) -> Result<(), AdaptedError> {
        let config = &self.model.backbone.config;
        let readout = &self.model.manifest.readout;
        let last_norm = readout.final_norm && config.final_norm;
        if readout.pooling != Pooling::ClassToken || !last_norm || !config.class_token {
            return Err(self.refuse(
                "a head that reads something else than the class token behind the final norm; export it for timm, or train with \
                 --set backbone.pooling=class_token --set backbone.final_norm=true",
            ));
        }
        if config.layer_scale.is_some() {
            return Err(self.refuse("a backbone with layer scale; export it for timm"));
        }
        if !config.pos_on_prefix {
            return Err(self.refuse("positions without the class token; export it for timm"));
        }
        let vit = self.model.merged_backbone()?;
        self.create(self.staged)?;
        let mut named = Named::new();
        for (name, (shape, values)) in weights::timm_tensors(&vit, config, self.staged)? {
            match name.split_once(".attn.qkv.") {
                Some((block, part)) => {
                    // Query, key and value, one behind the other in the fused map.
                    let rows = values.len() / 3;
                    let mut own = shape.clone();
                    own[0] /= 3;
                    for (values, which) in values.chunks_exact(rows).zip(["query", "key", "value"])
                    {
                        let name = format!(
                            "vit.encoder.{}.attention.attention.{which}.{part}",
                            layer(block)
                        );
                        named.insert(name, (own.clone(), values.to_vec()));
                    }
                }
                None => {
                    named.insert(renamed(&name), (shape, values));
                }
            }
        }
        weights::add_head(&mut named, &self.head, "classifier");
        weights::write(&named, self.staged)?;
        let classes = &self.model.manifest.classes;
        let names = classes.iter().enumerate();
        let id2label: Map<_, _> = names
            .clone()
            .map(|(id, name)| (id.to_string(), json!(name)))
            .collect();
        let label2id: Map<_, _> = names.map(|(id, name)| (name.clone(), json!(id))).collect();
        let value = json!({
            "model_type": "vit",
            "architectures": ["ViTForImageClassification"],
            "hidden_size": config.dim,
            "num_hidden_layers": config.depth,
            "num_attention_heads": config.heads,
            "intermediate_size": config.mlp_dim,
            "hidden_act": "gelu",
            "layer_norm_eps": config.layer_norm_eps,
            "image_size": config.image_size,
            "patch_size": config.patch_size,
            "num_channels": config.in_channels,
            "qkv_bias": config.qkv_bias,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "id2label": id2label,
            "label2id": label2id,
        });
        self.json("config.json", &value)
    }
}

/// `blocks.3` as transformers counts it.
fn layer(block: &str) -> String {
    block.replacen("blocks.", "layer.", 1)
}

/// A name of timm's as transformers has it.
fn renamed(name: &str) -> String {
    let outside = [
        ("cls_token", "vit.embeddings.cls_token"),
        ("pos_embed", "vit.embeddings.position_embeddings"),
        (
            "patch_embed.proj.",
            "vit.embeddings.patch_embeddings.projection.",
        ),
        ("norm.", "vit.layernorm."),
    ];
    let inside = [
        (".norm1.", ".layernorm_before."),
        (".norm2.", ".layernorm_after."),
        (".attn.proj.", ".attention.output.dense."),
        (".mlp.fc1.", ".intermediate.dense."),
        (".mlp.fc2.", ".output.dense."),
    ];
    if let Some((from, to)) = outside.iter().find(|(from, _)| name.starts_with(from)) {
        return name.replacen(from, to, 1);
    }
    let block = inside
        .iter()
        .find(|(from, _)| name.contains(from))
        .map_or_else(|| name.to_owned(), |(from, to)| name.replacen(from, to, 1));
    format!("vit.encoder.{}", layer(&block))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_libraries() {
        for (timm, transformers) in [
            ("cls_token", "vit.embeddings.cls_token"),
            (
                "patch_embed.proj.weight",
                "vit.embeddings.patch_embeddings.projection.weight",
            ),
            ("norm.bias", "vit.layernorm.bias"),
            (
                "blocks.11.norm1.weight",
                "vit.encoder.layer.11.layernorm_before.weight",
            ),
            (
                "blocks.0.attn.proj.bias",
                "vit.encoder.layer.0.attention.output.dense.bias",
            ),
            (
                "blocks.0.mlp.fc2.weight",
                "vit.encoder.layer.0.output.dense.weight",
            ),
        ] {
            assert_eq!(renamed(timm), transformers);
        }
    }
}
