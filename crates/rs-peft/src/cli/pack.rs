//! `rs-peft pack`: a checkpoint with the description of its input, in half or single precision.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::tensor::backend::AutodiffBackend;
use rs_datasets::{BandStatistics, InputUnit, StatisticsSource};
use rs_peft::run::INPUT_METADATA;
use rs_peft::{BackendKind, BackendTask, dispatch, rs_datasets, vit_backbone};
use vit_backbone::{Dtype, Heads, LoadOptions, load_vit, save_vit};

/// Arguments of `pack`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Checkpoint: safetensors or .pth in timm's or MAE's naming.
    #[arg(long)]
    weights: PathBuf,
    /// File to write.
    #[arg(long)]
    output: PathBuf,
    /// Attention heads, where the file does not say.
    #[arg(long)]
    heads: Option<usize>,
    /// Bands of the input, in order.
    #[arg(long, value_delimiter = ',', default_value = "B04,B03,B02")]
    bands: Vec<String>,
    /// Means of the bands in 8-bit values.
    #[arg(long, value_delimiter = ',')]
    mean: Vec<f64>,
    /// Standard deviations of the bands in 8-bit values.
    #[arg(long, value_delimiter = ',')]
    std: Vec<f64>,
    /// Name of the weights.
    #[arg(long)]
    name: String,
    /// Further metadata, KEY=VALUE.
    #[arg(long)]
    metadata: Vec<String>,
    /// Keep single precision.
    #[arg(long)]
    single: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let kind = BackendKind::ALL
        .into_iter()
        .find(|kind| kind.is_compiled_in());
    let kind = kind
        .ok_or_else(|| anyhow::anyhow!("no backend was compiled in; build with --features flex"))?;
    dispatch(kind, Pack(args))?
}

struct Pack<'a>(&'a Args);

impl BackendTask for Pack<'_> {
    type Output = anyhow::Result<()>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> anyhow::Result<()> {
        let args = self.0;
        let options = LoadOptions {
            heads: args.heads.map_or(Heads::FromMetadata, Heads::Given),
            ..LoadOptions::default()
        };
        let (vit, report) = load_vit::<B>(&args.weights, None, &options, &device)?;
        let statistics = BandStatistics {
            bands: args.bands.clone(),
            mean: args.mean.clone(),
            std: args.std.clone(),
            unit: InputUnit::Uint8,
            source: StatisticsSource::Weights {
                name: args.name.clone(),
            },
            percentiles: None,
        };
        statistics.validate()?;
        let mut metadata: BTreeMap<String, String> = report.metadata.clone();
        metadata.retain(|key, _| key != "format" && key != "vit_config");
        metadata.insert(INPUT_METADATA.into(), serde_json::to_string(&statistics)?);
        metadata.insert("name".into(), args.name.clone());
        for entry in &args.metadata {
            let (key, value) = entry
                .split_once('=')
                .ok_or_else(|| anyhow::anyhow!("--metadata {entry}: expected KEY=VALUE"))?;
            metadata.insert(key.into(), value.into());
        }
        let dtype = if args.single { Dtype::F32 } else { Dtype::F16 };
        let saved = save_vit(&vit, &report.config, &args.output, dtype, &metadata)?;
        println!(
            "{} ({} bytes, sha256 {})",
            args.output.display(),
            saved.bytes,
            saved.sha256
        );
        Ok(())
    }
}
