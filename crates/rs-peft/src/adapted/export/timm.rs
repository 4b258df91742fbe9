//! A folder that timm loads as it loads one of the Hugging Face hub: `model.safetensors` and `config.json`.

use std::path::Path;

use burn::tensor::backend::Backend;
use peft_lora::SavedHead;
use serde_json::json;
use vit_backbone::{Pooling, Vit};

use super::super::AdaptedError;
use super::{Exported, weights, write_json};

/// The epsilon of timm's vision transformers, which its configuration cannot change.
const EPS: f64 = 1e-6;

impl<B: Backend> Exported<'_, B> {
    /// Writes a backbone with a head.
    pub(super) fn timm(
        &self,
        vit: &Vit<B>,
        head: &SavedHead,
        folder: &Path,
    ) -> Result<(), AdaptedError> {
        let config = &self.model.backbone.config;
        let readout = &self.model.manifest.readout;
        if (config.layer_norm_eps / EPS - 1.0).abs() > 1e-3 {
            let eps = config.layer_norm_eps;
            return Err(self.refuse(&format!(
                "an epsilon of {eps} in its norms, where timm has {EPS}"
            )));
        }
        let mut named = weights::timm_tensors(vit, config, self.staged)?;
        let final_norm = readout.final_norm && config.final_norm;
        if !final_norm {
            named.retain(|name, _| !name.starts_with("norm."));
        }
        weights::add_head(&mut named, head, "head");
        weights::write(&named, folder)?;

        let pool = match readout.pooling {
            Pooling::ClassToken => "token",
            _ => "avg",
        };
        // timm truncates dim * ratio to a whole number.
        let (dim, mlp) = (config.dim, config.mlp_dim);
        let ratio = if mlp % dim == 0 {
            (mlp / dim) as f64
        } else {
            (mlp as f64 + 0.5) / dim as f64
        };
        let classes = &self.model.manifest.classes;
        let extent = [config.in_channels, config.image_size, config.image_size];
        let value = json!({
            // Any vision transformer of timm: every size is among the arguments.
            "architecture": "vit_base_patch16_224",
            "num_classes": classes.len(),
            "num_features": dim,
            "global_pool": pool,
            "label_names": classes,
            "model_args": {
                "img_size": config.image_size, "patch_size": config.patch_size, "in_chans": config.in_channels,
                "embed_dim": dim, "depth": config.depth, "num_heads": config.heads, "mlp_ratio": ratio,
                "qkv_bias": config.qkv_bias, "init_values": config.layer_scale, "class_token": config.class_token,
                "no_embed_class": !config.pos_on_prefix, "global_pool": pool, "fc_norm": false, "final_norm": final_norm,
            },
            "pretrained_cfg": {
                "input_size": extent, "fixed_input_size": true, "num_classes": classes.len(), "classifier": "head",
                // Inputs are normalised before they reach the model: see rs_peft_input.json.
                "mean": vec![0.0; extent[0]], "std": vec![1.0; extent[0]],
            },
        });
        write_json(&folder.join("config.json"), &value)
    }
}
