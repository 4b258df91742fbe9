//! Loading one part: names, shapes and types are compared before any value is read, then values are read tensor by tensor.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use vit_backbone::{
    BackboneError, Expected, Format, Found, InitRule, Mismatch, ParameterSource, StoredType,
    TensorFile, Unused, UnusedReason, nearest_name,
};

use crate::DiffusionError;

/// What loading one part found and did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartReport {
    /// The file.
    pub path: PathBuf,
    /// Its container.
    pub format: Format,
    /// Its size in bytes.
    pub bytes: u64,
    /// Number of tensors that were loaded.
    pub loaded: usize,
    /// Number of parameters in them.
    pub parameters: usize,
    /// Tensors that were found under another name than today's: (name, key).
    pub renamed: Vec<(String, String)>,
    /// Tensors that the model needs and the file has not.
    pub missing: Vec<Expected>,
    /// Tensors of the right name and the wrong shape or type.
    pub mismatched: Vec<Mismatch>,
    /// Tensors of the file that were left aside.
    pub unused: Vec<Unused>,
    /// Names that look like something the file has: (name needed, nearest key).
    pub suggestions: Vec<(String, String)>,
}

impl PartReport {
    /// Tensors of the file left aside without a known reason.
    pub fn unknown(&self) -> impl Iterator<Item = &Unused> {
        self.unused
            .iter()
            .filter(|unused| unused.reason == UnusedReason::Unknown)
    }

    fn fits(&self) -> bool {
        self.missing.is_empty() && self.mismatched.is_empty() && self.unknown().next().is_none()
    }
}

/// Lists at most this many lines of a kind; the report itself is complete.
const SHOWN: usize = 6;

impl fmt::Display for PartReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}, {} bytes): {} tensors loaded, {} missing, {} of another shape or type, {} unknown",
            self.path.display(),
            self.format,
            self.bytes,
            self.loaded,
            self.missing.len(),
            self.mismatched.len(),
            self.unknown().count()
        )?;
        let missing = self.missing.iter().map(|m| {
            let near = self.suggestions.iter().find(|(name, _)| *name == m.name);
            let near = near.map_or_else(String::new, |(_, key)| format!("; `{key}` is near"));
            format!("missing {} {:?}{near}", m.name, m.shape)
        });
        let mismatched = self.mismatched.iter().map(|m| {
            format!(
                "{}: expected {:?} of a float type, found {:?} {}",
                m.found.key, m.expected.shape, m.found.shape, m.found.dtype
            )
        });
        let unknown = self
            .unknown()
            .map(|u| format!("unknown {} {:?}", u.found.key, u.found.shape));
        lines(f, mismatched)?;
        lines(f, missing)?;
        lines(f, unknown)
    }
}

fn lines(f: &mut fmt::Formatter<'_>, lines: impl Iterator<Item = String>) -> fmt::Result {
    for (number, line) in lines.enumerate() {
        match number {
            SHOWN => write!(f, "\n    ...")?,
            more if more > SHOWN => {}
            _ => write!(f, "\n    {line}")?,
        }
    }
    Ok(())
}

/// Which part of a model a file holds, for its old names and for what of it is not needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Unet { up_path: bool },
    Vae { decoder: bool },
    Text,
}

impl Part {
    /// Today's name of a key.
    fn name(self, key: &str) -> String {
        match self {
            Self::Unet { .. } => key.to_owned(),
            // The attention of the autoencoder had other names until 2023.
            Self::Vae { .. } => [
                (".query.", ".to_q."),
                (".key.", ".to_k."),
                (".value.", ".to_v."),
                (".proj_attn.", ".to_out.0."),
            ]
            .into_iter()
            .find(|(old, _)| key.contains("mid_block.attentions.0.") && key.contains(old))
            .map_or_else(|| key.to_owned(), |(old, new)| key.replacen(old, new, 1)),
            // transformers wrote this prefix until version 5.
            Self::Text => key.strip_prefix("text_model.").unwrap_or(key).to_owned(),
        }
    }

