//! `rs-peft sample`: files to try the other commands on.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::ValueEnum;
use rs_peft::rs_datasets::catalog::sample;
use rs_peft::rs_datasets::io::write_atomically;
use rs_peft::run::SHIPPED;
use rs_peft::shipped::{BACKBONE, DEFAULTS, place_backbone};

const EXAMPLES: &str = "\
Examples:
  A scene with some labels drawn in it, and another one to map:
    rs-peft sample scene --output sample
  A folder per class of 8-bit RGB chips, of 13-band GeoTIFFs:
    rs-peft sample chips --output chips
    rs-peft sample multispectral --output ms --per-class 20
  The backbone that the program carries, as a file:
    rs-peft sample backbone --output backbone
  Where experiments of one's own go, for `rs-peft repro --root mine`:
    rs-peft sample experiments --output mine

The images are synthetic: nothing in them was measured, and scores on them say that a command works, not what a method is worth.";

/// Arguments of `sample`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to write.
    #[arg(value_enum)]
    kind: Kind,
    /// Folder that is made; it must not hold anything yet.
    #[arg(long)]
    output: PathBuf,
    /// Images per class of chips, a quarter of which is in the part `test`.
    #[arg(long, default_value_t = 16)]
    per_class: usize,
    /// Side of a scene in pixels, 128 to 1024.
    #[arg(long, default_value_t = 384)]
    size: usize,
    /// Seed of the images.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Ten classes of 64-pixel RGB chips (PNG), in train/ and test/ with a folder per class.
    Chips,
    /// The same with the 13 bands of Sentinel-2 (GeoTIFF).
    Multispectral,
    /// Two scenes of four bands with georeference, areas of five land uses in the one, the true land use of the other.
    Scene,
    /// The pretrained backbone as a safetensors file.
    Backbone,
    /// A folder with the defaults of experiments and the backbone they name.
    Experiments,
}

/// Images per class that can be asked for.
const MOST_PER_CLASS: usize = 10_000;

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let folder = &args.output;
    ensure!(
        empty(folder)?,
        "{} holds files already; give another folder with --output",
        folder.display()
    );
    ensure!(
        args.per_class <= MOST_PER_CLASS,
        "--per-class {}: at most {MOST_PER_CLASS}",
        args.per_class
    );
    // Whole or not at all: written under another name beside its place. Dropped, it is removed.
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create(parent)?;
    let fresh = tempfile::Builder::new()
        .prefix(".sample-")
        .tempdir_in(parent)
        .with_context(|| format!("cannot make a folder in {}", parent.display()))?;
    // The temporary folder itself is private to its owner.
    let staged = fresh.path().join("new");
    write(args, &staged)?;
    std::fs::rename(&staged, folder)
        .with_context(|| format!("cannot write {}", folder.display()))?;
    for name in names(folder)? {
        println!("{}", folder.join(name).display());
    }
    Ok(())
}

fn write(args: &Args, folder: &Path) -> anyhow::Result<()> {
    match args.kind {
        Kind::Chips => sample::write_chips(folder, args.per_class, args.seed)?,
        Kind::Multispectral => sample::write_multispectral(folder, args.per_class, args.seed)?,
        Kind::Scene => sample::write_scene(folder, args.size, args.seed)?,
        Kind::Backbone => {
            let bytes = BACKBONE.context(
                "this program was built without the feature shipped-backbone and carries none",
            )?;
            create(folder)?;
            let name = Path::new(SHIPPED).file_name().unwrap_or_default();
            write_atomically(&folder.join(name), bytes)?;
        }
        Kind::Experiments => {
            let experiments = folder.join("experiments");
            create(&experiments)?;
            place_backbone(folder)?;
            write_atomically(&experiments.join("defaults.toml"), DEFAULTS.as_bytes())?;
        }
    }
    Ok(())
}

fn create(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// Whether the folder is missing or has nothing in it.
fn empty(folder: &Path) -> anyhow::Result<bool> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", folder.display())),
    }
}

fn names(folder: &Path) -> anyhow::Result<Vec<std::ffi::OsString>> {
    let mut names = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<Vec<_>, _>>()?;
    names.sort();
    Ok(names)
}
