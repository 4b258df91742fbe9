//! `rs-peft predict`: what a model says about images.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use burn::tensor::backend::AutodiffBackend;
use indicatif::{ProgressBar, ProgressStyle};
use rs_peft::adapted::{AdaptedModel, Classified, LoadModelOptions, images_below};
use rs_peft::rs_datasets::io::{csv_field, write_atomically};
use rs_peft::rs_datasets::{Sample, Task};
use rs_peft::{BackendKind, BackendTask, dispatch};

const EXAMPLES: &str = "\
Examples:
  A class and probabilities for every image of a folder:
    rs-peft predict model chips --output predictions.csv
  The same as JSON, of two files:
    rs-peft predict model a.tif b.tif --output predictions.json
  A class per pixel: one 8-bit PNG of class indices per image, 255 where nothing was measured:
    rs-peft predict model tiles --output masks";

/// Images decoded and run at a time.
const CHUNK: usize = 64;

/// Value of a mask where nothing was measured.
const NOT_MEASURED: u8 = 255;

/// Arguments of `predict`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Folder that `rs-peft adapt` wrote.
    model: PathBuf,
    /// Images (TIFF, JPEG, PNG, npy) and folders of them.
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// predictions.csv or predictions.json; a folder for masks of a class per pixel.
    #[arg(long)]
    output: PathBuf,
    /// Names of the images' bands in the order of the files, where they are not those of the training images.
    #[arg(long, value_delimiter = ',')]
    bands: Vec<String>,
    /// The backbone's checkpoint, where it is no longer where it was.
    #[arg(long)]
    backbone: Option<PathBuf>,
    /// flex, ndarray, wgpu, vulkan, metal or cuda.
    #[arg(long, default_value = "flex")]
    backend: BackendKind,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    dispatch(args.backend, Predict(args))?
}

struct Predict<'a>(&'a Args);

impl BackendTask for Predict<'_> {
    type Output = anyhow::Result<()>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> anyhow::Result<()> {
        let args = self.0;
        let options = LoadModelOptions {
            backbone: args.backbone.clone(),
        };
        let model = AdaptedModel::<B::InnerBackend>::load_with(&args.model, &options, &device)?;
        let files = images_below(&args.images)?;
        let bar = bar(files.len());
        match model.manifest().task {
            Task::Segmentation => masks(&model, args, &files, &bar)?,
            _ => classes(&model, args, &files, &bar)?,
        }
        bar.finish_and_clear();
        println!(
            "{} images, {}",
            files.len(),
            args.output.display()
        );
        Ok(())
    }
}

fn bar(files: usize) -> ProgressBar {
    let bar = ProgressBar::new(files as u64);
    // The template is a constant; a wrong one would show in the first run.
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {pos}/{len} images  {elapsed} gone, {eta} left")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn classes<B: burn::tensor::backend::Backend>(
    model: &AdaptedModel<B>,
    args: &Args,
    files: &[PathBuf],
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let ending = args
        .output
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    let json = match ending.as_deref() {
        Some("json") => true,
        Some("csv") => false,
        _ => anyhow::bail!(
            "--output {}: expected a name that ends in .csv or .json",
            args.output.display()
        ),
    };
    let mut found = Vec::with_capacity(files.len());
    for chunk in files.chunks(CHUNK) {
        let samples: Vec<Sample> = chunk
            .iter()
            .map(|file| model.read_image(file, &args.bands))
            .collect::<Result<_, _>>()?;
        found.extend(model.classify(&samples)?);
        bar.inc(chunk.len() as u64);
    }
    let classes = &model.manifest().classes;
    let text = if json {
        as_json(&args.model, classes, files, &found)?
    } else {
        as_csv(classes, files, &found)
    };
    write_atomically(&args.output, text.as_bytes())?;
    Ok(())
}

fn as_json(
    model: &Path,
    classes: &[String],
    files: &[PathBuf],
    found: &[Classified],
) -> anyhow::Result<String> {
    let rows: Vec<_> = files
        .iter()
        .zip(found)
        .map(|(file, found)| {
            serde_json::json!({
                "image": file,
                "class": classes[found.class],
                "probability": found.probabilities[found.class],
                "probabilities": found.probabilities,
            })
        })
        .collect();
    let value = serde_json::json!({ "model": model, "classes": classes, "predictions": rows });
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

/// One row per image: path, class, its probability, then the probability of every class.
fn as_csv(classes: &[String], files: &[PathBuf], found: &[Classified]) -> String {
    let mut text = String::from("image,class,probability");
    for class in classes {
        text.push(',');
        text.push_str(&csv_field(&format!("p_{class}")));
    }
    text.push('\n');
    for (file, found) in files.iter().zip(found) {
        text.push_str(&csv_field(&file.to_string_lossy()));
        text.push(',');
        text.push_str(&csv_field(&classes[found.class]));
        text.push_str(&format!(",{:.6}", found.probabilities[found.class]));
        for probability in &found.probabilities {
            text.push_str(&format!(",{probability:.6}"));
        }
        text.push('\n');
    }
    text
}

fn masks<B: burn::tensor::backend::Backend>(
    model: &AdaptedModel<B>,
    args: &Args,
    files: &[PathBuf],
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let classes = model.manifest().classes.len();
    ensure!(
        classes <= usize::from(NOT_MEASURED),
        "{classes} classes do not fit 8-bit masks, which hold {NOT_MEASURED}"
    );
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot create {}", args.output.display()))?;
    let mut names = std::collections::HashSet::new();
    for file in files {
        let name = format!(
            "{}.png",
            file.file_stem().unwrap_or_default().to_string_lossy()
        );
        ensure!(
            names.insert(name.clone()),
            "two images are called {name}; predict them one folder at a time"
        );
        let map = model.label_map(&model.read_image(file, &args.bands)?)?;
        let values: Vec<u8> = map
            .classes
            .iter()
            .zip(&map.valid)
            .map(|(&class, &valid)| if valid { class as u8 } else { NOT_MEASURED })
            .collect();
        let picture = image::GrayImage::from_raw(map.width as u32, map.height as u32, values)
            .context("a mask of another size than its image")?;
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Png)?;
        write_atomically(&args.output.join(name), &bytes.into_inner())?;
        bar.inc(1);
    }
    Ok(())
}
