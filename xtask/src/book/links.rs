//! Links between the pages, and the table of contents.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::tidy::Finding;

/// The table of contents, relative to the workspace.
const SUMMARY: &str = "docs/SUMMARY.md";

pub(super) fn check(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let pages = files.iter().filter(|path| {
        let markdown = path.extension().is_some_and(|ending| ending == "md");
        markdown && (path.starts_with("docs") || path.components().count() == 1)
    });
    let mut in_book = BTreeSet::new();
    let mut listed = BTreeSet::new();
    for page in pages {
        let text = std::fs::read_to_string(root.join(page))?;
        let folder = page.parent().unwrap_or(Path::new(""));
        if page.starts_with("docs") && page != Path::new(SUMMARY) {
            in_book.insert(page.clone());
        }
        for link in targets(&text) {
            let (path, anchor) = link.split_once('#').unwrap_or((link.as_str(), ""));
            let target = match path {
                "" => page.clone(),
                path => plain(&folder.join(path)),
            };
            let full = root.join(&target);
            if !full.exists() {
                findings.push(format!("{}: `{link}` leads nowhere", page.display()));
                continue;
            }
            let markdown = target.extension().is_some_and(|ending| ending == "md");
            if !anchor.is_empty()
                && markdown
                && !anchors(&std::fs::read_to_string(&full)?).contains(anchor)
            {
                findings.push(format!(
                    "{}: `{link}`: {} has no such heading",
                    page.display(),
                    target.display()
                ));
            }
            if page == Path::new(SUMMARY) && !listed.insert(target) {
                findings.push(format!("{SUMMARY}: `{link}` is listed twice"));
            }
        }
    }
    for page in in_book.difference(&listed) {
        findings.push(format!("{SUMMARY}: {} is missing", page.display()));
    }
    Ok(findings)
}

/// `a/b/../c` is `a/c`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Where the links of a page lead that stay in the repository.
pub(super) fn targets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        let mut rest = line.as_str();
        while let Some(at) = rest.find("](") {
            rest = &rest[at + 2..];
            let Some(end) = rest.find(')') else { break };
            let target = rest[..end].split_whitespace().next().unwrap_or("");
            if !target.contains("://") && !target.starts_with("mailto:") && !target.is_empty() {
                found.push(target.to_owned());
            }
        }
    }
    found
}

/// Lines outside code, with code within lines blanked out.
fn prose(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
            continue;
        }
        if inside {
            continue;
        }
        let mut clean = String::new();
        for (at, part) in line.split('`').enumerate() {
            if at % 2 == 0 {
                clean.push_str(part);
            }
        }
        lines.push(clean);
    }
    lines
}

/// The anchors of a page's headings, as mdBook and GitHub make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut inside = false;
    for line in text.lines() {
        inside ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if inside || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let mut anchor = String::new();
        for letter in heading.trim().to_lowercase().chars() {
            match letter {
                ' ' => anchor.push('-'),
                letter if letter.is_alphanumeric() || letter == '-' || letter == '_' => {
                    anchor.push(letter);
                }
                _ => {}
            }
        }
        found.insert(anchor);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_code() {
        let text = "see [a](b.md#c) and `[x](y)` and [w](https://host/z)\n```\n[n](o)\n```\n![p](q.svg \"r\")";
        assert_eq!(targets(text), ["b.md#c", "q.svg"]);
        assert_eq!(
            plain(Path::new("docs/a/../../README.md")),
            Path::new("README.md")
        );
    }

    #[test]
    fn anchors_are_those_of_the_renderers() {
        let found = anchors("# One's `two`, three\n```\n# no\n```\n## A-b_c\n#hash");
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["a-b_c", "ones-two-three"]
        );
    }

    #[test]
    fn a_missing_page_a_dead_link_and_an_unlisted_page_are_found() {
        let root = std::env::temp_dir().join(format!("book-links-{}", std::process::id()));
        std::fs::create_dir_all(root.join("docs")).unwrap();
        std::fs::write(root.join("docs/SUMMARY.md"), "- [A](a.md)\n- [B](b.md)\n").unwrap();
        std::fs::write(root.join("docs/a.md"), "# A\n[to](#b) [c](c.md)\n").unwrap();
        std::fs::write(root.join("docs/c.md"), "# C\n").unwrap();
        let files = ["docs/SUMMARY.md", "docs/a.md", "docs/c.md"].map(PathBuf::from);
        let findings = check(&root, &files).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
        let all = findings.join("\n");
        assert_eq!(findings.len(), 3, "{all}");
        assert!(
            all.contains("`b.md` leads nowhere") && all.contains("no such heading"),
            "{all}"
        );
        assert!(all.contains("docs/c.md is missing"), "{all}");
    }
}
