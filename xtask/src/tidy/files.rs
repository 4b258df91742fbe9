//! Rules for single files: a header comment, a size one can read, no path of somebody's machine, no unfinished code.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::Finding;

/// Longer sources are asked to be split; tables of constants are exempt by name.
const MAX_LINES: usize = 500;
const EXEMPT_FROM_LENGTH: [&str; 0] = [];

/// The files that belong to the repository, relative to its root.
pub(crate) fn tracked(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let output = std::process::Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .context("cannot run git")?;
    if !output.status.success() {
        bail!(
            "git ls-files failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let names = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    Ok(names
        .split('\0')
        .filter(|n| !n.is_empty())
        .map(PathBuf::from)
        .filter(|p| root.join(p).is_file())
        .collect())
}

pub(crate) fn check(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in files {
        let shown = path.display();
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        if !["rs", "toml", "md", "py", "sh", "json", "txt", "html", ""].contains(&extension) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(root.join(path)) else {
            continue;
        };
        if let Some(found) = machine_path(&text) {
            findings.push(format!("{shown}: holds the machine path `{found}`"));
        }
        match extension {
            "rs" => findings.extend(rust_file(&path.to_string_lossy(), &text)),
            "py" if !text.starts_with("\"\"\"") && !text.starts_with("#!") => {
                findings.push(format!("{shown}: starts without a docstring"));
            }
            _ => {}
        }
    }
    Ok(findings)
}

fn rust_file(shown: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let first = text.lines().next().unwrap_or("");
    if !first.starts_with("//!") {
        findings.push(format!("{shown}: starts without a `//!` header comment"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !EXEMPT_FROM_LENGTH.contains(&shown) {
        findings.push(format!(
            "{shown}: {lines} lines; split it, one concept per file ({MAX_LINES} at most)"
        ));
    }
    // ADR 0010. The matrix takes the lock itself; measurements and examples have one thread.
    let one_thread = shown.starts_with("crates/bench/") || shown.contains("/examples/");
    let alone = ["lock_autodiff", "backend_matrix!", "testkit::alone"];
    if !one_thread
        && text.contains(concat!(".back", "ward()"))
        && !alone.iter().any(|how| text.contains(how))
    {
        findings.push(format!(
            "{shown}: differentiates without `lock_autodiff`; see docs/adr/0010-one-backward-pass-at-a-time.md"
        ));
    }
    // Spelled in two parts, so that this file does not find itself.
    for marker in [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
    ] {
        if text.contains(marker) {
            findings.push(format!(
                "{shown}: holds `{marker}`; finish it or leave it out"
            ));
        }
    }
    findings
}

/// The first absolute path of somebody's machine in a text.
fn machine_path(text: &str) -> Option<String> {
    const ROOTS: [&str; 5] = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
        concat!("/wo", "rk/"),
        concat!("/t", "mp/"),
    ];
    for root in ROOTS {
        for (at, _) in text.match_indices(root) {
            let before = text[..at].chars().next_back();
            // `a/root/b` is a relative path, and `https://host/root/` an address.
            if before.is_none_or(|c| !c.is_alphanumeric() && !"._-/)}".contains(c)) {
                let rest: String = text[at..]
                    .chars()
                    .take_while(|c| !c.is_whitespace())
                    .take(60)
                    .collect();
                return Some(rest);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{machine_path, rust_file};

    #[test]
    fn machine_paths_are_found_and_relative_ones_are_not() {
        assert!(machine_path(concat!("see /ho", "me/me/x")).is_some());
        assert!(machine_path(concat!("crates/ro", "ot/x and ../wo", "rk/")).is_none());
    }

    #[test]
    fn a_file_without_header_is_found() {
        assert_eq!(rust_file("a.rs", "fn main() {}").len(), 1);
        assert!(rust_file("a.rs", "//! What it is.\n").is_empty());
    }

    #[test]
    fn a_backward_pass_without_the_lock_is_found() {
        let text = concat!("//! x\nlet g = loss.back", "ward();\n");
        assert_eq!(rust_file("a.rs", text).len(), 1);
        assert!(rust_file("a.rs", &format!("{text}lock_autodiff()")).is_empty());
    }
}
