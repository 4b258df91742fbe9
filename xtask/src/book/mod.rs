//! `cargo xtask book`: the pages of the book that are made from the code, and the book itself.
//!
//! Pages about the program come from the program (`rs-peft reference PAGE`), which a test of `rs-peft` compares with what is committed; pages about files come from
//! the types that read them, which [`check`] compares.

mod html;
mod keys;
mod links;
mod source;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::tidy::{Finding, tracked};
use crate::workspace::{cargo, replace, root};

/// Pages that the program prints, and their files below `docs/reference`.
const PRINTED: [(&str, &str); 3] = [
    ("commands", "commands.md"),
    ("methods", "methods.md"),
    ("models", "models.md"),
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail when a page is stale, a link leads nowhere or a page is not in the table of contents.
    #[arg(long)]
    check: bool,
    /// Make the book with mdBook (`cargo install mdbook --locked`), in target/book.
    #[arg(long, conflicts_with = "check")]
    html: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let root = root();
    if !args.check {
        write(&root)?;
    } else {
        for (page, file) in PRINTED {
            let path = root.join("docs/reference").join(file);
            if std::fs::read_to_string(&path).unwrap_or_default() != printed(page)? {
                bail!("docs/reference/{file} is stale; run `cargo xtask book`");
            }
        }
    }
    let findings = check(&root, &tracked(&root)?)?;
    for finding in &findings {
        eprintln!("book: {finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    if args.html {
        html::make(&root)?;
    }
    Ok(())
}

/// What `cargo xtask tidy` checks of the book: all that needs no other program.
pub(crate) fn check(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<Finding>> {
    let mut findings = links::check(root, files)?;
    let sources = source::Sources::read(root, files)?;
    for page in &keys::PAGES {
        let path = root.join("docs/reference").join(page.file);
        if std::fs::read_to_string(&path).unwrap_or_default() != page.text(&sources)? {
            findings.push(format!(
                "docs/reference/{} is stale; run `cargo xtask book`",
                page.file
            ));
        }
    }
    Ok(findings)
}

fn write(root: &Path) -> anyhow::Result<()> {
    let folder = root.join("docs/reference");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let sources = source::Sources::read(root, &tracked(root)?)?;
    for page in &keys::PAGES {
        update(&folder.join(page.file), &page.text(&sources)?)?;
    }
    for (page, file) in PRINTED {
        update(&folder.join(file), &printed(page)?)?;
    }
    Ok(())
}

fn update(path: &Path, text: &str) -> anyhow::Result<()> {
    match std::fs::read_to_string(path) {
        Ok(old) if old == text => Ok(()),
        _ => replace(path, text),
    }
}

/// A page as the program prints it; builds the program as its tests do.
fn printed(page: &str) -> anyhow::Result<String> {
    let output = cargo()
        .args(["run", "--quiet", "-p", "rs-peft", "--", "reference", page])
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!(
            "`rs-peft reference {page}` failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    String::from_utf8(output.stdout).context("the page is not UTF-8")
}
