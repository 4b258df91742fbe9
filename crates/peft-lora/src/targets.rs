//! From patterns to places: which linear maps of a backbone a method acts on.
//!
//! Places carry the names that checkpoints use: `blocks.3.attn.qkv`, `blocks.3.attn.proj`, `blocks.3.mlp.fc1`,
//! `blocks.3.mlp.fc2`. The fused map of query, key and value has three parts, `blocks.3.attn.qkv.q` and so on, so that query
//! and value can be adapted without the key.
//!
//! A pattern is, in this order of reading:
//! 1. `all-linear`: every linear map of every block, whole;
//! 2. with a `*`: a glob over the full name, in which `*` stands for any run of characters, dots included;
//! 3. otherwise the full name, or a suffix of it that begins after a dot (`qkv`, `attn.proj`, `qkv.v`), as PEFT reads it.
//!
//! A glob that matches whole maps means these; only one that matches no whole map is tried on the parts.

use std::collections::BTreeMap;

use vit_backbone::{LinearMap, LinearSite, VitConfig};

use crate::config::invalid;
use crate::error::PeftError;
use crate::listing::nearest;
use crate::lora_config::LoraConfig;
use crate::place::{QkvPart, Target, linear_dims};

/// The pattern that stands for every linear map of every block.
pub const ALL_LINEAR: &str = "all-linear";

/// A LoRA's place with its numbers, patterns applied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedMap {
    /// Where.
    pub target: Target,
    /// Rank of the update there.
    pub rank: usize,
    /// Numerator of the factor there.
    pub alpha: f64,
    /// Factor of the update there.
    pub scale: f64,
    /// Inputs of the map.
    pub inputs: usize,
    /// Outputs that the update reaches.
    pub outputs: usize,
}

/// Everything that a LoRA will add to a backbone of that configuration, without building any of it.
///
/// # Errors
/// What [`LoraConfig::validate`] and [`resolve`] report, and [`PeftError::AmbiguousPattern`].
pub fn plan(lora: &LoraConfig, config: &VitConfig) -> Result<Vec<PlannedMap>, PeftError> {
    lora.validate()?;
    let targets = resolve("targets", &lora.targets, config)?;
    require_matches("rank_pattern", lora.rank_pattern.keys(), &targets, config)?;
    require_matches("alpha_pattern", lora.alpha_pattern.keys(), &targets, config)?;
    let planned = targets.into_iter().map(|target| {
        let rank = at(&target, "rank_pattern", &lora.rank_pattern)?.unwrap_or(lora.rank);
        let alpha = at(&target, "alpha_pattern", &lora.alpha_pattern)?.unwrap_or(lora.alpha);
        let outputs = target.outputs(config).len();
        let inputs = linear_dims(target.site.map, config).0;
        Ok(PlannedMap {
            target,
            rank,
            alpha,
            scale: lora.scale_of(rank, alpha),
            inputs,
            outputs,
        })
    });
    planned.collect()
}

/// The places that a list of patterns names, in the order of the forward pass, each once.
///
/// # Errors
/// [`PeftError::NoTarget`] for a pattern without a match, [`PeftError::OverlappingTargets`] for a fused map targeted both whole
/// and in part.
pub fn resolve(
    field: &str,
    patterns: &[String],
    config: &VitConfig,
) -> Result<Vec<Target>, PeftError> {
    let mut chosen = vec![false; config.depth * PLACES_PER_BLOCK];
    let places = places(config.depth);
    for pattern in patterns {
        let hits = hits(pattern, &places);
        if hits.is_empty() {
            return Err(no_target(field, pattern, &places));
        }
        hits.into_iter().for_each(|i| chosen[i] = true);
    }
    let targets: Vec<Target> = places
        .iter()
        .zip(&chosen)
        .filter(|(_, c)| **c)
        .map(|((t, _), _)| *t)
        .collect();
    for pair in targets.windows(2) {
        // A whole map is listed right before its parts.
        if pair[0].site == pair[1].site && pair[0].part.is_none() {
            return Err(PeftError::OverlappingTargets {
                map: pair[0].to_string(),
                part: pair[1].to_string(),
            });
        }
    }
    Ok(targets)
}

/// The linear maps that a list of patterns names, for methods that act on whole maps only.
///
/// # Errors
/// What [`resolve`] reports; [`PeftError::InvalidConfig`] for a part of a fused map.
pub fn resolve_whole(
    field: &str,
    patterns: &[String],
    config: &VitConfig,
) -> Result<Vec<LinearSite>, PeftError> {
    let targets = resolve(field, patterns, config)?;
    if let Some(part) = targets.iter().find(|target| target.part.is_some()) {
        return Err(invalid(
            field,
            format!("`{part}`, a part of a fused map"),
            "whole maps, such as `qkv`: this method acts on all outputs of a map",
        ));
    }
    Ok(targets.into_iter().map(|target| target.site).collect())
}

