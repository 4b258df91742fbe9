//! Writing a LoRA as diffusers does.

use std::path::Path;

use burn::tensor::backend::Backend;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::UnetLora;
use crate::build::transpose;
use crate::{DiffusionError, UnetSite};

impl<B: Backend> UnetLora<B> {
    /// Writes a safetensors file that `load_lora_weights` of diffusers reads: `unet.X.lora.down.weight` and
    /// `unet.X.lora.up.weight` in single precision. The scale is multiplied into the second, because diffusers takes a file of
    /// these names without an alpha to have the scale 1. The file appears whole or not at all.
    ///
    /// # Errors
    /// [`DiffusionError::Io`]; [`DiffusionError::Argument`] when a number is not finite.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), DiffusionError> {
        let path = path.as_ref();
        let mut tensors = Vec::new();
        for map in &self.maps {
            let ([inputs, rank], [_, outputs]) = (map.down.dims(), map.up.dims());
            let scaled = map.up.val().mul_scalar(map.scale);
            let down = bytes(map.site, map.down.val(), [inputs, rank])?;
            let up = bytes(map.site, scaled, [rank, outputs])?;
            tensors.push((
                format!("unet.{}.lora.down.weight", map.site),
                [rank, inputs],
                down,
            ));
            tensors.push((
                format!("unet.{}.lora.up.weight", map.site),
                [outputs, rank],
                up,
            ));
        }
        let io = |action| {
            move |source| DiffusionError::Io {
                path: path.to_owned(),
                action,
                source,
            }
        };
        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| {
                let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes);
                view.map(|view| (name.as_str(), view))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| io("describing")(std::io::Error::other(error)))?;
        let metadata = [("format".to_owned(), "pt".to_owned())].into();
        let whole = safetensors::serialize(views, Some(metadata))
            .map_err(|error| io("describing")(std::io::Error::other(error)))?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let file = tempfile::NamedTempFile::new_in(folder).map_err(io("creating"))?;
        std::fs::write(file.path(), whole).map_err(io("writing"))?;
        file.persist(path)
            .map_err(|error| io("renaming")(error.error))?;
        Ok(())
    }
}

/// A factor in PyTorch's order as little-endian bytes.
fn bytes<B: Backend>(
    site: UnetSite,
    factor: burn::tensor::Tensor<B, 2>,
    [rows, columns]: [usize; 2],
) -> Result<Vec<u8>, DiffusionError> {
    let values: Vec<f32> = factor.into_data().iter::<f32>().collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err(DiffusionError::argument(
            "a LoRA",
            format!("not finite at `{site}`"),
            "finite numbers: lower the learning rate",
        ));
    }
    let values = transpose(&values, rows, columns);
    Ok(values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect())
}
