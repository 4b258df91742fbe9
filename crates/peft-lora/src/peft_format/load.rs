//! Loading an adapter with its head from a directory, onto a base that it fits.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::backend::Backend;
use vit_backbone::{Vit, VitConfig};

use super::PREFIX;
use super::adapter_config::{AdapterJson, unsupported};
use super::array::SavedHead;
use super::base::{BaseCheck, LoadOptions};
use super::directory::{CONFIG_FILE, EXTRA_FILE, RECORD_FILE, TENSOR_FILE, read_capped};
use super::ia3_file::{ia3_of, read_ia3};
use super::lora_file::{lora_of, read_lora};
use super::methods::{IA3, LN_TUNING, LORA, OWN, arrays_of, filled, peft_type, template};
use super::record::{JSON_LIMIT, Record};
use super::tensors::read_tensors;
use super::vit_names::Named;
use crate::adapter::{PeftAdapter, check_architecture};
use crate::config::MethodConfig;
use crate::error::PeftError;

/// An adapter from a directory.
#[derive(Debug)]
pub struct LoadedAdapter<B: Backend> {
    /// The adapter, every parameter trainable.
    pub adapter: PeftAdapter<B>,
    /// What it is, as data.
    pub method: MethodConfig,
    /// The head that was trained with it, if the directory holds one.
    pub head: Option<SavedHead>,
    /// What was found.
    pub report: LoadReport,
}

/// What was found in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadReport {
    /// Number of tensors read, the head's included.
    pub tensors: usize,
    /// Whether the base is the right one.
    pub base: BaseCheck,
    /// Remarks, each a sentence.
    pub notes: Vec<String>,
}

impl<B: Backend> PeftAdapter<B> {
    /// Reads a PEFT directory, written here or by Python peft, for `base`; see [the format](crate::peft_format).
    ///
    /// # Errors
    /// [`PeftError::Damaged`] when a file is not the one that was written; [`PeftError::OtherBase`]; [`PeftError::Keys`] and [`PeftError::Shapes`] with every name that does not fit;
    /// [`PeftError::Unsupported`] for what changes the function and is not computed here; [`PeftError::Json`],
    /// [`PeftError::SafeTensors`], [`PeftError::DType`], [`PeftError::TooLarge`], [`PeftError::Io`] for unreadable files;
    /// [`PeftError::NotFinite`] for diverged weights.
    pub fn load(
        directory: &Path,
        base: &Vit<B>,
        config: &VitConfig,
        options: &LoadOptions,
        device: &B::Device,
    ) -> Result<LoadedAdapter<B>, PeftError> {
        check_architecture(base, config)?;
        let path = directory.join(CONFIG_FILE);
        let bytes = read_capped(&path, JSON_LIMIT)?;
        let json: AdapterJson =
            serde_json::from_slice(&bytes).map_err(|source| PeftError::Json {
                path: path.clone(),
                source,
            })?;
        let record_path = directory.join(RECORD_FILE);
        let record = Record::read(&record_path)?;
        if let Some(record) = &record {
            record.check(&path, &bytes)?;
        }
        let recorded = record
            .as_ref()
            .and_then(|record| record.base_sha256.as_deref());
        let base_check = BaseCheck::of(&record_path, recorded, options)?;

        let tensor_path = directory.join(TENSOR_FILE);
        let mut arrays = read_tensors(&tensor_path, record.as_ref())?;
        for (key, array) in &arrays {
            array.require_finite(key)?;
        }
        let tensors = arrays.len();
        let saves_head = json.saves_head(&path)?;
        let head = take_head(&mut arrays, directory, saves_head, record.as_ref())?;
        let mut notes = Vec::new();
        let recorded = record.map(|record| record.method);
        let (adapter, method) = match json.peft_type.as_str() {
            LORA => {
                let file = read_lora(&json, arrays, base, config, &path, &tensor_path)?;
                lora_of(file, recorded, base, config, &mut notes, device)?
            }
            IA3 => {
                let file = read_ia3(&json, arrays, config, &path, &tensor_path)?;
                ia3_of(file, recorded, config, &mut notes, device)?
            }
            other => {
                let method = other_method(other, recorded, &path)?;
                let template = template(&method, base, config, device)?;
                let expected = arrays_of(&template)
                    .into_iter()
                    .map(|(name, array)| (name, array.shape))
                    .collect();
                let arrays = checked(&tensor_path, arrays, &expected)?;
                (filled(template, arrays, config, device)?, method)
            }
        };
        Ok(LoadedAdapter {
            adapter,
            method,
            head,
            report: LoadReport {
                tensors,
                base: base_check,
                notes,
            },
        })
    }
}

