//! A directory of Python peft for a LoRA or DoRA, with the model to load it onto.

use burn::tensor::backend::Backend;
use peft_lora::{BaseIdentity, PeftAdapter};

use super::super::AdaptedError;
use super::Exported;
use crate::experiment::Method;
use crate::run::Adapter;

/// Folder of the base inside the directory.
const BASE: &str = "base";

impl<B: Backend> Exported<'_, B> {
    pub(super) fn peft(&self) -> Result<(), AdaptedError> {
        let manifest = &self.model.manifest;
        let Adapter::Weights(adapter @ (PeftAdapter::Lora(_) | PeftAdapter::Dora(_))) =
            &self.model.adapter.method
        else {
            return Err(self.refuse(&format!(
                "the method {}; Python peft has LoRA and DoRA in common with this program. Export it merged, for timm",
                manifest.method.name
            )));
        };
        let method: Method =
            serde_json::from_value(manifest.method.settings.clone()).map_err(|error| {
                self.refuse(&format!(
                    "settings of the method that cannot be read: {error}"
                ))
            })?;
        let Method::Weights(method) = method else {
            return Err(self.refuse("settings of another method"));
        };
        // The name is not a path of this machine: the base lies beside.
        let base = BaseIdentity {
            name: Some(manifest.backbone.name.clone()),
            sha256: Some(manifest.backbone.sha256.clone()),
        };
        adapter.save(self.staged, &method, Some(&self.head), &base)?;
        let folder = self.staged.join(BASE);
        self.create(&folder)?;
        let mut vit = self.model.backbone.vit.clone();
        if let Some(own) = &self.model.adapter.patch_embed {
            // The adapter was trained on the trained embedding.
            vit.embed.proj = own.clone();
        }
        self.timm(&vit, &self.empty_head()?, &folder)
    }
}
