//! What the program can say about its source and the machine.

use std::path::Path;
use std::process::Command;

use eval::record::{Code, Compute};
use rs_peft::BackendKind;
use rs_peft::run::Provenance;

/// Revision of the source at `root`, backend and threads; whatever cannot be found out is absent.
pub(crate) fn provenance(root: &Path, backend: BackendKind, threads: usize) -> Provenance {
    let git = |arguments: &[&str]| -> Option<String> {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(root)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let revision = git(&["rev-parse", "HEAD"]);
    // Results are written into the tree themselves; only sources decide whether it is dirty.
    let changed = git(&[
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        "crates",
        "experiments",
        "assets",
        "Cargo.lock",
    ]);
    Provenance {
        code: Code {
            git_dirty: revision.as_ref().and(changed).map(|text| !text.is_empty()),
            git_revision: revision,
            crate_version: env!("CARGO_PKG_VERSION").into(),
        },
        compute: Compute {
            backend: backend.name().into(),
            device: processor(),
            threads: u32::try_from(threads).ok(),
            finished_at: None,
        },
    }
}

/// Name of the processor, where the system tells.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}