/// The method of a directory whose tensors do not say what they are.
fn other_method(
    peft_type: &str,
    recorded: Option<MethodConfig>,
    path: &Path,
) -> Result<MethodConfig, PeftError> {
    let refuse = |what| Err(unsupported(path, what));
    let name = match peft_type.strip_prefix(OWN) {
        Some(own) => own.to_lowercase(),
        None if peft_type == LN_TUNING => MethodConfig::NormTuning.name().into(),
        None => String::new(),
    };
    // The record tells the numbers.
    match recorded {
        Some(recorded) if name == recorded.name() && peft_type == self::peft_type(&recorded) => {
            return Ok(recorded);
        }
        Some(recorded) => {
            let own = recorded.name();
            return refuse(format!(
                "`peft_type` is {peft_type}, but {RECORD_FILE} says `{own}`"
            ));
        }
        None => {}
    }
    match name.as_str() {
        "norm_tuning" if peft_type == LN_TUNING => Ok(MethodConfig::NormTuning),
        "frozen" => Ok(MethodConfig::Frozen),
        "full" => Ok(MethodConfig::Full),
        "scratch" => Ok(MethodConfig::Scratch),
        "bitfit" => Ok(MethodConfig::bitfit()),
        "slr" | "houlsby" | "adaptformer" | "vpt" => refuse(format!(
            "`peft_type` is {peft_type}, whose numbers stand in {RECORD_FILE}, which is missing"
        )),
        _ => refuse(format!(
            "`peft_type` is {peft_type}; LORA, IA3, LN_TUNING and this program's {OWN}* types are read"
        )),
    }
}

/// Takes the head's arrays out of the file's.
fn take_head(
    arrays: &mut Named,
    directory: &Path,
    expected: bool,
    record: Option<&Record>,
) -> Result<Option<SavedHead>, PeftError> {
    let key = |name: &str| format!("{PREFIX}head.{name}");
    let (weight, bias) = (arrays.remove(&key("weight")), arrays.remove(&key("bias")));
    let Some(weight) = weight else {
        if expected || bias.is_some() {
            return Err(PeftError::Keys {
                path: directory.join(TENSOR_FILE),
                missing: vec![key("weight")],
                unexpected: Vec::new(),
            });
        }
        return Ok(None);
    };
    let mut head = SavedHead::new(weight, bias)?;
    let extra = directory.join(EXTRA_FILE);
    let listed = record.is_some_and(|record| record.files.contains_key(EXTRA_FILE));
    if listed || extra.exists() {
        head.extra = read_tensors(&extra, record)?;
    }
    Ok(Some(head))
}

/// The arrays without PEFT's prefix, if their names and shapes are exactly those expected.
pub(crate) fn checked(
    path: &Path,
    arrays: Named,
    expected: &BTreeMap<String, Vec<usize>>,
) -> Result<Named, PeftError> {
    let missing: Vec<String> = expected
        .keys()
        .map(|name| format!("{PREFIX}{name}"))
        .filter(|key| !arrays.contains_key(key))
        .collect();
    let (mut found, mut unexpected, mut mismatches) = (Named::new(), Vec::new(), Vec::new());
    for (key, array) in arrays {
        let name = key.strip_prefix(PREFIX).unwrap_or_default();
        match expected.get(name) {
            None => unexpected.push(key),
            Some(shape) if *shape != array.shape => {
                mismatches.push(format!("{key}: {:?} instead of {shape:?}", array.shape));
            }
            Some(_) => {
                found.insert(name.to_owned(), array);
            }
        }
    }
    if !missing.is_empty() || !unexpected.is_empty() {
        return Err(PeftError::Keys {
            path: path.to_owned(),
            missing,
            unexpected,
        });
    }
    if !mismatches.is_empty() {
        return Err(PeftError::Shapes {
            path: path.to_owned(),
            mismatches,
        });
    }
    Ok(found)
}
