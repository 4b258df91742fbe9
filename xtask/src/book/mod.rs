//! `cargo xtask book`: the pages of the book that are made from the code, and the book itself.
//!
//! Pages about the program come from the program (`rs-peft reference PAGE`), which a test of `rs-peft` writes and compares with what is committed; pages about files
//! come from the types that read them, which [`check`] compares.

mod html;
mod keys;
mod links;
mod source;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::tidy::{Finding, tracked};
use crate::workspace::{cargo, replace, root};

/// The test that compares what the program prints with the pages, or writes them.
const PRINTED: &str = "printed_pages_are_as_committed";

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
    }
    printed(args.check)?;
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
    Ok(())
}

fn update(path: &Path, text: &str) -> anyhow::Result<()> {
    match std::fs::read_to_string(path) {
        Ok(old) if old == text => Ok(()),
        _ => replace(path, text),
    }
}

/// Has the program print its pages; as a test does it, so that nothing is built twice.
fn printed(only_check: bool) -> anyhow::Result<()> {
    let mut test = cargo();
    test.args(["test", "--quiet", "-p", "rs-peft", "--test", "book", "--"]);
    test.args(["--exact", PRINTED]);
    if !only_check {
        test.env("UPDATE_BOOK", "1");
    }
    crate::workspace::check(&mut test)
}
