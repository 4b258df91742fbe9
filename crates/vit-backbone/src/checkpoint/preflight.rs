//! The comparison of what a model needs with what a file has, before any value is read.

use std::collections::{BTreeMap, BTreeSet};

use super::container::{Container, Entry};
use super::keys::{self, expected};
use super::options::LoadOptions;
use super::positions;
use super::report::{ConfigSource, Found, LoadReport, Loaded, Mismatch, Unused, UnusedReason};
use super::suggest::nearest;
use crate::VitConfig;

/// Everything known before the comparison.
pub(crate) struct Preflight<'a> {
    pub(crate) file: &'a Container,
    pub(crate) prefix: String,
    pub(crate) names: &'a BTreeMap<String, String>,
    pub(crate) outside: &'a BTreeSet<String>,
    pub(crate) config: VitConfig,
    pub(crate) config_source: ConfigSource,
    pub(crate) assumed: Vec<String>,
}

impl Preflight<'_> {
    /// Compares names, shapes and types; the hash of the file is not known yet.
    pub(crate) fn compare(self) -> LoadReport {
        let Self {
            file,
            prefix,
            names,
            outside,
            config,
            config_source,
            assumed,
        } = self;
        let mut report = LoadReport {
            path: file.path.clone(),
            format: file.format,
            sha256: String::new(),
            bytes: file.len,
            nested: file.nested.clone(),
            prefix,
            config_source,
            assumed,
            loaded: Vec::new(),
            missing: Vec::new(),
            mismatched: Vec::new(),
            unused: Vec::new(),
            suggestions: Vec::new(),
            metadata: file.metadata.clone(),
            config,
        };
        let mut needed = BTreeSet::new();
        for expected in expected(&report.config) {
            needed.insert(expected.name.clone());
            let Some((key, entry)) = names
                .get(&expected.name)
                .and_then(|key| file.entries.get_key_value(key))
            else {
                if positions::computed(&report.config, &expected.name) {
                    report.assumed.push(format!(
                        "`{}`, computed because the file has none",
                        expected.name
                    ));
                } else {
                    report.missing.push(expected);
                }
                continue;
            };
            let found = found(key, entry);
            if entry.shape != expected.shape
                && positions::recomputed(&report.config, &expected.name)
            {
                report.assumed.push(format!(
                    "`{}`, computed for {} frames and not that of the file",
                    expected.name,
                    report.config.frame_count()
                ));
                report.unused.push(Unused {
                    found,
                    reason: UnusedReason::Declined,
                });
                continue;
            }
            if entry.shape == expected.shape && entry.dtype.is_float() {
                report.loaded.push(Loaded {
                    name: expected.name,
                    found,
                });
            } else {
                report.mismatched.push(Mismatch { expected, found });
            }
        }
        for (name, key) in names.iter().filter(|(name, _)| !needed.contains(*name)) {
            if let Some(entry) = file.entries.get(key) {
                report.unused.push(Unused {
                    found: found(key, entry),
                    reason: keys::reason(name, &report.config),
                });
            }
        }
        for key in outside {
            if let Some(entry) = file.entries.get(key) {
                report.unused.push(Unused {
                    found: found(key, entry),
                    reason: UnusedReason::Elsewhere,
                });
            }
        }
        suggest(&mut report);
        report
    }
}

/// Whether a load may go on.
pub(crate) fn acceptable(report: &LoadReport, options: &LoadOptions) -> bool {
    report.mismatched.is_empty()
        && (options.allow_missing || report.missing.is_empty())
        && (options.allow_unknown || report.unknown().next().is_none())
}

/// For each missing name (the first few of them) the nearest key that nothing else needs.
fn suggest(report: &mut LoadReport) {
    let prefix = report.prefix.clone();
    let unknown: Vec<&str> = report
        .unknown()
        .map(|unused| {
            unused
                .found
                .key
                .strip_prefix(&prefix)
                .unwrap_or(&unused.found.key)
        })
        .collect();
    let near = report
        .missing
        .iter()
        .take(8)
        .filter_map(|missing| {
            let name = nearest(&missing.name, unknown.iter().copied())?;
            Some((missing.name.clone(), name.to_owned()))
        })
        .collect();
    report.suggestions = near;
}

fn found(key: &str, entry: &Entry) -> Found {
    Found {
        key: key.to_owned(),
        shape: entry.shape.clone(),
        dtype: entry.dtype,
    }
}
