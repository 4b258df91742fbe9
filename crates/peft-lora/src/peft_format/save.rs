//! Saving an adapter with its head as a directory.

use std::path::Path;

use burn::tensor::backend::Backend;
use serde::Serialize;
use serde_json::{Value, json};

use super::PREFIX;
use super::array::SavedHead;
use super::base::BaseIdentity;
use super::describe::{common_json, describe, lora_json};
use super::directory::{
    CONFIG_FILE, EXTRA_FILE, RECORD_FILE, TENSOR_FILE, replace_directory, write_file,
};
use super::fused::fuse;
use super::ia3_file::ia3_json;
use super::methods::{arrays_of, peft_type};
use super::record::Record;
use super::tensors::tensor_bytes;
use crate::adapter::PeftAdapter;
use crate::config::{MethodConfig, invalid};
use crate::error::PeftError;
use crate::lora_config::LoraConfig;
use crate::methods::Lora;
use crate::seal;

impl<B: Backend> PeftAdapter<B> {
    /// Writes the adapter and its head as a PEFT directory, whole or not at all; see [the format](crate::peft_format).
    ///
    /// A directory that already holds an adapter is replaced.
    ///
    /// # Errors
    /// [`PeftError::NotFinite`] for diverged weights, [`PeftError::Head`], [`PeftError::InvalidConfig`] for a malformed hash or a
    /// `method` that is not this adapter's, [`PeftError::NotAnAdapterDirectory`], [`PeftError::Io`].
    pub fn save(
        &self,
        directory: &Path,
        method: &MethodConfig,
        head: Option<&SavedHead>,
        base: &BaseIdentity,
    ) -> Result<(), PeftError> {
        if self.method_name() != method.name() {
            return Err(invalid(
                "method",
                method.name(),
                format!("`{}`, the method of this adapter", self.method_name()),
            ));
        }
        method.validate()?;
        base.check()?;
        let name = base.name.as_deref();
        let saves_head = head.is_some();
        let described = |lora: &Lora<B>, settings: &LoraConfig| {
            describe(
                &fuse(lora),
                lora.depth,
                settings.dropout,
                settings.rslora,
                settings.init,
                settings.bias,
            )
        };
        let config = match (self, method) {
            (Self::Lora(lora), MethodConfig::Lora(settings)) => {
                lora_json(&described(lora, settings), false, saves_head, name)
            }
            (Self::Dora(dora), MethodConfig::Dora(settings)) => {
                lora_json(&described(&dora.lora, settings), true, saves_head, name)
            }
            (Self::Ia3(ia3), _) => ia3_json(ia3, saves_head, name),
            _ => {
                let kind = peft_type(method);
                Value::Object(common_json(&kind, targets(method), saves_head, name))
            }
        };
        let mut arrays = arrays_of(self);
        if let Some(head) = head {
            head.validate()?;
            arrays.insert("head.weight".into(), head.weight.clone());
            if let Some(bias) = &head.bias {
                arrays.insert("head.bias".into(), bias.clone());
            }
        }
        let tensors = arrays
            .into_iter()
            .map(|(key, array)| (format!("{PREFIX}{key}"), array))
            .collect();
        let mut files = vec![
            (CONFIG_FILE, json_bytes(directory, &config)?),
            (
                TENSOR_FILE,
                tensor_bytes(&directory.join(TENSOR_FILE), &tensors)?,
            ),
        ];
        if let Some(head) = head.filter(|head| !head.extra.is_empty()) {
            files.push((
                EXTRA_FILE,
                tensor_bytes(&directory.join(EXTRA_FILE), &head.extra)?,
            ));
        }
        let record = Record::new(method.clone(), base.sha256.clone(), &files);
        let record = seal::close_json(&json_bytes(directory, &record)?);
        files.push((RECORD_FILE, record));
        replace_directory(directory, &files, write_file)
    }

    /// The name of the adapter's method in files.
    pub fn method_name(&self) -> &'static str {
        match self {
            Self::Frozen(_) => "frozen",
            Self::Full(_) => "full",
            Self::Scratch(_) => "scratch",
            Self::NormTuning(_) => "norm_tuning",
            Self::BitFit(_) => "bitfit",
            Self::Lora(_) => "lora",
            Self::Dora(_) => "dora",
            Self::Ia3(_) => "ia3",
            Self::Slr(_) => "slr",
            Self::Houlsby(_) => "houlsby",
            Self::AdaptFormer(_) => "adaptformer",
            Self::Vpt(_) => "vpt",
        }
    }
}

/// PEFT's `target_modules`. For the norms an expression, since the suffix `norm` would also match timm's identity `attn.norm`.
fn targets(method: &MethodConfig) -> Value {
    match method {
        MethodConfig::NormTuning => json!(r"blocks\.\d+\.norm[12]|norm"),
        _ => Value::Null,
    }
}

fn json_bytes(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, PeftError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|source| PeftError::Json {
        path: path.to_owned(),
        source,
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}
