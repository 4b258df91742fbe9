//! Reading a LoRA file of diffusers, peft or kohya's scripts.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use serde::Serialize;
use serde_json::Value;
use vit_backbone::TensorFile;

use super::keys::{Key, read};
use super::{UnetLora, UnetLoraMap, no_site, trainable};
use crate::build::transpose;
use crate::load::squeezed;
use crate::{DiffusionError, Unet, UnetSite};

/// How a file is read.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraLoadOptions {
    /// A factor on top of the scale of the file, as `cross_attention_kwargs={"scale": ...}` of diffusers.
    pub scale: f64,
    /// Leave aside what the file changes in the text encoder. Without it, such files are refused: contexts would not be theirs.
    pub without_text_encoder: bool,
}

impl Default for LoraLoadOptions {
    /// The file as it is.
    fn default() -> Self {
        Self {
            scale: 1.0,
            without_text_encoder: false,
        }
    }
}

/// What reading a file found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoraReport {
    /// The file.
    pub path: PathBuf,
    /// Number of linear maps that are updated.
    pub maps: usize,
    /// The ranks that occur.
    pub ranks: Vec<usize>,
    /// Where the scale comes from.
    pub scale_from: String,
    /// Tensors of the text encoder that were left aside.
    pub text_encoder: usize,
}

/// The keys of one map.
#[derive(Default)]
struct Parts {
    down: Option<String>,
    up: Option<String>,
    alpha: Option<String>,
}

impl<B: Backend> UnetLora<B> {
    /// Reads `pytorch_lora_weights.safetensors` (or `.bin`), or a directory with one.
    ///
    /// Known are the names of diffusers (`unet.X.lora.down.weight`, and the processors of early 2023), of peft
    /// (`X.lora_A.weight`) and of kohya's scripts (`lora_unet_X.lora_down.weight`), with or without the prefix `unet.`. The scale
    /// is alpha divided by the rank, alpha from its own key or the file's metadata; without either it is 1, as in diffusers.
    ///
    /// # Errors
    /// [`DiffusionError::File`] for files without a LoRA of linear maps of this U-Net, with shapes that do not fit, with
    /// halves of pairs, or with DoRA magnitudes; [`DiffusionError::Site`] with the nearest name for a map that the U-Net does not have.
    pub fn load(
        path: impl AsRef<Path>,
        unet: &Unet<B>,
        options: &LoraLoadOptions,
        device: &B::Device,
    ) -> Result<(Self, LoraReport), DiffusionError> {
        if !options.scale.is_finite() {
            return Err(DiffusionError::argument(
                "the scale",
                options.scale,
                "a finite number",
            ));
        }
        let path = weights_at(path.as_ref())?;
        let wrong = |problem: String, remedy: &str| DiffusionError::File {
            path: path.clone(),
            problem,
            remedy: remedy.into(),
        };
        let file = TensorFile::open(&path)?;
        let sites: BTreeMap<String, UnetSite> = unet
            .sites()
            .into_iter()
            .map(|site| (site.to_string(), site))
            .collect();
        let names: Vec<String> = sites.keys().cloned().collect();
        let flattened: HashMap<String, String> = names
            .iter()
            .map(|name| (name.replace('.', "_"), name.clone()))
            .collect();

        let mut found: BTreeMap<UnetSite, Parts> = BTreeMap::new();
        let mut text_encoder = 0;
        for tensor in file.tensors() {
            let key = tensor.key;
            let site = |name: &str| {
                sites
                    .get(name)
                    .copied()
                    .ok_or_else(|| no_site(name, &names))
            };
            let slot = match read(&key, &flattened) {
                Key::Down(name) => &mut found.entry(site(&name)?).or_default().down,
                Key::Up(name) => &mut found.entry(site(&name)?).or_default().up,
                Key::Alpha(name) => &mut found.entry(site(&name)?).or_default().alpha,
                Key::TextEncoder => {
                    text_encoder += 1;
                    continue;
                }
                Key::Magnitude => {
                    return Err(wrong(
                        format!("`{key}`: a DoRA, whose magnitudes need the dense update"),
                        "merge it into the U-Net with diffusers (`fuse_lora`) and load the merged directory",
                    ));
                }
                Key::Unknown => {
                    return Err(wrong(
                        format!("`{key}` belongs to no LoRA of a U-Net"),
                        "give the file `pytorch_lora_weights.safetensors` that diffusers wrote",
                    ));
                }
            };
            if let Some(other) = slot.replace(key.clone()) {
                return Err(wrong(
                    format!("`{other}` and `{key}` are the same tensor under two names"),
                    "keep one of them",
                ));
            }
        }
        if text_encoder > 0 && !options.without_text_encoder {
            return Err(wrong(
                format!(
                    "{text_encoder} of its tensors change the text encoder, which has no seam here"
                ),
                "set `without_text_encoder` to use the rest of it",
            ));
        }
        if found.is_empty() {
            return Err(wrong(
                "it holds no LoRA of a U-Net".into(),
                "give the file `pytorch_lora_weights.safetensors` that diffusers wrote",
            ));
        }
        let stated = Stated::of(&file, &path)?;
        let mut scale_from = "rank: no alpha in the file".to_owned();
        let mut maps = Vec::new();
        for (site, parts) in found {
            let (Some(down), Some(up)) = (&parts.down, &parts.up) else {
                return Err(wrong(
                    format!("of the pair at `{site}` only one half is there"),
                    "copy the file again",
                ));
            };
            let Some(base) = unet.linear(site) else {
                return Err(no_site(&site.to_string(), &names));
            };
            let [inputs, outputs] = base.weight.dims();
            let rank = rank_of(&file, down, up, [inputs, outputs]).map_err(|problem| {
                wrong(problem, "use the base model for which the file was trained")
            })?;
            let own = match &parts.alpha {
                Some(key) => {
                    scale_from = "keys `alpha`".into();
                    Some(single(&file.read(key)?).ok_or_else(|| {
                        wrong(format!("`{key}` is not one number"), "copy the file again")
                    })?)
                }
                None => None,
            };
            let scale = match (own, stated.scale(&site.to_string(), rank)) {
                (Some(alpha), _) => alpha / rank as f64,
                (None, Some(scale)) => {
                    scale_from = "metadata `lora_adapter_metadata`".into();
                    scale
                }
                (None, None) => 1.0,
            };
            let down = transpose(&file.read(down)?, rank, inputs);
            let up = transpose(&file.read(up)?, outputs, rank);
            maps.push(UnetLoraMap {
                down: trainable(Tensor::from_data(
                    TensorData::new(down, [inputs, rank]),
                    device,
                )),
                up: trainable(Tensor::from_data(
                    TensorData::new(up, [rank, outputs]),
                    device,
                )),
                site,
                scale: scale * options.scale,
            });
        }
        let mut ranks: Vec<usize> = maps.iter().map(|map| map.down.dims()[1]).collect();
        ranks.sort_unstable();
        ranks.dedup();
        let report = LoraReport {
            path: path.clone(),
            maps: maps.len(),
            ranks,
            scale_from,
            text_encoder,
        };
        Ok((Self { maps }, report))
    }
}

