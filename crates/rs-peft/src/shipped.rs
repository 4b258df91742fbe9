//! What the program carries with it, so that it works in any folder: the defaults of experiments and the small pretrained backbone.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::RunError;
use crate::hex::hex;
use crate::run::SHIPPED;

/// `experiments/defaults.toml`.
pub const DEFAULTS: &str = include_str!("../shipped/defaults.toml");

/// The checkpoint [`SHIPPED`], if the program was built with the feature `shipped-backbone`.
#[cfg(feature = "shipped-backbone")]
pub const BACKBONE: Option<&[u8]> = Some(include_bytes!("../shipped/backbone.safetensors"));

/// The checkpoint [`SHIPPED`], if the program was built with the feature `shipped-backbone`.
#[cfg(not(feature = "shipped-backbone"))]
pub const BACKBONE: Option<&[u8]> = None;

/// Puts the shipped checkpoint where a run whose root is `root` looks for it, unless it is there.
///
/// # Errors
/// [`RunError::Io`] when it cannot be written, or was not built in.
pub fn place_backbone(root: &Path) -> Result<PathBuf, RunError> {
    let path = root.join(SHIPPED);
    let io = |action, source| RunError::Io {
        action,
        path: path.clone(),
        source,
    };
    let Some(bytes) = BACKBONE else {
        let missing = "this program was built without the feature shipped-backbone; give a checkpoint with --backbone FILE";
        return Err(io("place", std::io::Error::other(missing)));
    };
    let there = path.is_file()
        && vit_backbone::sha256_file(&path).is_ok_and(|found| found == hex(&Sha256::digest(bytes)));
    if !there {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| io("create the folder of", source))?;
        }
        eval::record::write_atomically(&path, bytes)?;
    }
    Ok(path)
}
