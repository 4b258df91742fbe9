//! `cargo xtask golden`: runs the committed exporters that write the goldens.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::workspace::{check, root};

/// Which exporters to run, and with which Python.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Interpreter with the packages of assets/golden/requirements.txt.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Only exporters whose path contains this.
    filter: Option<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let folder = root().join("assets/golden");
    let mut exporters = Vec::new();
    for entry in
        std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            exporters.extend(exporters_in(&path)?);
        }
    }
    exporters.sort();
    let filter = args.filter.as_deref().unwrap_or("");
    exporters.retain(|path| path.to_string_lossy().contains(filter));
    if exporters.is_empty() {
        bail!("no exporter below {} contains `{filter}`", folder.display());
    }
    for exporter in exporters {
        eprintln!(
            "{}",
            exporter.strip_prefix(root()).unwrap_or(&exporter).display()
        );
        check(
            Command::new(&args.python)
                .arg(&exporter)
                .current_dir(root()),
        )?;
    }
    Ok(())
}

fn exporters_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("export_") && name.ends_with(".py") {
            found.push(path);
        }
    }
    Ok(found)
}
