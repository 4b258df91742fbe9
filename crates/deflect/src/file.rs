//! An adapter as one safetensors file, written whole or not at all.
//!
//! | metadata | content |
//! |---|---|
//! | `rs_peft.adapter` | `deflect` |
//! | `rs_peft.layout` | version of this layout, 1 |
//! | `rs_peft.config` | the configuration, JSON |
//! | `rs_peft.numbers` | what the numbers of a patch are, JSON list |
//! | `rs_peft.base_sha256`, `rs_peft.base_name` | the backbone's checkpoint file, if it was given |
//!
//! Tensors are f32 and named by their place in the module in lower case, such as `embedding.map.linear.weight` or
//! `attention.0.up.2`, in the shapes of the module (`[inputs, outputs]`); `standardisation.mean` and `.std` are the training statistics.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use peft_lora::peft_format::read_capped;
use peft_lora::seal::{self, Seal};
use peft_lora::{BaseCheck, BaseIdentity, LoadOptions, PeftError, trainable};
use safetensors::tensor::{Metadata, TensorView};
use safetensors::{Dtype, SafeTensors};
use vit_backbone::VitConfig;

use crate::adapter::Deflect;
use crate::config::DeflectConfig;
use crate::error::DeflectError;
use crate::map::{FixedAffine, SpectralMap};
use crate::standardise::Standardisation;

/// The layout written, and the newest one read.
const LAYOUT: u32 = 1;
/// Adapters are small; nothing larger is read.
const LIMIT: u64 = 4 << 30;

const ADAPTER: &str = "rs_peft.adapter";
const LAYOUT_KEY: &str = "rs_peft.layout";
const CONFIG: &str = "rs_peft.config";
const NUMBERS: &str = "rs_peft.numbers";
const BASE_HASH: &str = "rs_peft.base_sha256";
const BASE_NAME: &str = "rs_peft.base_name";
/// Of the whole file, see [`peft_lora::seal`]; files of earlier versions have none.
const CHECKSUM: &str = "rs_peft.sha256";
/// Everything that a header may say.
const ENTRIES: [&str; 8] = [
    "format", ADAPTER, LAYOUT_KEY, CONFIG, NUMBERS, BASE_HASH, BASE_NAME, CHECKSUM,
];
const MEAN: &str = "standardisation.mean";
const STD: &str = "standardisation.std";
const FIXED_WEIGHT: &str = "embedding.map.fixed.weight";
const FIXED_BIAS: &str = "embedding.map.fixed.bias";

/// An adapter from a file.
#[derive(Debug)]
pub struct LoadedDeflect<B: Backend> {
    /// The adapter, every parameter trainable.
    pub adapter: Deflect<B>,
    /// Whether the base is the one it was trained on.
    pub base: BaseCheck,
    /// Name of the base in the file, for people.
    pub base_name: Option<String>,
}

/// Shape and values of a tensor on the host.
type Host = (Vec<usize>, Vec<f32>);

impl<B: Backend> Deflect<B> {
    /// Writes the adapter with its configuration and statistics; a file that is there is replaced.
    ///
    /// # Errors
    /// [`PeftError::NotFinite`] for diverged weights, [`PeftError::Io`], [`PeftError::InvalidConfig`] for a malformed hash.
    pub fn save(&self, path: &Path, base: &BaseIdentity) -> Result<(), DeflectError> {
        let tensors = host_tensors(self);
        for (name, (_, values)) in &tensors {
            let count = values.iter().filter(|value| !value.is_finite()).count();
            if count > 0 {
                let what = name.clone();
                return Err(PeftError::NotFinite { what, count }.into());
            }
        }
        let json = |source| PeftError::Json {
            path: path.to_owned(),
            source,
        };
        let statistics = self.embedding.standardise.host();
        let mut metadata = HashMap::from([
            ("format".to_owned(), "pt".to_owned()),
            (ADAPTER.to_owned(), "deflect".to_owned()),
            (LAYOUT_KEY.to_owned(), LAYOUT.to_string()),
            (
                CONFIG.to_owned(),
                serde_json::to_string(self.config()).map_err(json)?,
            ),
            (
                NUMBERS.to_owned(),
                serde_json::to_string(&statistics.names).map_err(json)?,
            ),
        ]);
        base.check()?;
        if let Some(hash) = &base.sha256 {
            metadata.insert(BASE_HASH.to_owned(), hash.clone());
        }
        if let Some(name) = &base.name {
            metadata.insert(BASE_NAME.to_owned(), name.clone());
        }
        metadata.insert(CHECKSUM.to_owned(), seal::blank());
        let mut bytes = to_bytes(path, &tensors, metadata)?;
        seal::close(&mut bytes, CHECKSUM);
        write_whole(path, &bytes)
    }

