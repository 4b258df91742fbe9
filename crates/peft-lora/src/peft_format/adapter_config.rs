//! Reading `adapter_config.json`, every key checked that would change the function.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use vit_backbone::{LinearMap, LinearSite};

use super::names::{Names, OneOrMany, first_match};
use crate::config::invalid;
use crate::error::PeftError;
use crate::lora_config::{LoraBias, MAX_RANK};

/// The keys common to all types of PEFT that are read here.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AdapterJson {
    pub(crate) peft_type: String,
    #[serde(default)]
    pub(crate) modules_to_save: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) target_modules: Option<OneOrMany>,
    #[serde(default)]
    pub(crate) exclude_modules: Option<OneOrMany>,
    /// Everything else.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// The keys of a LoRA.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LoraJson {
    pub(crate) r: usize,
    pub(crate) lora_alpha: f64,
    #[serde(default)]
    pub(crate) lora_dropout: f64,
    #[serde(default)]
    pub(crate) use_rslora: bool,
    /// In the order of the file, which decides where several match.
    #[serde(default)]
    pub(crate) rank_pattern: Map<String, Value>,
    #[serde(default)]
    pub(crate) alpha_pattern: Map<String, Value>,
    #[serde(default)]
    pub(crate) init_lora_weights: Value,
    #[serde(default)]
    bias: Option<String>,
    #[serde(default)]
    pub(crate) use_dora: bool,
    #[serde(default)]
    pub(crate) layers_to_transform: Option<IndexOrMany>,
}

/// One block or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum IndexOrMany {
    One(usize),
    Many(Vec<usize>),
}

/// Keys of a LoRA that must be absent, null, false, empty: each of them changes what the adapter computes.
const UNSUPPORTED: [&str; 14] = [
    "use_qalora",
    "use_bdlora",
    "lora_bias",
    "fan_in_fan_out",
    "layer_replication",
    "layers_pattern",
    "target_parameters",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "velora_config",
    "moe_config",
];

impl AdapterJson {
    /// The keys of a LoRA, after refusing those that mean something that is not computed here.
    pub(crate) fn lora(&self, path: &Path) -> Result<LoraJson, PeftError> {
        for key in UNSUPPORTED {
            if let Some(value) = self.rest.get(key).filter(|value| !is_unset(value)) {
                return Err(unsupported(
                    path,
                    format!("`{key}` is {value}, which is not supported"),
                ));
            }
        }
        let lora: LoraJson =
            serde_json::from_value(Value::Object(self.rest.clone())).map_err(|source| {
                PeftError::Json {
                    path: path.to_owned(),
                    source,
                }
            })?;
        lora.bias_mode(path)?;
        // PiSSA, OLoRA, LoftQ and CorDA change the base weights, which the file does not hold.
        let harmless = match &lora.init_lora_weights {
            Value::Null | Value::Bool(_) => true,
            Value::String(name) => matches!(name.as_str(), "gaussian" | "eva" | "orthogonal"),
            _ => false,
        };
        if !harmless {
            let what = format!(
                "`init_lora_weights` is {}, which changes the base weights",
                lora.init_lora_weights
            );
            return Err(unsupported(path, what));
        }
        lora.rank_pattern
            .iter()
            .try_for_each(|(key, rank)| checked_rank(key, rank).map(drop))?;
        lora.alpha_pattern
            .iter()
            .try_for_each(|(key, alpha)| checked_alpha(key, alpha).map(drop))?;
        checked_rank("r", &lora.r.into())?;
        checked_alpha("lora_alpha", &lora.lora_alpha.into())?;
        if !(0.0..1.0).contains(&lora.lora_dropout) {
            return Err(invalid(
                "lora_dropout",
                lora.lora_dropout,
                "at least 0 and below 1",
            ));
        }
        Ok(lora)
    }

    /// Whether the head was trained with the adapter, after refusing other saved modules.
    pub(crate) fn saves_head(&self, path: &Path) -> Result<bool, PeftError> {
        let modules = self.modules_to_save.as_deref().unwrap_or_default();
        match modules.iter().find(|name| *name != "head") {
            Some(other) => Err(unsupported(
                path,
                format!("`modules_to_save` names `{other}`, only `head` is supported"),
            )),
            None => Ok(!modules.is_empty()),
        }
    }

    /// The linear maps that the targets name, read as PEFT reads them.
    pub(crate) fn sites(
        &self,
        layers: Option<&IndexOrMany>,
        depth: usize,
        path: &Path,
    ) -> Result<BTreeSet<LinearSite>, PeftError> {
        let Some(targets) = &self.target_modules else {
            return Err(unsupported(path, "`target_modules` is not set".into()));
        };
        let (targets, excluded) = (Names::new(targets, path)?, self.exclude_modules.as_ref());
        let excluded = excluded.map(|names| Names::new(names, path)).transpose()?;
        let layers: Option<&[usize]> = match layers {
            None => None,
            Some(IndexOrMany::One(one)) => Some(std::slice::from_ref(one)),
            Some(IndexOrMany::Many(many)) => Some(many)
                .filter(|many| !many.is_empty())
                .map(Vec::as_slice),
        };
        let sites =
            (0..depth).flat_map(|block| LinearMap::ALL.map(|map| LinearSite { block, map }));
        Ok(sites
            .filter(|site| {
                let name = site.to_string();
                targets.matches(&name)
                    && !excluded.as_ref().is_some_and(|names| names.matches(&name))
                    && layers.is_none_or(|layers| layers.contains(&site.block))
            })
            .collect())
    }
}

impl LoraJson {
    /// Which biases are trained.
    pub(crate) fn bias_mode(&self, path: &Path) -> Result<LoraBias, PeftError> {
        let modes = [LoraBias::None, LoraBias::LoraOnly, LoraBias::All];
        let found = self.bias.as_deref().unwrap_or("none");
        let mode = modes.into_iter().find(|mode| mode.name() == found);
        mode.ok_or_else(|| {
            let what =
                format!("`bias` is {found:?}, which is not \"none\", \"lora_only\" or \"all\"");
            unsupported(path, what)
        })
    }

    /// Rank and alpha at a place: those of the first pattern that matches its end, as PEFT reads patterns.
    pub(crate) fn numbers_at(
        &self,
        site: LinearSite,
        path: &Path,
    ) -> Result<(usize, f64), PeftError> {
        let name = site.to_string();
        let rank = match first_match(&self.rank_pattern, &name, path)? {
            Some((key, rank)) => checked_rank(key, rank)?,
            None => self.r,
        };
        let alpha = match first_match(&self.alpha_pattern, &name, path)? {
            Some((key, alpha)) => checked_alpha(key, alpha)?,
            None => self.lora_alpha,
        };
        Ok((rank, alpha))
    }
}

fn checked_rank(key: &str, value: &Value) -> Result<usize, PeftError> {
    value
        .as_u64()
        .and_then(|rank| usize::try_from(rank).ok())
        .filter(|rank| (1..=MAX_RANK).contains(rank))
        .ok_or_else(|| invalid(key, value, format!("1 to {MAX_RANK}")))
}

fn checked_alpha(key: &str, value: &Value) -> Result<f64, PeftError> {
    value
        .as_f64()
        .filter(|alpha| alpha.is_finite() && *alpha > 0.0)
        .ok_or_else(|| invalid(key, value, "a finite number above 0"))
}

pub(crate) fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
        _ => false,
    }
}

pub(crate) fn unsupported(path: &Path, what: String) -> PeftError {
    PeftError::Unsupported {
        path: path.to_owned(),
        what,
        remedy: "convert or merge the adapter with the library that wrote it".into(),
    }
}
