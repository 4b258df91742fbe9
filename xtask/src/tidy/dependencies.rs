//! Who may depend on whom: the table of docs/ARCHITECTURE.md against the Cargo manifests.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

use super::Finding;

/// Crates that must never see a tensor type.
const TENSOR_FREE: [&str; 4] = ["eval", "clustering", "oriented-boxes", "xtask"];

/// Crates whose core must not, but which may have a feature that does.
const TENSOR_FREE_CORE: [&str; 2] = ["rs-datasets", "deblora-calib"];

pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let page = root.join("docs/ARCHITECTURE.md");
    let text = std::fs::read_to_string(&page)
        .with_context(|| format!("cannot read {}", page.display()))?;
    let allowed = table(&text);
    let mut findings = Vec::new();
    let mut manifests: Vec<_> = std::fs::read_dir(root.join("crates"))?
        .map(|e| e.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    manifests.push(root.join("xtask"));
    let ours: Vec<String> = manifests.iter().map(|path| name_of(path)).collect();
    for folder in &manifests {
        let name = name_of(folder);
        let Some(may) = allowed.get(&name) else {
            findings.push(format!(
                "docs/ARCHITECTURE.md: the dependency table has no row for `{name}`"
            ));
            continue;
        };
        if !text.contains(&format!("\n### {name}\n")) {
            findings.push(format!("docs/ARCHITECTURE.md: no paragraph `### {name}`"));
        }
        let manifest = folder.join("Cargo.toml");
        let parsed: toml::Table = std::fs::read_to_string(&manifest)
            .with_context(|| format!("cannot read {}", manifest.display()))?
            .parse()
            .with_context(|| format!("cannot parse {}", manifest.display()))?;
        let Some(dependencies) = parsed.get("dependencies").and_then(|d| d.as_table()) else {
            continue;
        };
        for (dependency, how) in dependencies {
            if ours.contains(dependency) && !may.contains(dependency) {
                findings.push(format!(
                    "{name} depends on {dependency}, which docs/ARCHITECTURE.md does not allow"
                ));
            }
            let optional = how.get("optional").and_then(|o| o.as_bool()) == Some(true);
            let tensor = dependency.starts_with("burn");
            if tensor && TENSOR_FREE.contains(&name.as_str()) {
                findings.push(format!(
                    "{name} depends on {dependency}; it must not know a tensor type"
                ));
            }
            if tensor && TENSOR_FREE_CORE.contains(&name.as_str()) && !optional {
                findings.push(format!(
                    "{name} depends on {dependency} without a feature; its core is tensor-free"
                ));
            }
        }
    }
    Ok(findings)
}

/// The rows of the table: crate -> crates it may depend on.
fn table(page: &str) -> BTreeMap<String, Vec<String>> {
    let mut rows = BTreeMap::new();
    let mut inside = false;
    for line in page.lines() {
        inside |= line.starts_with("| crate | may depend on |");
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if inside && cells.len() == 2 && !cells[0].starts_with("---") && cells[0] != "crate" {
            rows.insert(
                cells[0].into(),
                cells[1].split(',').map(|c| c.trim().into()).collect(),
            );
        }
    }
    rows
}

fn name_of(folder: &Path) -> String {
    folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn the_table_is_read() {
        let rows = table("x\n| crate | may depend on |\n|---|---|\n| a | - |\n| b | a, c |\n");
        assert_eq!(rows["b"], ["a", "c"]);
        assert_eq!(rows["a"], ["-"]);
    }
}