    /// Reads an adapter for a backbone of that configuration.
    ///
    /// # Errors
    /// [`DeflectError::File`] for files that are no adapter of this kind or of a newer layout; [`PeftError::Keys`] and
    /// [`PeftError::Shapes`] with every name that does not fit; [`PeftError::OtherBase`]; [`PeftError::Io`], [`PeftError::TooLarge`],
    /// [`PeftError::SafeTensors`], [`PeftError::DType`], [`PeftError::Json`] for unreadable ones; [`PeftError::NotFinite`].
    pub fn load(
        path: &Path,
        vit: &VitConfig,
        options: &LoadOptions,
        device: &B::Device,
    ) -> Result<LoadedDeflect<B>, DeflectError> {
        let bytes = read_capped(path, LIMIT)?;
        if seal::check(&bytes, CHECKSUM) == Seal::Broken {
            return Err(DeflectError::File {
                path: path.display().to_string(),
                what: "not the bytes that were written: its checksum differs".into(),
                remedy: "copy it again from where it came".into(),
            });
        }
        let (header, mut tensors) = from_bytes(path, &bytes)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let config = read_header(path, &metadata)?;
        let base = BaseCheck::of(path, metadata.get(BASE_HASH).map(String::as_str), options)?;
        let statistics = take_statistics(path, &metadata, &mut tensors)?;
        let adapter = Self::init(&config, vit, &statistics, 0, device)?;
        let mut expected = host_tensors(&adapter);
        expected.remove(MEAN);
        expected.remove(STD);
        check_names(path, &expected, &tensors)?;
        Ok(LoadedDeflect {
            adapter: filled(adapter, &tensors, device),
            base,
            base_name: metadata.get(BASE_NAME).cloned(),
        })
    }
}

/// Every tensor of the file by its name.
fn host_tensors<B: Backend>(adapter: &Deflect<B>) -> BTreeMap<String, Host> {
    struct Read {
        path: Vec<String>,
        found: BTreeMap<String, Host>,
    }
    impl<B: Backend> ModuleVisitor<B> for Read {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_lowercase());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            self.found.insert(self.path.join("."), host(param.val()));
        }
    }
    let mut read = Read {
        path: Vec::new(),
        found: BTreeMap::new(),
    };
    adapter.visit(&mut read);
    let mut found = read.found;
    if let SpectralMap::Fixed(map) = &adapter.embedding.map {
        found.insert(FIXED_WEIGHT.into(), host(map.weight.clone()));
        found.insert(FIXED_BIAS.into(), host(map.bias.clone()));
    }
    let statistics = adapter.embedding.standardise.host();
    let shape = vec![statistics.names.len()];
    found.insert(MEAN.into(), (shape.clone(), statistics.mean.clone()));
    found.insert(STD.into(), (shape, statistics.std.clone()));
    found
}

fn host<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Host {
    let shape = tensor.dims().to_vec();
    (shape, tensor.into_data().iter::<f32>().collect())
}

/// The adapter with the values of the file, whose names and shapes are known to fit.
fn filled<B: Backend>(
    adapter: Deflect<B>,
    tensors: &BTreeMap<String, Host>,
    device: &B::Device,
) -> Deflect<B> {
    struct Fill<'a, B: Backend> {
        path: Vec<String>,
        tensors: &'a BTreeMap<String, Host>,
        device: &'a B::Device,
    }
    impl<B: Backend> ModuleMapper<B> for Fill<'_, B> {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_lowercase());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            match self.tensors.get(&self.path.join(".")) {
                Some(values) => trainable(on_device(values, self.device)),
                None => param,
            }
        }
    }
    let mut adapter = adapter.map(&mut Fill::<B> {
        path: Vec::new(),
        tensors,
        device,
    });
    if let (Some(weight), Some(bias)) = (tensors.get(FIXED_WEIGHT), tensors.get(FIXED_BIAS)) {
        adapter.embedding.map = SpectralMap::Fixed(FixedAffine {
            weight: on_device(weight, device),
            bias: on_device(bias, device),
        });
    }
    adapter
}

fn on_device<B: Backend, const D: usize>(
    (shape, values): &Host,
    device: &B::Device,
) -> Tensor<B, D> {
    Tensor::from_data(TensorData::new(values.clone(), shape.clone()), device)
}

/// Refuses what is no adapter of this crate or of a newer layout, and gives the configuration.
fn read_header(
    path: &Path,
    metadata: &HashMap<String, String>,
) -> Result<DeflectConfig, DeflectError> {
    let fail = |what: String, remedy: &str| {
        Err(DeflectError::File {
            path: path.display().to_string(),
            what,
            remedy: remedy.into(),
        })
    };
    let kind = metadata.get(ADAPTER).map(String::as_str);
    if kind != Some("deflect") {
        let what = format!("its metadata says `{ADAPTER}` is {kind:?}, not `deflect`");
        return fail(what, "pass the file that `Deflect::save` wrote");
    }
    // An entry whose name is damaged is one that nobody knows.
    if let Some(entry) = metadata.keys().find(|key| !ENTRIES.contains(&key.as_str())) {
        let what = format!("its metadata has an entry `{entry}`");
        return fail(
            what,
            "copy it again from where it came, or read it with the version that wrote it",
        );
    }
    match metadata.get(LAYOUT_KEY).map(|text| text.parse::<u32>()) {
        Some(Ok(1..=LAYOUT)) => {}
        other => {
            let what = format!("layout {other:?}, of which 1 to {LAYOUT} are read");
            return fail(
                what,
                "read it with the version of this program that wrote it",
            );
        }
    }
    let text = metadata.get(CONFIG).map_or("", String::as_str);
    Ok(
        serde_json::from_str(text).map_err(|source| PeftError::Json {
            path: path.to_owned(),
            source,
        })?,
    )
}

