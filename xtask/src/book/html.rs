//! The book as HTML, by mdBook.

use std::path::{Component, Path};
use std::process::Command;

use anyhow::{Context, bail};

use crate::workspace::check;

/// Makes `target/book` from a copy of `docs` in which links that leave the folder lead to the repository on the web.
pub(super) fn make(root: &Path) -> anyhow::Result<()> {
    let found = Command::new("mdbook").arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        bail!("mdbook is not there; `cargo install mdbook --locked` brings it");
    }
    let source = root.join("target/book-source");
    if source.exists() {
        std::fs::remove_dir_all(&source)
            .with_context(|| format!("cannot clear {}", source.display()))?;
    }
    let web = repository(root)?;
    copy(&root.join("docs"), &source, Path::new(""), &web)?;
    check(Command::new("mdbook").arg("build").arg(&source))?;
    eprintln!(
        "{} is written",
        root.join("target/book/index.html").display()
    );
    Ok(())
}

/// Address of the repository's files, from the workspace's manifest.
fn repository(root: &Path) -> anyhow::Result<String> {
    let manifest: toml::Table = std::fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
    let address = manifest
        .get("workspace")
        .and_then(|table| table.get("package"))
        .and_then(|table| table.get("repository"))
        .and_then(|value| value.as_str())
        .context("Cargo.toml names no repository")?;
    Ok(format!("{address}/blob/main"))
}

fn copy(from: &Path, to: &Path, below: &Path, web: &str) -> anyhow::Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            copy(&path, &to.join(&name), &below.join(&name), web)?;
        } else if path.extension().is_some_and(|ending| ending == "md") {
            let text = std::fs::read_to_string(&path)?;
            std::fs::write(to.join(&name), outward(&text, below, web))?;
        } else {
            std::fs::copy(&path, to.join(&name))?;
        }
    }
    Ok(())
}

/// The page with links out of `docs` replaced; `below` is the page's folder in `docs`.
fn outward(text: &str, below: &Path, web: &str) -> String {
    let mut page = text.to_owned();
    for target in super::links::targets(text) {
        let mut parts: Vec<String> = std::iter::once("docs".to_owned())
            .chain(below.iter().map(|part| part.to_string_lossy().into_owned()))
            .collect();
        for part in Path::new(&target).components() {
            match part {
                Component::ParentDir => {
                    parts.pop();
                }
                Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
                _ => {}
            }
        }
        if parts.first().is_none_or(|part| part != "docs") {
            let address = format!("]({web}/{})", parts.join("/"));
            page = page.replace(&format!("]({target})"), &address);
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_out_of_the_book_lead_to_the_repository() {
        let text = "[a](../b.md) [c](../../crates/x) [d](#e)";
        assert_eq!(
            outward(text, Path::new("tasks"), "W"),
            "[a](../b.md) [c](W/crates/x) [d](#e)"
        );
    }
}
