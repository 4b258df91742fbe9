//! Splits: the rule against an independent implementation, its promises as properties, and the file.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use rs_datasets::{
    DataError, LabelTable, LongTail, Split, shares, split_key, stratified, stratified_groups,
};
use serde::Deserialize;

fn table(counts: &[usize]) -> LabelTable {
    let classes = (0..counts.len())
        .map(|class| format!("class{class}"))
        .collect();
    let rows = counts
        .iter()
        .enumerate()
        .flat_map(|(class, &n)| (0..n).map(move |i| (format!("c{class}_{i}"), class)));
    LabelTable::new(classes, rows.collect()).unwrap()
}

#[derive(Deserialize)]
struct Golden {
    counts: serde_json::Map<String, serde_json::Value>,
    keys: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    seed: u64,
    fractions: Vec<(String, f64)>,
    parts: BTreeMap<String, Vec<String>>,
}

#[test]
fn the_rule_equals_an_independent_implementation() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../assets/golden/rs-datasets/split.json"
    );
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for (text, key) in &golden.keys {
        let (seed, id) = text.split_once(':').unwrap();
        assert_eq!(split_key(seed.parse().unwrap(), id), *key);
    }
    let classes: Vec<String> = golden.counts.keys().cloned().collect();
    let rows = golden.counts.values().enumerate().flat_map(|(class, n)| {
        let name = classes[class].clone();
        (0..n.as_u64().unwrap()).map(move |i| (format!("{name}_{i}"), class))
    });
    let table = LabelTable::new(classes.clone(), rows.collect()).unwrap();
    for case in &golden.cases {
        let fractions: Vec<(&str, f64)> = case
            .fractions
            .iter()
            .map(|(name, f)| (name.as_str(), *f))
            .collect();
        let split = stratified(&table, "golden", &fractions, case.seed).unwrap();
        for (part, ids) in &case.parts {
            assert_eq!(
                split.part(part).unwrap(),
                ids,
                "seed {} part {part}",
                case.seed
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn parts_are_disjoint_and_together_the_whole(
        counts in prop::collection::vec(12usize..40, 1..6), first in 0.2f64..0.7, seed in 0u64..1000,
    ) {
        let table = table(&counts);
        let split = stratified(&table, "p", &[("train", first), ("val", 0.2), ("test", 1.0 - first - 0.2)], seed).unwrap();
        let all: Vec<&String> = split.parts().flat_map(|(_, ids)| ids).collect();
        let distinct: HashSet<&String> = all.iter().copied().collect();
        prop_assert_eq!(all.len(), distinct.len());
        prop_assert_eq!(all.len(), table.len());
        // Each class within one of its share.
        for (class, count) in split.class_counts("train", &table).unwrap().into_iter().enumerate() {
            prop_assert!((count as f64 - first * counts[class] as f64).abs() < 1.0);
        }
        let total = split.part("train").unwrap().len();
        prop_assert_eq!(total, (first * table.len() as f64 + 0.5).floor() as usize);
    }

    #[test]
    fn the_listing_order_does_not_matter(counts in prop::collection::vec(3usize..20, 2..5), seed in 0u64..1000) {
        let table = table(&counts);
        let mut rows: Vec<(String, usize)> =
            table.ids().iter().map(|id| (id.clone(), table.class_of(id).unwrap())).collect();
        rows.reverse();
        rows.sort_by_key(|(id, _)| split_key(99, id));
        let shuffled = LabelTable::new(table.classes().to_vec(), rows).unwrap();
        let parts = [("train", 0.6), ("test", 0.4)];
        let split = stratified(&table, "p", &parts, seed).unwrap();
        prop_assert_eq!(&split, &stratified(&shuffled, "p", &parts, seed).unwrap());
        prop_assert_eq!(
            split.label_fraction("train", &table, 0.4, seed).unwrap(),
            split.label_fraction("train", &shuffled, 0.4, seed).unwrap()
        );
    }

    #[test]
    fn shares_sum_to_the_rounded_total_and_stay_free(
        counts in prop::collection::vec(0usize..50, 1..8), fraction in 0.0f64..=1.0, used in 0usize..5,
    ) {
        let free: Vec<usize> = counts.iter().map(|&count| count.saturating_sub(used)).collect();
        let taken = shares(&counts, &free, fraction);
        prop_assert!(taken.iter().zip(&free).all(|(taken, free)| taken <= free));
        let wanted = (fraction * counts.iter().sum::<usize>() as f64 + 0.5).floor() as usize;
        prop_assert_eq!(taken.iter().sum::<usize>(), wanted.min(free.iter().sum()));
    }

    #[test]
    fn groups_stay_together(members in prop::collection::vec((0usize..12, 0usize..3), 20..80), seed in 0u64..100) {
        let classes = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let rows = members.iter().enumerate().map(|(i, (group, class))| (format!("g{group}_{i}"), *class)).collect();
        let group = |id: &str| id.split('_').next().unwrap().to_owned();
        let table = LabelTable::new(classes, rows).unwrap().with_groups(group);
        let Ok(split) = stratified_groups(&table, "g", &[("train", 0.6), ("test", 0.4)], seed) else {
            // Only when one group holds so much that a part stays empty.
            return Ok(());
        };
        let groups = |part: &str| split.part(part).unwrap().iter().map(|id| group(id)).collect::<HashSet<_>>();
        prop_assert!(groups("train").is_disjoint(&groups("test")));
        prop_assert_eq!(split.parts().map(|(_, ids)| ids.len()).sum::<usize>(), members.len());
    }
}

#[test]
fn group_shares_come_close_when_groups_are_small() {
    let table = table(&[300, 100]).with_groups(|id| {
        let (class, number) = id.split_once('_').unwrap();
        format!("{class}-{}", number.parse::<usize>().unwrap() / 5)
    });
    let split = stratified_groups(&table, "g", &[("train", 0.7), ("test", 0.3)], 3).unwrap();
    assert_eq!(split.class_counts("train", &table).unwrap(), [210, 70]);
}

#[test]
fn the_seed_changes_the_split() {
    let table = table(&[30, 30]);
    let parts = [("train", 0.5), ("test", 0.5)];
    let split = |seed| stratified(&table, "s", &parts, seed).unwrap();
    assert_ne!(
        split(0).part("train").unwrap(),
        split(1).part("train").unwrap()
    );
    assert_ne!(split(0).sha256(), split(1).sha256());
    assert_eq!(
        rs_datasets::repeated_stratified(&table, "s", &parts, 4, 3).unwrap()[2],
        split(6)
    );
}

#[test]
fn smaller_training_sets_are_subsets_and_leave_the_test_alone() {
    let table = table(&[100, 40, 12]);
    let split = stratified(&table, "s", &[("train", 0.75), ("test", 0.25)], 0).unwrap();
    let inside = |small: &Split| {
        let train: HashSet<&String> = split.part("train").unwrap().iter().collect();
        assert!(
            small
                .part("train")
                .unwrap()
                .iter()
                .all(|id| train.contains(id))
        );
        assert_eq!(small.part("test").unwrap(), split.part("test").unwrap());
        assert_ne!(small.sha256(), split.sha256());
    };
    let fraction = split.label_fraction("train", &table, 0.05, 0).unwrap();
    inside(&fraction);
    assert_eq!(
        fraction.class_counts("train", &table).unwrap(),
        [4, 2, 1],
        "at least one of each class"
    );
    let shots = split.k_shot("train", &table, 3, 0).unwrap();
    inside(&shots);
    assert_eq!(shots.class_counts("train", &table).unwrap(), [3, 3, 3]);
    let error = split.k_shot("train", &table, 10, 0).unwrap_err();
    assert!(
        matches!(error, DataError::TooFew { ref class, available: 9, wanted: 10, .. } if class == "class2"),
        "{error}"
    );
}

#[test]
fn a_balanced_part_leaves_its_rest_in_a_part_of_its_own() {
    let table = table(&[100, 40, 12]);
    let split = stratified(&table, "s", &[("train", 0.5), ("test", 0.5)], 0).unwrap();
    let cut = |k, seed| split.k_shot_with_rest("test", "validation", &table, k, seed);
    let balanced = cut(4, 7).unwrap();
    assert_eq!(balanced.class_counts("test", &table).unwrap(), [4, 4, 4]);
    assert_eq!(
        balanced.class_counts("validation", &table).unwrap(),
        [46, 16, 2]
    );
    assert_eq!(
        balanced.part("train").unwrap(),
        split.part("train").unwrap()
    );
    assert_ne!(
        cut(4, 8).unwrap().part("test").unwrap(),
        balanced.part("test").unwrap()
    );
    assert!(matches!(cut(7, 7), Err(DataError::TooFew { .. })));
    assert!(
        split
            .k_shot_with_rest("test", "train", &table, 4, 7)
            .is_err()
    );
}

#[test]
fn long_tails_follow_the_profile() {
    let table = table(&[100, 100, 100, 100]);
    let split = stratified(&table, "s", &[("train", 0.8), ("test", 0.2)], 0).unwrap();
    let tail = |n_max, order: Option<Vec<usize>>, seed| {
        split.long_tail(
            "train",
            &table,
            &LongTail {
                imbalance_factor: 8.0,
                n_max,
                order,
            },
            seed,
        )
    };
    let given = tail(Some(64), Some(vec![2, 0, 3, 1]), 0).unwrap();
    assert_eq!(
        given.class_counts("train", &table).unwrap(),
        [32, 8, 64, 16]
    );
    let drawn = tail(None, None, 5)
        .unwrap()
        .class_counts("train", &table)
        .unwrap();
    let mut sorted = drawn.clone();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(sorted, [80, 40, 20, 10]);
    assert!((0..10).any(|seed| {
        tail(None, None, seed)
            .unwrap()
            .class_counts("train", &table)
            .unwrap()
            != drawn
    }));
    assert!(matches!(
        tail(Some(81), None, 0),
        Err(DataError::TooFew {
            available: 80,
            wanted: 81,
            ..
        })
    ));
    assert!(matches!(
        tail(None, Some(vec![0, 0, 1, 2]), 0),
        Err(DataError::Setting { .. })
    ));
}

#[test]
fn overlap_and_nonsense_are_refused() {
    let part = |name: &str, ids: &[&str]| {
        (
            name.to_owned(),
            ids.iter().map(|id| id.to_string()).collect::<Vec<_>>(),
        )
    };
    let error = Split::new(
        "s",
        "r",
        None,
        vec![part("train", &["a", "b"]), part("test", &["b"])],
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`b` is in `train` and in `test`"),
        "{error}"
    );
    for parts in [
        vec![],
        vec![part("train", &[])],
        vec![part("train", &["a", "a"])],
        vec![part("tr ain", &["a"])],
        vec![part("train", &["a"]), part("train", &["b"])],
        vec![part("train", &["a\nb"])],
    ] {
        assert!(matches!(
            Split::new("s", "r", None, parts),
            Err(DataError::Split { .. })
        ));
    }
    let table = table(&[5, 5]);
    for fractions in [
        vec![("a", 0.7), ("b", 0.7)],
        vec![("a", 0.0)],
        vec![("a", f64::NAN)],
    ] {
        assert!(matches!(
            stratified(&table, "s", &fractions, 0),
            Err(DataError::Setting { .. })
        ));
    }
    let empty = LabelTable::new(vec!["a".into(), "b".into()], vec![("x".into(), 0)]).unwrap();
    let error = stratified(&empty, "s", &[("train", 1.0)], 0).unwrap_err();
    assert!(
        error.to_string().contains("class `b` has 0 samples"),
        "{error}"
    );
    assert!(LabelTable::new(vec!["a".into()], vec![("x".into(), 1)]).is_err());
    assert!(LabelTable::new(vec!["a".into()], vec![("x".into(), 0), ("x".into(), 0)]).is_err());
}

#[test]
fn files_come_back_and_tampering_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.txt");
    let table = table(&[20, 10]);
    let split = stratified(&table, "my set", &[("train", 0.7), ("test", 0.3)], 3).unwrap();
    split.write(&path).unwrap();
    let read = Split::read(&path).unwrap();
    assert_eq!(read, split);
    assert_eq!(read.sha256(), split.sha256());

    let text = std::fs::read_to_string(&path).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("test\t"))
        .unwrap();
    let cases = [
        (
            text.replace(line, &line.replace("test", "train")),
            "edited or cut off",
        ),
        (text[..text.len() - 5].to_owned(), "edited or cut off"),
        (text.replace("split 1", "split 9"), "first line"),
        (String::new(), "first line"),
    ];
    for (changed, reason) in cases {
        std::fs::write(&path, changed).unwrap();
        let error = Split::read(&path).unwrap_err().to_string();
        assert!(
            error.contains(reason) && error.contains("split.txt"),
            "{error}"
        );
    }
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(matches!(
        Split::read(&path),
        Err(DataError::SplitFile { .. })
    ));
    assert!(matches!(
        Split::read(&folder.path().join("absent")),
        Err(DataError::Io { .. })
    ));
    assert!(split.write(&folder.path().join("no/folder.txt")).is_err());
}