fn take_statistics(
    path: &Path,
    metadata: &HashMap<String, String>,
    tensors: &mut BTreeMap<String, Host>,
) -> Result<Standardisation, DeflectError> {
    let text = metadata.get(NUMBERS).map_or("", String::as_str);
    let names = serde_json::from_str(text).map_err(|source| PeftError::Json {
        path: path.to_owned(),
        source,
    })?;
    let mut take = |name: &str| match tensors.remove(name) {
        Some((_, values)) => Ok(values),
        None => Err(PeftError::Keys {
            path: path.to_owned(),
            missing: vec![name.to_owned()],
            unexpected: Vec::new(),
        }),
    };
    Ok(Standardisation {
        mean: take(MEAN)?,
        std: take(STD)?,
        names,
    })
}

fn check_names(
    path: &Path,
    expected: &BTreeMap<String, Host>,
    found: &BTreeMap<String, Host>,
) -> Result<(), DeflectError> {
    let not_in = |all: &BTreeMap<String, Host>, other: &BTreeMap<String, Host>| -> Vec<String> {
        let absent = all.keys().filter(|name| !other.contains_key(*name));
        absent.cloned().collect()
    };
    let (missing, unexpected) = (not_in(expected, found), not_in(found, expected));
    if !missing.is_empty() || !unexpected.is_empty() {
        return Err(PeftError::Keys {
            path: path.to_owned(),
            missing,
            unexpected,
        }
        .into());
    }
    let differ = expected
        .iter()
        .zip(found.values())
        .filter(|((_, (e, _)), (f, _))| e != f);
    let mismatches: Vec<_> = differ
        .map(|((name, (e, _)), (f, _))| format!("{name}: {f:?} instead of {e:?}"))
        .collect();
    if !mismatches.is_empty() {
        return Err(PeftError::Shapes {
            path: path.to_owned(),
            mismatches,
        }
        .into());
    }
    for (name, (_, values)) in found {
        let count = values.iter().filter(|value| !value.is_finite()).count();
        if count > 0 {
            let what = name.clone();
            return Err(PeftError::NotFinite { what, count }.into());
        }
    }
    Ok(())
}

fn io<'a>(
    path: &'a Path,
    action: &'static str,
) -> impl FnOnce(std::io::Error) -> DeflectError + 'a {
    move |source| {
        PeftError::Io {
            path: path.to_owned(),
            action,
            source,
        }
        .into()
    }
}

/// Writes into a fresh file beside the target, which then takes its name.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DeflectError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(parent).map_err(io(parent, "create the directory"))?;
    let mut fresh = tempfile::Builder::new()
        .prefix(".deflect-")
        .tempfile_in(parent)
        .map_err(io(parent, "create a file in"))?;
    fresh.write_all(bytes).map_err(io(path, "write"))?;
    fresh.as_file().sync_all().map_err(io(path, "write"))?;
    fresh
        .persist(path)
        .map(|_| ())
        .map_err(|error| io(path, "replace")(error.error))
}

fn to_bytes(
    path: &Path,
    tensors: &BTreeMap<String, Host>,
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>, DeflectError> {
    let failed = |error: safetensors::SafeTensorError| PeftError::SafeTensors {
        path: path.to_owned(),
        message: format!("cannot be written: {error}"),
    };
    let raw: Vec<_> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name, shape, bytes)
        })
        .collect();
    let mut views = Vec::with_capacity(raw.len());
    for (name, shape, bytes) in &raw {
        let view = TensorView::new(Dtype::F32, (*shape).clone(), bytes).map_err(failed)?;
        views.push((*name, view));
    }
    Ok(safetensors::serialize(views, Some(metadata)).map_err(failed)?)
}

fn from_bytes(
    path: &Path,
    bytes: &[u8],
) -> Result<(Metadata, BTreeMap<String, Host>), DeflectError> {
    let failed = |error: safetensors::SafeTensorError| PeftError::SafeTensors {
        path: path.to_owned(),
        message: error.to_string(),
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(failed)?;
    // The parser checks every claimed offset against the bytes at hand before anything is allocated.
    let file = SafeTensors::deserialize(bytes).map_err(failed)?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(PeftError::DType {
                path: path.to_owned(),
                key: name.to_owned(),
                found: format!("{:?}", view.dtype()),
            }
            .into());
        }
        let values = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        tensors.insert(name.to_owned(), (view.shape().to_vec(), values));
    }
    Ok((header, tensors))
}
