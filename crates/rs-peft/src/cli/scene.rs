//! `rs-peft map`: a map of a whole scene.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use burn::tensor::backend::AutodiffBackend;
use indicatif::{ProgressBar, ProgressStyle};
use rs_peft::adapted::{AdaptedModel, LoadModelOptions};
use rs_peft::rs_datasets::{Band, BandSet};
use rs_peft::scene::{
    ClassColours, MapOptions, MapReport, Probabilities, Progress, SceneModel, WindowModel,
    map_scene, write_quicklook,
};
use rs_peft::{BackendKind, BackendTask, dispatch};

const EXAMPLES: &str = "\
Examples:
  A class per pixel (or, for a model of chips, per chip) as a GeoTIFF with the grid of the scene:
    rs-peft map model scene.tif --output map.tif
  With the probability of each class, a picture to look at, and numbers for a script:
    rs-peft map model scene.tif --output map.tif --probabilities p.tif --quicklook map.png --json
  A model of 64-pixel chips, asked every 16 pixels:
    rs-peft map model scene.tif --output map.tif --stride 16
  The same command after it was stopped goes on where it was.";

/// Arguments of `map`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Folder that `rs-peft adapt` wrote.
    model: PathBuf,
    /// GeoTIFF of any size.
    scene: PathBuf,
    /// The map: a tiled GeoTIFF of 8-bit class indices, 255 where the scene has no data.
    #[arg(long)]
    output: PathBuf,
    /// Side of a window in pixels of the scene; the training size if absent.
    #[arg(long)]
    window: Option<usize>,
    /// Pixels that neighbouring windows have in common; a quarter of a window if absent. For models with a class per pixel.
    #[arg(long, conflicts_with = "stride")]
    overlap: Option<usize>,
    /// Pixels from one chip to the next, which is the size of a pixel of the map; a window if absent. For models with a class per image.
    #[arg(long)]
    stride: Option<usize>,
    /// Windows per forward pass.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Write the probability of each class to this GeoTIFF too, one band per class.
    #[arg(long)]
    probabilities: Option<PathBuf>,
    /// Probabilities as whole per cent in 8 bits instead of 32-bit floats.
    #[arg(long, requires = "probabilities")]
    percent: bool,
    /// Write a small picture with a legend (PNG).
    #[arg(long)]
    quicklook: Option<PathBuf>,
    /// TOML file with a table [colours]: class = "#rrggbb".
    #[arg(long)]
    colours: Option<PathBuf>,
    /// Names of the scene's bands in the order of the file, where they are not those of the training images.
    #[arg(long, value_delimiter = ',')]
    bands: Vec<String>,
    /// Replace a map that exists.
    #[arg(long)]
    force: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// The backbone's checkpoint, where it is no longer where it was.
    #[arg(long)]
    backbone: Option<PathBuf>,
    /// flex, ndarray, wgpu, vulkan, metal or cuda.
    #[arg(long, default_value = "flex")]
    backend: BackendKind,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    dispatch(args.backend, Map(args))?
}

struct Map<'a>(&'a Args);

impl BackendTask for Map<'_> {
    type Output = anyhow::Result<()>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> anyhow::Result<()> {
        let args = self.0;
        let load = LoadModelOptions {
            backbone: args.backbone.clone(),
        };
        let model = AdaptedModel::<B::InnerBackend>::load_with(&args.model, &load, &device)?;
        let model = SceneModel::new(model, &args.model, args.window)?;
        let mut options = MapOptions::new(model.classes());
        options.overlap = args.overlap;
        options.stride = args.stride;
        options.batch = args.batch;
        options.force = args.force;
        options.probabilities = args.probabilities.as_ref().map(|path| Probabilities {
            path: path.clone(),
            percent: args.percent,
        });
        if let Some(path) = &args.colours {
            options.colours = ClassColours::read(path, model.classes())?;
        }
        if !args.bands.is_empty() {
            options.bands = Some(Arc::new(named(&args.bands, &model.bands())?));
        }
        let bar = ProgressBar::new(0);
        // The template is a constant; a wrong one would show in the first run.
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:30} {pos}/{len} windows  {per_sec}  {elapsed} gone, {eta} left",
        ) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        let watch = |progress: Progress| {
            if bar.length() != Some(progress.total as u64) {
                bar.set_length(progress.total as u64);
                // Windows of an earlier attempt say nothing about the rate of this one.
                bar.set_position(progress.resumed as u64);
                bar.reset_eta();
            }
            bar.set_position(progress.done as u64);
            ControlFlow::Continue(())
        };
        let report = map_scene(&model, &args.scene, &args.output, &options, &watch)?;
        bar.finish_and_clear();
        if let Some(picture) = &args.quicklook {
            write_quicklook(&args.output, model.classes(), &options.colours, picture)?;
        }
        print(args, model.classes(), &report)
    }
}

/// The bands of the scene: those of the model where a name is one of them, else bands of which only the name is known.
fn named(names: &[String], known: &BandSet) -> anyhow::Result<BandSet> {
    let bands = names.iter().map(|name| match known.index_of(name) {
        Ok(at) => known.as_slice()[at].clone(),
        Err(_) => Band::other(name, "unknown", None),
    });
    BandSet::new(bands.collect()).context("--bands")
}

fn print(args: &Args, classes: &[String], report: &MapReport) -> anyhow::Result<()> {
    if args.json {
        let shares = classes.iter().zip(&report.pixels);
        let shares: serde_json::Map<String, serde_json::Value> = shares
            .map(|(class, &pixels)| (class.clone(), pixels.into()))
            .collect();
        let value = serde_json::json!({
            "map": args.output,
            "probabilities": args.probabilities,
            "quicklook": args.quicklook,
            "height": report.height,
            "width": report.width,
            "windows": report.windows,
            "empty_windows": report.empty_windows,
            "resumed_windows": report.resumed_windows,
            "pixels": shares,
            "without_class": report.without_class,
            "notes": report.notes,
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(());
    }
    for note in &report.notes {
        eprintln!("Note: {note}.");
    }
    let path: &Path = &args.output;
    let all: u64 = report.pixels.iter().sum();
    println!(
        "{}: {} x {} pixels",
        path.display(),
        report.height,
        report.width
    );
    for (class, &pixels) in classes.iter().zip(&report.pixels) {
        println!(
            "  {class}: {:.2} %",
            100.0 * pixels as f64 / all.max(1) as f64
        );
    }
    if report.without_class > 0 {
        println!("  {} pixels without data", report.without_class);
    }
    Ok(())
}