    /// Why a tensor that the model does not need stands in its file.
    fn reason(self, name: &str) -> UnusedReason {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        match self {
            Self::Unet { up_path: false }
                if starts(&["up_blocks.", "conv_norm_out.", "conv_out."]) =>
            {
                UnusedReason::Declined
            }
            Self::Vae { decoder: false } if starts(&["decoder.", "post_quant_conv."]) => {
                UnusedReason::Declined
            }
            Self::Text if name == "embeddings.position_ids" => UnusedReason::Declined,
            Self::Text
                if starts(&[
                    "vision_model.",
                    "visual_projection.",
                    "text_projection.",
                    "logit_scale",
                ]) =>
            {
                UnusedReason::Elsewhere
            }
            _ => UnusedReason::Unknown,
        }
    }
}

/// A file that has been compared with what a model needs.
pub(crate) struct FileSource {
    file: TensorFile,
    /// Name of the model -> key of the file.
    keys: BTreeMap<String, String>,
}

impl FileSource {
    /// Compares; an error holds the whole report.
    pub(crate) fn compare(
        file: TensorFile,
        part: Part,
        expected: &[Expected],
    ) -> Result<(Self, PartReport), DiffusionError> {
        let mut by_name: BTreeMap<String, Found> = file
            .tensors()
            .map(|found| (part.name(&found.key), found))
            .collect();
        let mut report = PartReport {
            path: file.path().to_owned(),
            format: file.format(),
            bytes: file.bytes(),
            loaded: 0,
            parameters: 0,
            renamed: Vec::new(),
            missing: Vec::new(),
            mismatched: Vec::new(),
            unused: Vec::new(),
            suggestions: Vec::new(),
        };
        let mut keys = BTreeMap::new();
        for expected in expected {
            let Some(found) = by_name.remove(&expected.name) else {
                report.missing.push(expected.clone());
                continue;
            };
            let float = !matches!(found.dtype, StoredType::Other { .. });
            if !float || squeezed(&found.shape) != squeezed(&expected.shape) {
                report.mismatched.push(Mismatch {
                    expected: expected.clone(),
                    found,
                });
                continue;
            }
            report.loaded += 1;
            report.parameters += expected.shape.iter().product::<usize>();
            if found.key != expected.name {
                report
                    .renamed
                    .push((expected.name.clone(), found.key.clone()));
            }
            keys.insert(expected.name.clone(), found.key);
        }
        report.unused = by_name
            .into_iter()
            .map(|(name, found)| Unused {
                reason: part.reason(&name),
                found,
            })
            .collect();
        for missing in report.missing.iter().take(SHOWN) {
            let near = nearest_name(
                &missing.name,
                report.unused.iter().map(|unused| unused.found.key.as_str()),
            );
            if let Some(near) = near {
                report
                    .suggestions
                    .push((missing.name.clone(), near.to_owned()));
            }
        }
        if !report.fits() {
            return Err(DiffusionError::Weights(Box::new(report)));
        }
        Ok((Self { file, keys }, report))
    }
}

/// A shape without the ones behind its first two axes: a convolution of size one is a matrix.
pub(crate) fn squeezed(shape: &[usize]) -> &[usize] {
    let mut shape = shape;
    while shape.len() > 2 && shape.last() == Some(&1) {
        shape = &shape[..shape.len() - 1];
    }
    shape
}

impl ParameterSource for FileSource {
    fn values(&mut self, name: &str, _: &[usize], _: InitRule) -> Result<Vec<f32>, BackboneError> {
        // A name that was not compared has no key and is refused by the file itself.
        self.file
            .read(self.keys.get(name).map_or(name, String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_are_known() {
        let vae = Part::Vae { decoder: false };
        assert_eq!(
            vae.name("encoder.mid_block.attentions.0.proj_attn.bias"),
            "encoder.mid_block.attentions.0.to_out.0.bias"
        );
        assert_eq!(vae.name("encoder.conv_in.weight"), "encoder.conv_in.weight");
        assert_eq!(
            Part::Text.name("text_model.final_layer_norm.bias"),
            "final_layer_norm.bias"
        );
        assert_eq!(vae.reason("decoder.conv_in.weight"), UnusedReason::Declined);
        assert_eq!(vae.reason("loss.weight"), UnusedReason::Unknown);
    }

    #[test]
    fn only_ones_behind_a_matrix_are_dropped() {
        assert_eq!(squeezed(&[4, 4, 1, 1]), [4, 4]);
        assert_eq!(squeezed(&[4, 1]), [4, 1]);
        assert_eq!(squeezed(&[4, 4, 1, 3]), [4, 4, 1, 3]);
        assert_eq!(squeezed(&[]), [0usize; 0]);
    }
}
