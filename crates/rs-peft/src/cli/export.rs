//! `rs-peft export`: a model for timm, transformers or peft.

use std::path::PathBuf;

use burn::tensor::backend::AutodiffBackend;
use clap::ValueEnum;
use rs_peft::adapted::{AdaptedModel, ExportFormat, LoadModelOptions};
use rs_peft::{BackendKind, BackendTask, dispatch};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  For timm, adapter merged, head included:
    rs-peft export model --for timm --output timm_model
    python: timm.create_model('local-dir:timm_model', pretrained=True)
  For transformers, of a model whose head reads the class token behind the final norm:
    rs-peft export model --for transformers --output hf_model
    python: transformers.ViTForImageClassification.from_pretrained('hf_model')
  A LoRA or DoRA for Python peft:
    rs-peft export model --for peft --output adapter
    python: peft.PeftModel.from_pretrained(timm.create_model('local-dir:adapter/base', pretrained=True), 'adapter')

What goes into those models are the channels that the steps in rs_peft_input.json make (bands, resizing, normalisation). The logits are those of
`rs-peft predict`, up to rounding. `rs-peft merge` writes the merged backbone alone, as one file.";

/// Arguments of `export`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Folder that `rs-peft adapt` wrote, of a class per image.
    model: PathBuf,
    /// The library that is to load it.
    #[arg(long = "for", value_enum)]
    library: Library,
    /// Folder to write; it must not exist yet, or be empty.
    #[arg(long)]
    output: PathBuf,
    /// The backbone's checkpoint, where it is no longer where it was.
    #[arg(long)]
    backbone: Option<PathBuf>,
    /// flex, ndarray, wgpu, vulkan, metal or cuda.
    #[arg(long, default_value = "flex")]
    backend: BackendKind,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The library that is to load a model.
#[derive(Clone, Copy, ValueEnum)]
enum Library {
    /// pytorch-image-models.
    Timm,
    /// Hugging Face transformers.
    Transformers,
    /// Hugging Face peft, over timm.
    Peft,
}

impl From<Library> for ExportFormat {
    fn from(library: Library) -> Self {
        match library {
            Library::Timm => Self::Timm,
            Library::Transformers => Self::Transformers,
            Library::Peft => Self::Peft,
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    dispatch(args.backend, Export(args))?
}

struct Export<'a>(&'a Args);

impl BackendTask for Export<'_> {
    type Output = anyhow::Result<()>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> anyhow::Result<()> {
        let args = self.0;
        let options = LoadModelOptions {
            backbone: args.backbone.clone(),
        };
        let model = AdaptedModel::<B::InnerBackend>::load_with(&args.model, &options, &device)?;
        let format = ExportFormat::from(args.library);
        model.export(format, &args.output)?;
        if args.json {
            println!(
                "{}",
                json!({ "path": args.output, "for": format.name(), "model": args.model })
            );
        } else {
            println!("{} (for {})", args.output.display(), format.name());
        }
        Ok(())
    }
}
