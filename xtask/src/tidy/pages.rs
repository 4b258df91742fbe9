//! Rules for the pages: the commands that a newcomer needs stand where they are looked for.

use std::path::Path;

use super::Finding;

pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let required = [
        ("README.md", "cargo xtask repro"),
        ("README.md", "cargo test --workspace"),
        ("README.md", "RS_DATA_DIR"),
        (".ci/run", "cargo test --workspace"),
        (".ci/run", "cargo xtask tidy"),
        ("deny.toml", "licenses"),
    ];
    for (page, words) in required {
        let text = std::fs::read_to_string(root.join(page)).unwrap_or_default();
        if !text.contains(words) {
            findings.push(format!("{page}: must mention `{words}`"));
        }
    }
    for entry in std::fs::read_dir(root.join("docs/adr"))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let numbered = name.len() > 5 && name.as_bytes()[..4].iter().all(u8::is_ascii_digit);
        if !numbered || !name.ends_with(".md") {
            findings.push(format!("docs/adr/{name}: name it NNNN-title.md"));
        }
    }
    Ok(findings)
}