/// Four whole maps and three parts of the fused one.
const PLACES_PER_BLOCK: usize = 7;

/// Every addressable place with its name: per block the fused map, its parts, then the other maps.
fn places(depth: usize) -> Vec<(Target, String)> {
    let mut places = Vec::with_capacity(depth * PLACES_PER_BLOCK);
    for block in 0..depth {
        for map in LinearMap::ALL {
            let site = LinearSite { block, map };
            let parts: &[QkvPart] = if map == LinearMap::Qkv {
                &QkvPart::ALL
            } else {
                &[]
            };
            let targets = std::iter::once(None)
                .chain(parts.iter().copied().map(Some))
                .map(|part| Target { site, part });
            places.extend(targets.map(|target| (target, target.to_string())));
        }
    }
    places
}

/// Indices of the places a pattern matches.
fn hits(pattern: &str, places: &[(Target, String)]) -> Vec<usize> {
    let matching = |whole: bool| -> Vec<usize> {
        let fits = |(target, name): &(Target, String)| {
            target.part.is_none() == whole && matches(pattern, name)
        };
        places
            .iter()
            .enumerate()
            .filter(|(_, place)| fits(place))
            .map(|(i, _)| i)
            .collect()
    };
    let whole = matching(true);
    if whole.is_empty() {
        matching(false)
    } else {
        whole
    }
}

/// Whether a pattern matches a full name; see the head of this file.
fn matches(pattern: &str, name: &str) -> bool {
    if pattern == ALL_LINEAR {
        return true;
    }
    if pattern.contains('*') {
        return glob(pattern, name);
    }
    name == pattern
        || name
            .strip_suffix(pattern)
            .is_some_and(|head| head.ends_with('.') && !pattern.is_empty())
}

/// Glob match with `*` for any run of characters; linear in the product of the lengths, whatever the pattern.
fn glob(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The error for a pattern without a match, with the nearest names of all forms.
fn no_target(field: &str, pattern: &str, places: &[(Target, String)]) -> PeftError {
    let mut candidates = vec![ALL_LINEAR];
    for (_, name) in places {
        let mut suffix = name.as_str();
        loop {
            // A bare `q` or `3.attn.qkv` is legal but not what to propose.
            if suffix.len() > 1
                && !suffix.starts_with(|c: char| c.is_ascii_digit())
                && !candidates.contains(&suffix)
            {
                candidates.push(suffix);
            }
            match suffix.split_once('.') {
                Some((_, shorter)) => suffix = shorter,
                None => break,
            }
        }
    }
    PeftError::NoTarget {
        field: field.into(),
        pattern: pattern.into(),
        nearest: nearest(pattern, candidates, 3),
    }
}

/// Whether a value pattern applies to a target: it matches the target, or the fused map of which the target is a part.
fn applies(pattern: &str, target: &Target) -> bool {
    matches(pattern, &target.to_string()) || matches(pattern, &target.site.to_string())
}

/// Refuses value patterns that apply to no target.
fn require_matches<'a>(
    field: &str,
    patterns: impl Iterator<Item = &'a String>,
    targets: &[Target],
    config: &VitConfig,
) -> Result<(), PeftError> {
    for pattern in patterns {
        if !targets.iter().any(|target| applies(pattern, target)) {
            let known: Vec<(Target, String)> = places(config.depth)
                .into_iter()
                .filter(|(target, _)| targets.contains(target))
                .collect();
            return Err(no_target(field, pattern, &known));
        }
    }
    Ok(())
}

/// The value that the patterns give a target, if any.
fn at<T: Copy + PartialEq>(
    target: &Target,
    field: &str,
    patterns: &BTreeMap<String, T>,
) -> Result<Option<T>, PeftError> {
    let mut found: Option<(&String, T)> = None;
    for (pattern, &value) in patterns
        .iter()
        .filter(|(pattern, _)| applies(pattern, target))
    {
        match found {
            Some((first, earlier)) if earlier != value => {
                return Err(PeftError::AmbiguousPattern {
                    field: field.into(),
                    first: first.clone(),
                    second: pattern.clone(),
                    place: target.to_string(),
                });
            }
            _ => found = Some((pattern, value)),
        }
    }
    Ok(found.map(|(_, value)| value))
}
