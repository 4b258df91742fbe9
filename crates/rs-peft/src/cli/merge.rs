//! `rs-peft merge`: an adapter written into its backbone.

use std::path::PathBuf;

use burn::tensor::backend::AutodiffBackend;
use rs_peft::adapted::{AdaptedModel, LoadModelOptions};
use rs_peft::{BackendKind, BackendTask, dispatch};

const EXAMPLES: &str = "\
Example:
  rs-peft merge model --output merged.safetensors

The file has timm's names in single precision and needs no adapter. The head stays in the model directory. Methods that are no
weights (houlsby, adaptformer, vpt, deflect) cannot be merged.";

/// Arguments of `merge`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Folder that `rs-peft adapt` wrote.
    model: PathBuf,
    /// File to write.
    #[arg(long)]
    output: PathBuf,
    /// The backbone's checkpoint, where it is no longer where it was.
    #[arg(long)]
    backbone: Option<PathBuf>,
    /// flex, ndarray, wgpu, vulkan, metal or cuda.
    #[arg(long, default_value = "flex")]
    backend: BackendKind,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    dispatch(args.backend, Merge(args))?
}

struct Merge<'a>(&'a Args);

impl BackendTask for Merge<'_> {
    type Output = anyhow::Result<()>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> anyhow::Result<()> {
        let options = LoadModelOptions {
            backbone: self.0.backbone.clone(),
        };
        let model = AdaptedModel::<B::InnerBackend>::load_with(&self.0.model, &options, &device)?;
        let saved = model.save_merged(&self.0.output)?;
        println!(
            "{} ({} bytes, sha256 {})",
            self.0.output.display(),
            saved.bytes,
            saved.sha256
        );
        Ok(())
    }
}