/// The rank of a pair whose shapes fit a map.
fn rank_of(
    file: &TensorFile,
    down: &str,
    up: &str,
    [inputs, outputs]: [usize; 2],
) -> Result<usize, String> {
    let shape = |key: &str| file.find(key).map_or_else(Vec::new, |found| found.shape);
    let (a, b) = (shape(down), shape(up));
    match (squeezed(&a), squeezed(&b)) {
        (&[rank, i], &[o, r]) if rank == r && rank > 0 && i == inputs && o == outputs => Ok(rank),
        _ => Err(format!(
            "`{down}` is {a:?} and `{up}` {b:?}, expected [rank, {inputs}] and [{outputs}, rank]"
        )),
    }
}

fn single(values: &[f32]) -> Option<f64> {
    match values {
        [value] => Some(f64::from(*value)),
        _ => None,
    }
}

/// What the metadata of a file says about scales.
#[derive(Default)]
struct Stated {
    alpha: Option<f64>,
    rslora: bool,
    /// Ends of names with an alpha of their own.
    pattern: Vec<(String, f64)>,
}

impl Stated {
    fn of(file: &TensorFile, path: &Path) -> Result<Self, DiffusionError> {
        let Some(text) = file.metadata().get("lora_adapter_metadata") else {
            return Ok(Self::default());
        };
        let wrong = |problem: &str| DiffusionError::File {
            path: path.to_owned(),
            problem: format!("its metadata `lora_adapter_metadata` {problem}"),
            remedy: "save it again with diffusers".into(),
        };
        let whole: Value =
            serde_json::from_str(text).map_err(|e| wrong(&format!("is no JSON: {e}")))?;
        let field = |name: &str| {
            let value = whole
                .get(format!("unet.{name}"))
                .or_else(|| whole.get(name));
            value.filter(|value| !value.is_null())
        };
        let flag = |name: &str| field(name).and_then(Value::as_bool) == Some(true);
        if flag("use_dora") {
            return Err(wrong("says that it is a DoRA"));
        }
        let mut pattern = Vec::new();
        if let Some(Value::Object(map)) = field("alpha_pattern") {
            for (name, alpha) in map {
                let name = name.trim_start_matches('^');
                let plain = name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
                match alpha.as_f64() {
                    Some(alpha) if plain => pattern.push((name.to_owned(), alpha)),
                    _ => return Err(wrong("has an `alpha_pattern` that is a regular expression")),
                }
            }
        }
        Ok(Self {
            alpha: field("lora_alpha").and_then(Value::as_f64),
            rslora: flag("use_rslora"),
            pattern,
        })
    }

    /// The scale of a map, if an alpha is stated.
    fn scale(&self, name: &str, rank: usize) -> Option<f64> {
        let own = self.pattern.iter().find(|(end, _)| {
            let front = name.strip_suffix(end.as_str());
            front.is_some_and(|front| front.is_empty() || front.ends_with('.'))
        });
        let alpha = own.map(|(_, alpha)| *alpha).or(self.alpha)?;
        let rank = rank as f64;
        Some(alpha / if self.rslora { rank.sqrt() } else { rank })
    }
}

/// The file in a directory, or the path itself.
fn weights_at(path: &Path) -> Result<PathBuf, DiffusionError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let names = [
        "pytorch_lora_weights.safetensors",
        "pytorch_lora_weights.bin",
        "adapter_model.safetensors",
    ];
    let found = names
        .iter()
        .map(|name| path.join(name))
        .find(|path| path.is_file());
    found.ok_or_else(|| DiffusionError::File {
        path: path.to_owned(),
        problem: format!("none of {}", names.join(", ")),
        remedy: "name the file itself".into(),
    })
}
