//! The layout in which diffusers saves a model: one folder per part.

use std::path::{Path, PathBuf};

use crate::DiffusionError;
use crate::config::Fields;

/// Kinds of pipelines whose parts are those of this crate.
const PIPELINES: [&str; 4] = [
    "StableDiffusionPipeline",
    "StableDiffusionImg2ImgPipeline",
    "LatentDiffusionPipeline",
    "StableDiffusionInpaintPipelineLegacy",
];

/// A directory that holds a Stable Diffusion, found and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    root: PathBuf,
    variant: Option<String>,
}

impl Directory {
    /// Finds the model in `path`: the directory itself, or the one snapshot of a Hugging Face cache folder.
    ///
    /// `variant` asks for other files of weights, such as `fp16` for `diffusion_pytorch_model.fp16.safetensors`; without it, full
    /// precision goes before half.
    ///
    /// # Errors
    /// [`DiffusionError::File`], saying what was found instead and what to do.
    pub fn open(path: impl AsRef<Path>, variant: Option<&str>) -> Result<Self, DiffusionError> {
        let path = path.as_ref();
        let wrong = |problem: String, remedy: &str| DiffusionError::File {
            path: path.to_owned(),
            problem,
            remedy: remedy.into(),
        };
        if path.is_file() {
            return Err(wrong(
                "a file, not a directory".into(),
                "give the directory with `unet`, `vae`, `text_encoder` and `tokenizer`; a single `.ckpt` or `.safetensors` file is split into one by `convert_original_stable_diffusion_to_diffusers.py` of diffusers",
            ));
        }
        if !path.is_dir() {
            return Err(wrong(
                "no such directory".into(),
                "check the path; the model is a directory with `model_index.json`",
            ));
        }
        let root = match snapshots(path)?.as_slice() {
            [] => path.to_owned(),
            [one] => one.clone(),
            several => {
                return Err(wrong(
                    format!("a cache with {} snapshots", several.len()),
                    "name one of the folders in `snapshots`",
                ));
            }
        };
        let index = root.join("model_index.json");
        if !index.is_file() {
            let is_part = root.join("config.json").is_file() || root.join("vocab.json").is_file();
            let parent = root
                .parent()
                .filter(|p| p.join("model_index.json").is_file());
            return Err(match (is_part, parent) {
                (true, Some(parent)) => wrong(
                    "one part of a model".into(),
                    &format!("give the directory above it, {}", parent.display()),
                ),
                (true, None) => wrong(
                    "a `config.json` but no `model_index.json`: one network, not a Stable Diffusion".into(),
                    "vision transformers are loaded by `rs-peft embed` under their own names",
                ),
                (false, _) => wrong(
                    "no `model_index.json`".into(),
                    "give the directory that `save_pretrained` of diffusers wrote, or a snapshot from the hub",
                ),
            });
        }
        let fields = Fields::open(&index)?;
        let class = fields.text("_class_name", "StableDiffusionPipeline")?;
        if !PIPELINES.contains(&class.as_str()) || fields.get("text_encoder_2").is_some() {
            return Err(wrong(
                format!("a `{class}`"),
                "give a Stable Diffusion v1 (or another model of its architecture): XL, 3 and others have other parts",
            ));
        }
        Ok(Self {
            root,
            variant: variant.map(str::to_owned),
        })
    }

    /// The directory with `model_index.json`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file that must be there.
    pub(crate) fn file(&self, name: &str) -> Result<PathBuf, DiffusionError> {
        let path = self.root.join(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(DiffusionError::File {
            path,
            problem: "no such file".into(),
            remedy: format!("download `{name}` of the same model"),
        })
    }

    /// The folder of the tokenizer.
    pub(crate) fn tokenizer(&self) -> PathBuf {
        self.root.join("tokenizer")
    }

    /// The file of weights of the U-Net or the autoencoder.
    pub fn diffusers_weights(&self, part: &str) -> Result<PathBuf, DiffusionError> {
        self.weights(
            part,
            [
                ("diffusion_pytorch_model", "safetensors"),
                ("diffusion_pytorch_model", "bin"),
            ],
        )
    }

    /// The file of weights of the text encoder.
    pub fn transformers_weights(&self, part: &str) -> Result<PathBuf, DiffusionError> {
        self.weights(part, [("model", "safetensors"), ("pytorch_model", "bin")])
    }

    /// The first file there is: safetensors before pickles, and without a variant asked for, full precision before half.
    fn weights(&self, part: &str, stems: [(&str, &str); 2]) -> Result<PathBuf, DiffusionError> {
        let folder = self.root.join(part);
        let named = |variant: Option<&str>| {
            let infix = variant.map_or_else(String::new, |variant| format!(".{variant}"));
            stems.map(|(stem, end)| format!("{stem}{infix}.{end}"))
        };
        let names: Vec<String> = match &self.variant {
            Some(variant) => named(Some(variant)).into(),
            None => named(None).into_iter().chain(named(Some("fp16"))).collect(),
        };
        if let Some(name) = names.iter().find(|name| folder.join(name).is_file()) {
            return Ok(folder.join(name));
        }
        let cut = names
            .iter()
            .any(|name| folder.join(format!("{name}.index.json")).is_file());
        Err(DiffusionError::File {
            path: folder,
            problem: if cut {
                "its weights are cut into several files".into()
            } else {
                format!("none of {}", names.join(", "))
            },
            remedy: if cut {
                "save them as one: `save_pretrained(..., max_shard_size=\"100GB\")`".into()
            } else {
                format!("download the weights of `{part}` of the same model")
            },
        })
    }
}

/// The snapshots of a Hugging Face cache folder; none for any other directory.
fn snapshots(path: &Path) -> Result<Vec<PathBuf>, DiffusionError> {
    let folder = path.join("snapshots");
    if path.join("model_index.json").is_file() || !folder.is_dir() {
        return Ok(Vec::new());
    }
    let io = |source| DiffusionError::Io {
        path: folder.clone(),
        action: "listing",
        source,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.join("model_index.json").is_file() {
            found.push(path);
        }
    }
    Ok(found)
}
