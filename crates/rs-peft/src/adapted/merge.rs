//! Writing an adapter into a copy of its backbone, as a checkpoint with timm's names.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::backend::Backend;
use peft_lora::{Frozen, PeftAdapter};
use rs_datasets::Step;
use vit_backbone::{Dtype, SaveReport, Vit, save_vit};

use super::{AdaptedError, AdaptedModel};
use crate::run::backbone::Backbone;
use crate::run::{Adapter, INPUT_METADATA, InputAdapter};

impl<B: Backend> AdaptedModel<B> {
    /// The backbone that computes, without any adapter, what this model's backbone computes with its adapter.
    ///
    /// # Errors
    /// [`AdaptedError::NotMergeable`] for DEFLECT, whose pixels of other bands no weights of the backbone see;
    /// [`peft_lora::PeftError::NotMergeable`] for methods that are no weights.
    pub fn merged_backbone(&self) -> Result<Vit<B>, AdaptedError> {
        let Adapter::Weights(adapter) = &self.adapter.method else {
            return Err(AdaptedError::NotMergeable {
                method: self.manifest.method.name.clone(),
                why: "it reads bands that the backbone has no weights for".into(),
            });
        };
        let mut base = self.backbone.vit.clone();
        if let Some(own) = &self.adapter.patch_embed {
            // The method acts on the trained embedding as on the base's.
            base.embed.proj = own.clone();
        }
        Ok(adapter.merge(&base)?)
    }

    /// The same model without an adapter: its backbone is [`AdaptedModel::merged_backbone`].
    ///
    /// # Errors
    /// As [`AdaptedModel::merged_backbone`].
    pub fn merged(self) -> Result<Self, AdaptedError> {
        let vit = self.merged_backbone()?;
        Ok(Self {
            adapter: InputAdapter {
                method: Adapter::Weights(PeftAdapter::Frozen(Frozen::new())),
                patch_embed: None,
            },
            backbone: Backbone {
                vit,
                ..self.backbone
            },
            ..self
        })
    }

    /// Writes the merged backbone as safetensors, single precision, timm's names. The head is not among them. Where one set of
    /// statistics standardises all channels, it stands in the metadata, so that the file is a backbone of its own.
    ///
    /// # Errors
    /// As [`AdaptedModel::merged_backbone`], and when the file cannot be written.
    pub fn save_merged(&self, path: &Path) -> Result<SaveReport, AdaptedError> {
        let merged = self.merged_backbone()?;
        let mut metadata = BTreeMap::from([
            (
                "name".to_owned(),
                format!(
                    "{} with {} merged",
                    self.manifest.backbone.name, self.manifest.method.name
                ),
            ),
            (
                "base_sha256".to_owned(),
                self.manifest.backbone.sha256.clone(),
            ),
        ]);
        let statistics: Vec<_> = self
            .manifest
            .input
            .steps
            .parts
            .iter()
            .flat_map(|part| &part.steps)
            .filter_map(|step| match step {
                Step::Normalise(normalise) => Some(&normalise.statistics),
                _ => None,
            })
            .collect();
        if let [only] = statistics.as_slice()
            && let Ok(text) = serde_json::to_string(only)
        {
            metadata.insert(INPUT_METADATA.into(), text);
        }
        Ok(save_vit(
            &merged,
            &self.backbone.config,
            path,
            Dtype::F32,
            &metadata,
        )?)
    }
}
