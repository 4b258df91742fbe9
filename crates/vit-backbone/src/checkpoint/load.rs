//! Loading a model: describe the file, compare, and only then read values.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use burn::tensor::backend::Backend;

use super::container::{Container, Entry};
use super::fingerprint::sha256_file;
use super::infer::infer;
use super::layout::{self, Layout, Named};
use super::options::LoadOptions;
use super::positions;
use super::preflight::{Preflight, acceptable};
use super::report::{ConfigSource, LoadReport};
use super::save::CONFIG_KEY;
use crate::{BackboneError, InitRule, ParameterSource, SeededInit, Vit, VitConfig};

/// Loads a model from safetensors or a PyTorch file (zip or legacy) in timm's, MAE's, OpenCLIP's or transformers' naming, or
/// from a Hugging Face directory with one such file and its `config.json`.
///
/// The configuration is `config` if given, else that of the file's metadata (files of [`save_vit`](crate::save_vit)
/// have it), else it is inferred from names and shapes; [`LoadReport::config`] is the one used. Dictionaries
/// (`model`, `state_dict`, `teacher`, ...) and prefixes (`module.`, `backbone.`, ...) around the model are found. Half,
/// bfloat16 and double precision are converted to single, or to what [`LoadOptions::dtype`] asks for. Names, shapes and types are compared
/// before any value is read.
///
/// # Errors
/// [`BackboneError::Io`] and [`BackboneError::Checkpoint`] for files that cannot be read or are damaged,
/// [`BackboneError::Config`] for an impossible configuration, and [`BackboneError::Mismatch`] with the full report when
/// something is missing, of another shape or type, or unknown, unless [`LoadOptions`] allow it; [`BackboneError::Type`] and
/// [`BackboneError::Precision`] where [`LoadOptions::dtype`] cannot be had.
pub fn load_vit<B: Backend>(
    path: impl AsRef<Path>,
    config: Option<&VitConfig>,
    options: &LoadOptions,
    device: &B::Device,
) -> Result<(Vit<B>, LoadReport), BackboneError> {
    load_vit_watched(path, config, options, device, &mut |_| {})
}

/// How far loading has come, in numbers of the model; those of the tensor at hand count as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadProgress {
    /// Numbers read so far.
    pub done: u64,
    /// Numbers of the model.
    pub of: u64,
}

/// [`load_vit`], telling `watch` how far it has come: large files take seconds.
///
/// Memory: one tensor at a time is held beside those that the model has already, so the peak is little more than the model. The file
/// is hashed in a thread of its own beside, unless [`LoadOptions::skip_hash`] asks for it not to be.
///
/// # Errors
/// As [`load_vit`].
pub fn load_vit_watched<B: Backend>(
    path: impl AsRef<Path>,
    config: Option<&VitConfig>,
    options: &LoadOptions,
    device: &B::Device,
    watch: &mut dyn FnMut(LoadProgress),
) -> Result<(Vit<B>, LoadReport), BackboneError> {
    let path = path.as_ref();
    if let Some(config) = config {
        config.validate()?;
    }
    let mut file = Container::open(path, options.nested.as_deref())?;
    if options.skip_hash {
        return read(&mut file, config, options, device, watch);
    }
    let hashed = file.path.clone();
    std::thread::scope(|scope| {
        let hash = scope.spawn(|| sha256_file(&hashed));
        let loaded = read(&mut file, config, options, device, watch);
        let hash = hash
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        match loaded {
            Ok((vit, mut report)) => {
                report.sha256 = hash;
                Ok((vit, report))
            }
            Err(BackboneError::Mismatch(mut report)) => {
                report.sha256 = hash;
                Err(BackboneError::Mismatch(report))
            }
            Err(other) => Err(other),
        }
    })
}

/// The model of an open file; the report lacks the hash.
fn read<B: Backend>(
    file: &mut Container,
    config: Option<&VitConfig>,
    options: &LoadOptions,
    device: &B::Device,
    watch: &mut dyn FnMut(LoadProgress),
) -> Result<(Vit<B>, LoadReport), BackboneError> {
    let found = layout::find(file, options.prefix.as_deref())?;
    let Named {
        names,
        outside,
        added,
        factors,
    } = found.named(file);
    let file = &*file;
    let (config, config_source, assumed) =
        configuration(file, &names, found.layout, config, options)?;
    config.validate()?;
    let preflight = Preflight {
        file,
        prefix: found.prefix,
        names: &names,
        outside: &outside,
        config,
        config_source,
        assumed,
    };
    let report = preflight.compare();
    if !acceptable(&report, options) {
        return Err(BackboneError::Mismatch(Box::new(report)));
    }
    check_positions(file, &names, &report.config)?;
    let mut source = FileSource {
        file,
        names: &names,
        added: &added,
        factors: &factors,
        fallback: SeededInit::new(options.seed),
        watch,
        done: 0,
        of: report.config.parameter_count() as u64,
    };
    let vit = Vit::from_source_as(&report.config, &mut source, device, options.dtype)?;
    Ok((vit, report))
}

