//! Adapter directories in the format of Hugging Face PEFT.
//!
//! | file | content |
//! |---|---|
//! | `adapter_config.json` | the method with its numbers, as PEFT writes it |
//! | `adapter_model.safetensors` | the trained tensors, in f32, under PEFT's keys; the head's under `base_model.model.head.*` |
//! | `rs_peft.json` | the method as configured here, and the SHA-256 of the base's checkpoint file, of the other files and of itself |
//! | `rs_peft.safetensors` | the head's further arrays, if it has any |
//!
//! Python peft reads the first two and ignores the others; directories without the others, as Python peft writes them, are
//! read here. With the base loaded into timm's model, `PeftModel.from_pretrained(model, directory)` gives the same logits.
//!
//! | method | `peft_type` | keys below `base_model.model.` |
//! |---|---|---|
//! | LoRA | `LORA` | `blocks.0.attn.qkv.lora_A.weight` `[r, in]`, `...lora_B.weight` `[out, r]` |
//! | its biases | | `blocks.0.attn.qkv.base_layer.bias` of adapted maps, `blocks.0.norm1.bias` elsewhere |
//! | DoRA | `LORA` | as LoRA, and `blocks.0.attn.qkv.lora_magnitude_vector` `[out]` |
//! | (IA)3 | `IA3` | `blocks.0.attn.qkv.ia3_l` `[out, 1]`, of feed-forward maps `[1, in]` |
//! | norm tuning | `LN_TUNING` | `blocks.0.norm1.ln_tuning_layers.weight`, `.bias` |
//! | BitFit | `RS_PEFT_BITFIT` | `blocks.0.attn.qkv.bias`, `patch_embed.proj.bias`, ... |
//! | full, from scratch | `RS_PEFT_FULL`, `RS_PEFT_SCRATCH` | every parameter under its timm name |
//! | frozen | `RS_PEFT_FROZEN` | none but the head's |
//! | SLR | `RS_PEFT_SLR` | `blocks.0.attn.qkv.slr_in`, `.slr_down.weight`, `.slr_up.weight`, `.slr_out`, ... |
//! | Houlsby | `RS_PEFT_HOULSBY` | `blocks.0.attn.adapter.down.weight`, `blocks.0.mlp.adapter.up.weight`, ... |
//! | AdaptFormer | `RS_PEFT_ADAPTFORMER` | `blocks.0.mlp.adaptmlp.down.weight`, ... |
//! | VPT | `RS_PEFT_VPT` | `blocks.0.prompts` `[1, prompts, dim]` |
//!
//! The types that begin with `RS_PEFT_` are ours: PEFT has no such methods and refuses them.
//!
//! An adapter of some of query, key and value is written as one of the whole fused map with the sum of their ranks and zeros in
//! the blocks that are not trained, its alpha chosen so that the function is the same; `rs_peft.json` tells the parts apart
//! again. Read without that file, it is a plain adapter of the fused map. An (IA)3 of parts is written with ones elsewhere.

mod adapter_config;
mod array;
mod base;
mod describe;
mod directory;
mod fused;
mod ia3_file;
mod load;
mod lora_file;
mod methods;
mod names;
mod record;
mod save;
pub(crate) mod slot;
mod tensors;
mod vit_names;

pub use array::{HostArray, SavedHead};
pub use base::{BaseCheck, BaseIdentity, LoadOptions};
pub use directory::read_capped;
pub use load::{LoadReport, LoadedAdapter};

/// What PEFT puts before every module path.
const PREFIX: &str = "base_model.model.";
