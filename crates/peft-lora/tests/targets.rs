//! Which places a pattern means, and what is said when it means none.

use peft_lora::{LoraConfig, MethodConfig, PeftError, plan, targets};
use proptest::prelude::*;
use vit_backbone::VitConfig;

fn config() -> VitConfig {
    VitConfig {
        depth: 12,
        ..VitConfig::default()
    }
}

fn names(patterns: &[&str]) -> Vec<String> {
    let patterns: Vec<String> = patterns.iter().map(|p| p.to_string()).collect();
    targets::resolve("targets", &patterns, &config())
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn message(patterns: &[&str]) -> String {
    plan(
        &LoraConfig::new(2, 2.0, patterns.iter().copied()),
        &config(),
    )
    .unwrap_err()
    .to_string()
}

#[test]
fn suffixes_parts_globs_and_full_names() {
    assert_eq!(names(&["all-linear"]).len(), 48);
    assert_eq!(names(&["qkv"]), names(&["attn.qkv"]));
    assert_eq!(names(&["qkv"]).len(), 12);
    assert_eq!(names(&["blocks.3.mlp.fc1"]), ["blocks.3.mlp.fc1"]);
    assert_eq!(names(&["blocks.3.attn.qkv.k"]), ["blocks.3.attn.qkv.k"]);
    assert_eq!(
        names(&["qkv.q", "qkv.v"])[..3],
        [
            "blocks.0.attn.qkv.q",
            "blocks.0.attn.qkv.v",
            "blocks.1.attn.qkv.q"
        ]
    );
    assert_eq!(
        names(&["v", "q"]),
        names(&["qkv.q", "qkv.v"]),
        "the order is that of the forward pass"
    );
    assert_eq!(
        names(&["blocks.1.*"]),
        [
            "blocks.1.attn.qkv",
            "blocks.1.attn.proj",
            "blocks.1.mlp.fc1",
            "blocks.1.mlp.fc2"
        ]
    );
    assert_eq!(
        names(&["*.qkv.*"]).len(),
        36,
        "a glob without a whole map means parts"
    );
    assert_eq!(
        names(&["fc1", "mlp.fc1", "*fc1"]).len(),
        12,
        "each place once"
    );
}

#[test]
fn one_block_is_not_another_that_begins_alike() {
    assert_eq!(names(&["blocks.1.attn.qkv"]), ["blocks.1.attn.qkv"]);
    assert_eq!(
        names(&["1.attn.qkv"]),
        ["blocks.1.attn.qkv"],
        "not blocks.11"
    );
    assert_eq!(
        names(&["blocks.1*.attn.proj"]),
        [
            "blocks.1.attn.proj",
            "blocks.10.attn.proj",
            "blocks.11.attn.proj"
        ]
    );
}

#[test]
fn a_pattern_without_a_match_is_answered_with_the_nearest_names() {
    for (pattern, expected) in [
        ("atn.qkv", "`attn.qkv`"),
        ("query", "`qkv"),
        ("fc3", "`fc1`"),
        ("all_linear", "`all-linear`"),
        ("blocks.12.attn.qkv", "`blocks.1"),
        ("kv", "`qkv`"),
        ("qkv.w", "`qkv.q`"),
    ] {
        let message = message(&["proj", pattern]);
        assert!(
            message.contains(&format!("`{pattern}`")) && message.contains(expected),
            "{message}"
        );
    }
    assert!(matches!(
        plan(&LoraConfig::new(2, 2.0, [""]), &config()).unwrap_err(),
        PeftError::NoTarget { .. }
    ));
}

#[test]
fn a_map_and_its_part_are_not_adapted_together() {
    let message = message(&["qkv", "blocks.2.attn.qkv.v"]);
    assert!(
        message.contains("`blocks.2.attn.qkv`") && message.contains("`blocks.2.attn.qkv.v`"),
        "{message}"
    );
}

#[test]
fn ranks_and_alphas_by_place() {
    let mut lora = LoraConfig::new(4, 8.0, ["qkv.q", "qkv.v", "fc1"]);
    lora.rank_pattern.insert("blocks.2.*".into(), 2);
    lora.rank_pattern.insert("blocks.3.attn.qkv".into(), 6);
    lora.alpha_pattern.insert("qkv.v".into(), 16.0);
    let maps = plan(&lora, &config()).unwrap();
    let at = |name: &str| {
        maps.iter()
            .find(|map| map.target.to_string() == name)
            .unwrap()
    };
    assert_eq!(
        (
            at("blocks.0.attn.qkv.q").rank,
            at("blocks.0.attn.qkv.q").scale
        ),
        (4, 2.0)
    );
    assert_eq!(
        (
            at("blocks.0.attn.qkv.v").rank,
            at("blocks.0.attn.qkv.v").scale
        ),
        (4, 4.0)
    );
    assert_eq!(
        (at("blocks.2.mlp.fc1").rank, at("blocks.2.mlp.fc1").scale),
        (2, 4.0)
    );
    // A pattern of the fused map holds for its parts.
    assert_eq!(
        (
            at("blocks.3.attn.qkv.v").rank,
            at("blocks.3.attn.qkv.q").rank
        ),
        (6, 6)
    );
    assert_eq!(
        (
            at("blocks.0.mlp.fc1").inputs,
            at("blocks.0.mlp.fc1").outputs
        ),
        (768, 3072)
    );
}

#[test]
fn value_patterns_must_match_and_agree() {
    let lora = LoraConfig::new(4, 8.0, ["qkv"]);
    let unmatched = LoraConfig {
        rank_pattern: [("fc1".to_owned(), 2)].into(),
        ..lora.clone()
    };
    let message = plan(&unmatched, &config()).unwrap_err().to_string();
    assert!(
        message.contains("`rank_pattern`") && message.contains("`fc1`"),
        "{message}"
    );
    let both = [("qkv".to_owned(), 2.0), ("blocks.1.*".to_owned(), 3.0)].into();
    let error = plan(
        &LoraConfig {
            alpha_pattern: both,
            ..lora
        },
        &config(),
    )
    .unwrap_err();
    assert!(
        matches!(&error, PeftError::AmbiguousPattern { place, .. } if place == "blocks.1.attn.qkv"),
        "{error}"
    );
}

#[test]
fn a_method_file_with_a_wrong_target_fails_before_anything_is_built() {
    let method = MethodConfig::Lora(LoraConfig::new(2, 2.0, ["attn.qvk"]));
    assert!(
        method
            .count(&config())
            .unwrap_err()
            .to_string()
            .contains("`attn.qkv`")
    );
}

proptest! {
    /// Any text is either a pattern that matches something or an error: nothing panics or takes long.
    #[test]
    fn any_pattern_is_answered(pattern in "[a-z0-9.*]{0,40}") {
        if let Ok(found) = targets::resolve("targets", std::slice::from_ref(&pattern), &config()) {
            prop_assert!(!found.is_empty());
        }
    }

    /// A glob made from a name by replacing a stretch of it by `*` matches that name.
    #[test]
    fn a_glob_matches_what_it_was_made_from(block in 0usize..12, from in 0usize..20, length in 0usize..20) {
        let name = format!("blocks.{block}.mlp.fc2");
        let (from, to) = (from.min(name.len()), (from + length).min(name.len()));
        let pattern = format!("{}*{}", &name[..from], &name[to..]);
        let found = targets::resolve("targets", &[pattern], &config()).unwrap();
        prop_assert!(found.iter().any(|target| target.to_string() == name));
    }
}