/// The configuration to use, where it came from, and what was assumed.
fn configuration(
    file: &Container,
    names: &BTreeMap<String, String>,
    layout: Layout,
    given: Option<&VitConfig>,
    options: &LoadOptions,
) -> Result<(VitConfig, ConfigSource, Vec<String>), BackboneError> {
    let stored: Option<VitConfig> = match file.metadata.get(CONFIG_KEY) {
        Some(text) => Some(
            serde_json::from_str(text)
                .map_err(|e| file.corrupt(format!("its metadata `{CONFIG_KEY}`: {e}")))?,
        ),
        None => None,
    };
    match (given, stored) {
        (Some(given), Some(stored)) => {
            let differences = differences(given, &stored);
            if differences.is_empty() {
                Ok((given.clone(), ConfigSource::Given, Vec::new()))
            } else {
                Err(BackboneError::Checkpoint {
                    path: file.path.clone(),
                    problem: format!(
                        "it was saved with another configuration: {}",
                        differences.join(", ")
                    ),
                    remedy: "give no configuration to use the one in the file".into(),
                })
            }
        }
        (Some(given), None) => Ok((given.clone(), ConfigSource::Given, Vec::new())),
        (None, Some(stored)) => Ok((stored, ConfigSource::Metadata, Vec::new())),
        (None, None) => {
            let (config, assumed) = infer(file, names, layout, options)?;
            Ok((config, ConfigSource::Inferred, assumed))
        }
    }
}

/// Fields in which two configurations differ, apart from those that matter to training and initialisation only.
fn differences(given: &VitConfig, stored: &VitConfig) -> Vec<String> {
    let comparable = |config: &VitConfig| {
        let config = VitConfig {
            drop_path: 0.0,
            layer_scale: config.layer_scale.map(|_| 1.0),
            ..config.clone()
        };
        match serde_json::to_value(config) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        }
    };
    let stored = comparable(stored);
    let given = comparable(given);
    // A field that is not written has its default, which is never what a written one holds.
    let fields: BTreeSet<&String> = given.keys().chain(stored.keys()).collect();
    let text = |value: Option<&serde_json::Value>| {
        value.map_or_else(|| "the default".to_owned(), ToString::to_string)
    };
    fields
        .into_iter()
        .filter(|field| given.get(*field) != stored.get(*field))
        .map(|field| {
            let (there, here) = (text(stored.get(field)), text(given.get(field)));
            format!("{field} is {there} there and {here} here")
        })
        .collect()
}

/// A model with computed positions must not be given a table that says something else.
fn check_positions(
    file: &Container,
    names: &BTreeMap<String, String>,
    config: &VitConfig,
) -> Result<(), BackboneError> {
    for (name, table) in positions::fixed(config) {
        let Some((key, entry)) = names
            .get(name)
            .and_then(|key| file.entries.get_key_value(key))
        else {
            continue;
        };
        // The comparison has let a table of another shape pass only where it is not used.
        if entry.shape.iter().product::<usize>() != table.len() {
            continue;
        }
        if !positions::close(&file.read(key, entry)?, &table) {
            return Err(BackboneError::Checkpoint {
                path: file.path.clone(),
                problem: format!("`{key}` is not the fixed sin-cos table of the configuration"),
                remedy: "use `positions = \"learned\"`, which takes the table as it is".into(),
            });
        }
    }
    Ok(())
}

/// Values out of the file; what it does not have is drawn at random (the preflight has allowed it).
struct FileSource<'a> {
    file: &'a Container,
    names: &'a BTreeMap<String, String>,
    added: &'a BTreeMap<String, Entry>,
    factors: &'a BTreeMap<String, Entry>,
    fallback: SeededInit,
    watch: &'a mut dyn FnMut(LoadProgress),
    done: u64,
    of: u64,
}

impl ParameterSource for FileSource<'_> {
    fn values(
        &mut self,
        name: &str,
        shape: &[usize],
        rule: InitRule,
    ) -> Result<Vec<f32>, BackboneError> {
        let stored = self
            .names
            .get(name)
            .and_then(|key| self.file.entries.get_key_value(key));
        // Tables that are stored but not trained may make it more than the count of parameters.
        self.done = (self.done + shape.iter().product::<usize>() as u64).min(self.of);
        let (done, of) = (self.done, self.of);
        (self.watch)(LoadProgress { done, of });
        match stored {
            Some((key, entry)) => {
                let mut values = self.file.read(key, entry)?;
                if let Some(entry) = self.added.get(name) {
                    let added = self.file.read(name, entry)?;
                    values.iter_mut().zip(added).for_each(|(v, a)| *v += a);
                }
                if let Some(entry) = self.factors.get(name) {
                    let factors = self.file.read(name, entry)?;
                    values.iter_mut().zip(factors).for_each(|(v, f)| *v *= f);
                }
                Ok(values)
            }
            None => self.fallback.values(name, shape, rule),
        }
    }
}
