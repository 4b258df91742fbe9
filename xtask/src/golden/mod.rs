//! `cargo xtask golden`: runs the committed exporters that write the goldens, and says which of them failed, why, and what has changed.

mod compare;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::workspace::root;

const FOLDER: &str = "assets/golden";
const README: &str = "assets/golden/README.md";

/// Which exporters to run, and with which Python.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Interpreter with the packages of assets/golden (its README.md says how to make one).
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Only name the exporters and the packages that are missing or of other versions.
    #[arg(long)]
    list: bool,
    /// Keep files whose numbers differ from the committed ones by rounding only; they are put back otherwise.
    #[arg(long)]
    keep: bool,
    /// Only exporters whose path contains this.
    filter: Option<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let root = root();
    let filter = args.filter.as_deref().unwrap_or("");
    let exporters = exporters(&root, filter)?;
    if exporters.is_empty() {
        bail!("no exporter below {FOLDER} contains `{filter}`");
    }
    let lacking = lacking(&args.python, &root)?;
    for package in &lacking {
        eprintln!("{package}");
    }
    if args.list {
        for exporter in &exporters {
            println!("{exporter}");
        }
        return Ok(());
    }
    let before = changed(&root)?;
    let mut failed = Vec::new();
    for exporter in &exporters {
        eprintln!("{exporter}");
        let status = Command::new(&args.python)
            .arg(exporter)
            .current_dir(&root)
            // One thread, and sets in one order: what is written does not change from run to run.
            .env("PYTHONHASHSEED", "0")
            .env("OMP_NUM_THREADS", "1")
            .env("OPENBLAS_NUM_THREADS", "1")
            .env("MKL_NUM_THREADS", "1")
            .status()
            .with_context(|| format!("failed to start {}", args.python.display()))?;
        if !status.success() {
            failed.push(exporter.as_str());
        }
    }
    for file in changed(&root)?.difference(&before) {
        report(&root, file, args.keep)?;
    }
    let count = exporters.len();
    if failed.is_empty() {
        eprintln!("{count} of {count} exporters ran");
        return Ok(());
    }
    let hint = match lacking.len() {
        0 => String::new(),
        n => format!("; {n} packages are missing or of other versions (above), see {README}"),
    };
    bail!(
        "{} of {count} exporters failed: {}{hint}",
        failed.len(),
        failed.join(", ")
    );
}

/// Exporters relative to the root, in the order in which they run: some read what one before them wrote.
fn exporters(root: &Path, filter: &str) -> anyhow::Result<Vec<String>> {
    let folder = root.join(FOLDER);
    let mut found = Vec::new();
    for entry in
        std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let crate_folder = entry?.path();
        if !crate_folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&crate_folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("export_") && name.ends_with(".py") {
                let shown = path.strip_prefix(root).unwrap_or(&path);
                found.push(shown.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.retain(|path| path.contains(filter));
    found.sort();
    Ok(found)
}

/// Sentences about packages of the requirement files that the interpreter lacks, or has in another version than the goldens were made with.
fn lacking(python: &Path, root: &Path) -> anyhow::Result<Vec<String>> {
    let mut wanted = Vec::new();
    for file in ["requirements.txt", "requirements_without_dependencies.txt"] {
        let path = root.join(FOLDER).join(file);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        wanted.extend(pins(&text).map(|(name, version)| (name, version, file)));
    }
    const SCRIPT: &str = "import importlib.metadata as m, sys\n\
        for name in sys.argv[1:]:\n\
        \x20   try: print(m.version(name))\n\
        \x20   except m.PackageNotFoundError: print('-')\n";
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .args(wanted.iter().map(|(name, ..)| name))
        .output()
        .with_context(|| format!("failed to start {}", python.display()))?;
    if !output.status.success() {
        bail!(
            "{} cannot tell its packages: {}",
            python.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let versions = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(wanted
        .iter()
        .zip(versions.lines())
        .filter_map(|((name, version, file), found)| {
            // A local part (`2.11.0+cpu`) says how it was built, not what it is.
            match found.split('+').next().unwrap_or("") {
                "-" => Some(format!("missing: {name}=={version} ({file})")),
                found if found != version => Some(format!(
                    "{name} is {found}, the goldens were made with {version} ({file})"
                )),
                _ => None,
            }
        })
        .collect())
}

/// The pinned packages of a requirement file.
fn pins(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or("").trim())
        .filter_map(|line| line.split_once("=="))
        .map(|(name, version)| (name.trim().to_owned(), version.trim().to_owned()))
}

/// Files below the goldens that git sees as changed or new; nothing where there is no repository.
fn changed(root: &Path) -> anyhow::Result<BTreeSet<String>> {
    let output = git(root, &["status", "--porcelain", "--", FOLDER])?;
    let text = String::from_utf8_lossy(&output);
    // Two letters of state and a blank stand before a path.
    Ok(text
        .lines()
        .filter_map(|line| line.get(3..))
        .map(str::to_owned)
        .collect())
}

/// Names a file that has changed, or puts the committed one back where only its order or the rounding of its numbers has.
fn report(root: &Path, file: &str, keep: bool) -> anyhow::Result<()> {
    let path = root.join(file);
    let committed = git(root, &["show", &format!("HEAD:{file}")])?;
    // What is new may be a folder.
    let written = std::fs::read(&path).unwrap_or_default();
    match compare::rounding(file, &committed, &written) {
        Some(error) if !keep => {
            std::fs::write(&path, committed)
                .with_context(|| format!("cannot write {}", path.display()))?;
            eprintln!("put back: {file} differs by {error:.1e}");
        }
        Some(error) => eprintln!("changed: {file}, by {error:.1e}"),
        None => eprintln!("changed: {file}"),
    }
    Ok(())
}

/// What git prints; nothing where it fails.
fn git(root: &Path, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .output()
        .context("cannot run git")?;
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_read() {
        let text = "# why\ntorch==2.11.0\n\nmmdet == 2.28.2 # no dependencies\n";
        let found: Vec<_> = pins(text).collect();
        assert_eq!(found[0], ("torch".to_owned(), "2.11.0".to_owned()));
        assert_eq!(found[1], ("mmdet".to_owned(), "2.28.2".to_owned()));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn exporters_are_found_in_order_and_filtered() {
        let found = exporters(&root(), "stable-diffusion").unwrap();
        let numbers: Vec<_> = found
            .iter()
            .filter_map(|f| f.split("export_").nth(1))
            .collect();
        assert_eq!(numbers, ["1_model.py", "2_goldens.py", "3_lora.py"]);
        assert!(exporters(&root(), "no such exporter").unwrap().is_empty());
    }
}
