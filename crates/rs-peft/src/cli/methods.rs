//! `rs-peft methods`: what can be trained in a backbone, and how much of it that is.

use std::path::Path;

use anyhow::Context;
use rs_peft::adapt::{METHODS, default_method};
use rs_peft::deflect::Spectrum;
use rs_peft::experiment::Method;
use rs_peft::rs_datasets::Band;
use rs_peft::rs_datasets::sensors::sentinel2;
use rs_peft::run::SHIPPED;
use rs_peft::shipped::place_backbone;
use rs_peft::vit_backbone::{TensorFile, VitConfig, preset, presets, recognise};

const EXAMPLES: &str = "\
Examples:
  Counts on the shipped backbone:
    rs-peft methods
  On a published one, without its file:
    rs-peft methods --backbone scale_mae_vit_l16
  On a file:
    rs-peft methods --backbone vit.safetensors --json

In the formulas d is the width of the backbone, m that of its MLP, L its depth, r a rank, w a width of bottlenecks.";

/// What each method trains, and how many parameters that is.
const FORMULAS: [(&str, &str); 13] = [
    ("frozen", "nothing but the head: 0"),
    ("norm_tuning", "gain and bias of every LayerNorm: 2d each"),
    ("bitfit", "every bias of linear maps, norms and patches"),
    ("lora", "updates of linear maps: r(in + out) each"),
    ("dora", "LoRA and magnitudes: r(in + out) + out each"),
    ("ia3", "scales of keys, values, hidden: L(2d + m)"),
    (
        "slr",
        "LoRA between scales, with biases: (r + 1)(in + out) + r + out each",
    ),
    ("houlsby", "two bottlenecks a block, norms: 2L(2wd + w + d)"),
    (
        "adaptformer",
        "a bottleneck beside each MLP: L(2wd + w + d)",
    ),
    ("vpt", "prompt tokens: d each, in every block if deep"),
    ("deflect", "UPE and uAtt on 13 Sentinel-2 bands"),
    ("full", "every parameter"),
    ("scratch", "every parameter, from random weights"),
];

/// Arguments of `methods`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// `shipped`, a name of `rs-peft models`, or a checkpoint.
    #[arg(long, default_value = "shipped")]
    backbone: String,
    /// Print the table as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = config(&args.backbone)?;
    let base = config.parameter_count();
    let rows = rows(&config)?;
    if args.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(name, method, what, count)| {
                serde_json::json!({
                    "method": name,
                    "settings": method,
                    "trains": what,
                    "trained_parameters": count.as_ref().ok(),
                    "percent_of_backbone": count.as_ref().ok().map(|c| 100.0 * *c as f64 / base as f64),
                })
            })
            .collect();
        let value = serde_json::json!({
            "backbone": args.backbone,
            "parameters": base,
            "methods": rows,
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(());
    }
    println!("{}: {base} parameters\n", args.backbone);
    println!("{:<13}{:>13}{:>10}  trains", "method", "trained", "percent");
    for (name, _, what, count) in rows {
        match count {
            Ok(count) => {
                let percent = 100.0 * count as f64 / base as f64;
                println!("{name:<13}{count:>13}{percent:>10.4}  {what}");
            }
            Err(why) => println!("{name:<13}{:>13}{:>10}  {why}", "-", "-"),
        }
    }
    Ok(())
}

/// Name, default settings, what is trained, and how many parameters that is or why it cannot be.
type Row = (&'static str, Method, &'static str, Result<usize, String>);

fn rows(config: &VitConfig) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in METHODS {
        let method = default_method(name)?;
        let count = count(&method, config);
        let what = FORMULAS.iter().find(|(known, _)| *known == name);
        let what = what.map_or("", |(_, what)| what);
        rows.push((name, method, what, count));
    }
    Ok(rows)
}

/// The page of the book: every method, counted on two backbones.
pub(crate) fn page() -> anyhow::Result<String> {
    const PUBLISHED: &str = "mae_vit_base";
    let (small, large) = (config("shipped")?, config(PUBLISHED)?);
    let mut text = format!(
        "# Methods\n\nWhat `rs-peft methods` lists, with the settings that `rs-peft adapt --method NAME` starts from. Parameters are counted outside the head, on the shipped backbone ({} \
         parameters) and on `{PUBLISHED}` ({}). In the formulas d is the width of the backbone, m that of its MLP, L its depth, r a rank, w a width of bottlenecks.\n\n\
         | method | trains | shipped | `{PUBLISHED}` |\n|---|---|---:|---:|\n",
        small.parameter_count(),
        large.parameter_count()
    );
    let mut settings = String::new();
    for ((name, method, what, count), (.., other)) in rows(&small)?.into_iter().zip(rows(&large)?) {
        let shown = |count: Result<usize, String>| count.map_or("-".into(), |n| n.to_string());
        text.push_str(&format!(
            "| `{name}` | {what} | {} | {} |\n",
            shown(count),
            shown(other)
        ));
        let value = toml::to_string(&method)?;
        settings.push_str(&format!("\n### {name}\n\n```toml\n[method]\n{value}```\n"));
    }
    Ok(format!("{text}\n## Settings\n{settings}"))
}

/// How many parameters a method trains in its default settings, or why it cannot be used.
fn count(method: &Method, config: &VitConfig) -> Result<usize, String> {
    match method {
        Method::Weights(method) => method
            .count(config)
            .map(|count| count.trainable)
            .map_err(|error| error.to_string()),
        Method::Deflect(method) => {
            let names = sentinel2(&[
                "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11",
                "B12",
            ]);
            let bands = names.map_err(|error| error.to_string())?;
            let spectrum = Spectrum::new(spectral(bands.as_slice(), config.in_channels));
            method
                .config(spectrum)
                .count(config)
                .map(|count| count.trainable)
                .map_err(|error| error.to_string())
        }
    }
}

fn spectral(bands: &[Band], first: usize) -> Vec<rs_peft::deflect::SpectralBand> {
    bands
        .iter()
        .enumerate()
        .map(|(at, band)| {
            let nm = band.wavelength_nm.map_or(0.0, f64::from);
            rs_peft::deflect::SpectralBand::optical(&band.name, first + at, nm)
        })
        .collect()
}

/// The configuration of a backbone, without loading it.
fn config(name: &str) -> anyhow::Result<VitConfig> {
    if let Some(preset) = preset(name) {
        return Ok(preset.config());
    }
    let scratch = tempfile::tempdir()?;
    let path = match name {
        "shipped" => place_backbone(scratch.path())?,
        file => file.into(),
    };
    if !path.exists() {
        let known: Vec<&str> = presets().map(|preset| preset.name).collect();
        anyhow::bail!(
            "--backbone {name}: neither a file nor a known model; the shipped one is `shipped` ({SHIPPED}), the known ones are {}",
            known.join(", ")
        );
    }
    stored(&path)
}

fn stored(path: &Path) -> anyhow::Result<VitConfig> {
    match TensorFile::open(path)?.metadata().get("vit_config") {
        Some(text) => serde_json::from_str(text)
            .with_context(|| format!("{}: its configuration", path.display())),
        None => Ok(recognise(path)?.only()?.config()),
    }
}
