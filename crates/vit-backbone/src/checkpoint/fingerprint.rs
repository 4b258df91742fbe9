//! Hashes that identify weights: of a file, and of a model whatever file it came from.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use burn::tensor::backend::Backend;
use sha2::{Digest, Sha256};

use crate::names::named_parameters;
use crate::{BackboneError, Vit};

/// SHA-256 of a file in lower-case hexadecimal.
///
/// # Errors
/// [`BackboneError::Io`] when it cannot be read.
pub fn sha256_file(path: &Path) -> Result<String, BackboneError> {
    let io = |source| BackboneError::Io {
        path: path.to_owned(),
        action: "hashing",
        source,
    };
    let mut file = File::open(path).map_err(io)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(io)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// SHA-256 of bytes in lower-case hexadecimal.
pub fn sha256_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 over names, shapes and single-precision values of a model, in lower-case hexadecimal: the same for a model in
/// memory and the one loaded from the single-precision file it was saved to, on every backend.
pub fn fingerprint<B: Backend>(vit: &Vit<B>) -> String {
    let mut hash = Sha256::new();
    for (name, parameter) in named_parameters(vit) {
        hash.update(format!("{name} {:?}\n", parameter.shape()));
        for value in parameter.values() {
            hash.update(value.to_le_bytes());
        }
    }
    hex(&hash.finalize())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
