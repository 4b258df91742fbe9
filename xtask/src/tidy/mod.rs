//! `cargo xtask tidy`: the repository's invariants, checked from its own files.

mod dependencies;
mod files;
mod pages;
mod vocabulary;

use anyhow::bail;

pub(crate) use files::tracked;

use crate::workspace::root;

/// One broken rule: the place and what to do.
pub(crate) type Finding = String;

pub(crate) fn run() -> anyhow::Result<()> {
    let root = root();
    let tracked = tracked(&root)?;
    let mut findings = Vec::new();
    findings.extend(dependencies::check(&root)?);
    findings.extend(files::check(&root, &tracked)?);
    findings.extend(pages::check(&root)?);
    findings.extend(crate::book::check(&root, &tracked)?);
    findings.extend(vocabulary::check(&root, &tracked));
    if findings.is_empty() {
        eprintln!("tidy: {} files, no finding", tracked.len());
        return Ok(());
    }
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    bail!("{} findings", findings.len())
}
