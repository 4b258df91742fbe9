//! `cargo xtask repro` and `cargo xtask pretrain`: build `rs-peft` in release mode and run it in the caller's folder.

use anyhow::bail;

use crate::workspace::{cargo, check, root};

/// Arguments that are handed on to `rs-peft` unchanged.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Forwarded {
    /// Arguments of `rs-peft repro` or `rs-peft pretrain`; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

const BACKENDS: [&str; 6] = ["flex", "ndarray", "wgpu", "vulkan", "metal", "cuda"];

pub(crate) fn run(command: &str, forwarded: &Forwarded) -> anyhow::Result<()> {
    let mut build = cargo();
    // As the program does for its own processes: freed memory is kept, see `run/schedule.rs` there.
    build.env("MIMALLOC_PURGE_DELAY", "-1");
    build.env("MIMALLOC_ALLOW_LARGE_OS_PAGES", "1");
    build.args([
        "run",
        "--release",
        "--quiet",
        "--package",
        "rs-peft",
        "--bin",
        "rs-peft",
    ]);
    if let Some(backend) = backend(&forwarded.args) {
        if !BACKENDS.contains(&backend) {
            bail!(
                "unknown backend `{backend}`; one of {}",
                BACKENDS.join(", ")
            );
        }
        build.args(["--features", backend]);
    }
    eprintln!("building rs-peft (release); the first build takes some minutes");
    // The paths that the user gives are relative to the user's folder, not to the workspace root.
    build.current_dir(std::env::current_dir()?);
    build.arg("--manifest-path").arg(root().join("Cargo.toml"));
    build.arg("--").arg(command).args(&forwarded.args);
    build.arg("--root").arg(root());
    check(&mut build)
}

/// The value of `--backend` among the forwarded arguments.
fn backend(args: &[String]) -> Option<&str> {
    args.iter()
        .enumerate()
        .find_map(|(i, arg)| match arg.strip_prefix("--backend") {
            Some("") => args.get(i + 1).map(String::as_str),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        })
}

#[cfg(test)]
mod tests {
    use super::backend;

    #[test]
    fn the_backend_is_found_in_both_spellings() {
        let args = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
        assert_eq!(backend(&args("list --backend ndarray")), Some("ndarray"));
        assert_eq!(backend(&args("--backend=vulkan list")), Some("vulkan"));
        assert_eq!(backend(&args("list --seeds 2")), None);
    }
}
