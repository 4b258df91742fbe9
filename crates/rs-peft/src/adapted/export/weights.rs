//! Named tensors of a backbone under timm's names, and a file of them for another library.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::tensor::backend::Backend;
use peft_lora::SavedHead;
use safetensors::Dtype as Stored;
use safetensors::tensor::TensorView;
use vit_backbone::{Dtype, TensorFile, Vit, VitConfig, save_vit};

use super::super::AdaptedError;

/// Shape and numbers by name.
pub(super) type Named = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The tensors of a backbone as its own file format has them, which is timm's naming and layout.
pub(super) fn timm_tensors<B: Backend>(
    vit: &Vit<B>,
    config: &VitConfig,
    scratch: &Path,
) -> Result<Named, AdaptedError> {
    let path = scratch.join(".backbone.safetensors");
    save_vit(vit, config, &path, Dtype::F32, &BTreeMap::new())?;
    let file = TensorFile::open(&path)?;
    let mut named = Named::new();
    for tensor in file.tensors() {
        let numbers = file.read(&tensor.key)?;
        named.insert(tensor.key, (tensor.shape, numbers));
    }
    std::fs::remove_file(&path).map_err(AdaptedError::io("remove", &path))?;
    Ok(named)
}

/// Adds a head under a name.
pub(super) fn add_head(named: &mut Named, head: &SavedHead, name: &str) {
    let mut add = |part: &str, array: &peft_lora::HostArray| {
        named.insert(
            format!("{name}.{part}"),
            (array.shape.clone(), array.data.clone()),
        );
    };
    add("weight", &head.weight);
    if let Some(bias) = &head.bias {
        add("bias", bias);
    }
}

/// Writes `model.safetensors` of a folder.
pub(super) fn write(named: &Named, folder: &Path) -> Result<(), AdaptedError> {
    let path = folder.join("model.safetensors");
    let bytes: Vec<Vec<u8>> = named
        .values()
        .map(|(_, values)| values.iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    let failed = |error: safetensors::SafeTensorError| {
        AdaptedError::io("write", path.as_path())(std::io::Error::other(error))
    };
    let views = named
        .iter()
        .zip(&bytes)
        .map(|((name, (shape, _)), bytes)| {
            Ok((
                name.as_str(),
                TensorView::new(Stored::F32, shape.clone(), bytes)?,
            ))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    // What transformers looks for.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(failed)?;
    std::fs::write(&path, file).map_err(AdaptedError::io("write", path.as_path()))
}
