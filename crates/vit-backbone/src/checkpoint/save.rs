//! Saving a model as safetensors with timm's names, streamed to a temporary file and renamed when complete.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use burn::tensor::backend::Backend;
use half::f16;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::fingerprint::hex;
use super::keys::expected;
use crate::names::{NamedParameter, named_parameters};
use crate::{BackboneError, Vit, VitConfig};

/// The metadata key under which the configuration is stored.
pub(crate) const CONFIG_KEY: &str = "vit_config";

/// Precision of stored weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// Single precision.
    F32,
    /// Half precision, rounded to nearest.
    F16,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SaveReport {
    /// SHA-256 of the file in lower-case hexadecimal.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Saves a model with its configuration (metadata key `vit_config`) and any other metadata. The same model gives the same bytes.
///
/// # Errors
/// [`BackboneError::Config`] when the configuration is not that of the model, [`BackboneError::Precision`] when a value
/// does not fit half precision, [`BackboneError::Io`] when the file cannot be written; then no file is left behind and an
/// older one of that name stays as it was.
pub fn save_vit<B: Backend>(
    vit: &Vit<B>,
    config: &VitConfig,
    path: impl AsRef<Path>,
    dtype: Dtype,
    metadata: &BTreeMap<String, String>,
) -> Result<SaveReport, BackboneError> {
    let path = path.as_ref();
    let parameters = named_parameters(vit);
    check(&parameters, config)?;
    let header = header(&parameters, config, dtype, metadata);

    let io = |source| BackboneError::Io {
        path: path.to_owned(),
        action: "writing",
        source,
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut temporary = temporary(folder).map_err(io)?;
    let report = write(temporary.as_file_mut(), &header, parameters, dtype, io)?;
    temporary.as_file().sync_all().map_err(io)?;
    temporary.persist(path).map_err(|e| io(e.error))?;
    Ok(report)
}

/// Header and tensors, one tensor in memory at a time.
fn write<B: Backend>(
    file: &mut File,
    header: &[u8],
    parameters: Vec<(String, NamedParameter<B>)>,
    dtype: Dtype,
    io: impl Fn(io::Error) -> BackboneError + Copy,
) -> Result<SaveReport, BackboneError> {
    let mut out = Hashing {
        inner: BufWriter::new(file),
        hash: Sha256::new(),
        bytes: 0,
    };
    out.write_all(&(header.len() as u64).to_le_bytes())
        .and_then(|()| out.write_all(header))
        .map_err(io)?;
    for (name, parameter) in parameters {
        out.write_all(&encode(&name, &parameter.values(), dtype)?)
            .map_err(io)?;
    }
    out.flush().map_err(io)?;
    Ok(SaveReport {
        sha256: hex(&out.hash.finalize()),
        bytes: out.bytes,
    })
}

/// A temporary file beside the target, readable like any other file once it is renamed.
fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".vit-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666)); // less the umask
    }
    builder.tempfile_in(folder)
}

/// The configuration must describe the model, or the file could not be loaded again.
fn check<B: Backend>(
    parameters: &[(String, NamedParameter<B>)],
    config: &VitConfig,
) -> Result<(), BackboneError> {
    config.validate()?;
    let expected = expected(config);
    let wrong = |found: String, expected: String| BackboneError::Config {
        field: "config",
        found,
        expected,
    };
    if expected.len() != parameters.len() {
        return Err(wrong(
            format!("a model of {} tensors", parameters.len()),
            format!("the {} of this configuration", expected.len()),
        ));
    }
    for (expected, (name, parameter)) in expected.iter().zip(parameters) {
        if expected.name != *name || expected.shape != parameter.shape() {
            return Err(wrong(
                format!("`{name}` {:?}", parameter.shape()),
                format!(
                    "`{}` {:?} of this configuration",
                    expected.name, expected.shape
                ),
            ));
        }
    }
    Ok(())
}

/// The JSON header, padded with spaces to a multiple of eight bytes.
fn header<B: Backend>(
    parameters: &[(String, NamedParameter<B>)],
    config: &VitConfig,
    dtype: Dtype,
    metadata: &BTreeMap<String, String>,
) -> Vec<u8> {
    let (label, size) = match dtype {
        Dtype::F32 => ("F32", 4),
        Dtype::F16 => ("F16", 2),
    };
    let mut texts: Map<String, Value> = metadata
        .iter()
        .map(|(key, text)| (key.clone(), json!(text)))
        .collect();
    texts.insert("format".into(), json!("pt"));
    texts.insert(CONFIG_KEY.into(), json!(json!(config).to_string()));
    let mut header = Map::new();
    header.insert("__metadata__".into(), Value::Object(texts));
    let mut start = 0;
    for (name, parameter) in parameters {
        let shape = parameter.shape();
        let end = start + size * shape.iter().product::<usize>();
        header.insert(
            name.clone(),
            json!({ "dtype": label, "shape": shape, "data_offsets": [start, end] }),
        );
        start = end;
    }
    let mut bytes = Value::Object(header).to_string().into_bytes();
    bytes.resize(bytes.len().next_multiple_of(8), b' ');
    bytes
}

/// Little-endian bytes of the values.
fn encode(name: &str, values: &[f32], dtype: Dtype) -> Result<Vec<u8>, BackboneError> {
    match dtype {
        Dtype::F32 => Ok(values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()),
        Dtype::F16 => values
            .iter()
            .map(|value| {
                let half = f16::from_f32(*value);
                if half.is_finite() {
                    Ok(half.to_le_bytes())
                } else {
                    Err(BackboneError::Precision {
                        name: name.to_owned(),
                        value: *value,
                    })
                }
            })
            .collect::<Result<Vec<_>, _>>()
            .map(|bytes| bytes.concat()),
    }
}

/// Hashes and counts what passes through.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hash.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
