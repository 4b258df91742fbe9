//! `rs-peft data` as a program, on stand-ins that it writes itself.

use std::path::Path;
use std::process::{Command, Output};

use rs_datasets::{
    BandStatistics, LabelTable, Pipeline, Split, StatisticsSource, catalog, compute_statistics,
    long_tail_counts, stratified,
};
use serde_json::Value;
use tempfile::tempdir;

fn data(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rs-peft"))
        .arg("data")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// What a command that has to succeed printed.
fn said(arguments: &[&str], folder: &Path) -> String {
    let output = data(arguments, folder);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str], folder: &Path) -> Value {
    serde_json::from_str(&said(&[arguments, &["--json"]].concat(), folder)).unwrap()
}

/// What a command that has to fail complained of.
fn refused(arguments: &[&str], folder: &Path) -> String {
    let output = data(arguments, folder);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn the_list_says_what_is_known() {
    let folder = tempdir().unwrap();
    let rows = json(&["list"], folder.path());
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), catalog::DATASETS.len());
    let ships = rows
        .iter()
        .find(|row| row["name"] == "opensarship_dual")
        .unwrap();
    assert_eq!(ships["task"], "classification");
    assert_eq!(ships["bands"][1]["name"], "VH");
    assert_eq!(ships["classes"][2], "Other");
    let text = said(&["list", "--only", "burn"], folder.path());
    assert!(
        text.contains("CC-BY-4.0") && text.contains("https://"),
        "{text}"
    );
    assert!(!text.contains("mados"), "{text}");
    assert!(refused(&["list", "--only", "x-ray"], folder.path()).contains("x-ray"));
    // `data get` is `get`.
    let get = Command::new(env!("CARGO_BIN_EXE_rs-peft"))
        .args(["get", "--list"])
        .output()
        .unwrap();
    assert_eq!(
        said(&["get", "--list"], folder.path()).into_bytes(),
        get.stdout
    );
}

#[test]
fn statistics_are_those_of_the_training_part() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    said(
        &[
            "fake",
            "eurosat_ms",
            "--output",
            "set",
            "--count",
            "4",
            "--seed",
            "9",
        ],
        folder,
    );
    let found = json(
        &[
            "stats",
            "set",
            "--dataset",
            "eurosat_ms",
            "--output",
            "s.json",
        ],
        folder,
    );
    let set = catalog::open("eurosat_ms", &folder.join("set")).unwrap();
    let split = Split::published(&*set).unwrap();
    assert_eq!(found["split"]["sha256"], split.sha256().as_str());
    assert_eq!(
        (&found["part"], &found["images"]),
        (&"train".into(), &30.into())
    );
    let wanted = compute_statistics(&*set, &split, "train", &Pipeline::default(), None).unwrap();
    let written = std::fs::read_to_string(folder.join("s.json")).unwrap();
    let written: BandStatistics = serde_json::from_str(&written).unwrap();
    assert_eq!(written, wanted);
    assert!(matches!(&written.source, StatisticsSource::Split { part, .. } if part == "train"));
    for (number, band) in found["bands"].as_array().unwrap().iter().enumerate() {
        assert_eq!(band["name"], wanted.bands[number].as_str());
        assert_eq!(band["mean"], wanted.mean[number]);
        assert_eq!(band["std"], wanted.std[number]);
        assert_eq!(
            (&band["valid"], &band["missing"]),
            (&(30 * 256).into(), &0.into())
        );
        assert!(
            band["min"].as_f64() < band["mean"].as_f64()
                && band["mean"].as_f64() < band["max"].as_f64()
        );
    }
    let test = json(
        &[
            "stats",
            "set",
            "--dataset",
            "eurosat_ms",
            "--part",
            "test",
            "--bands",
            "B08,B04",
        ],
        folder,
    );
    assert_eq!(
        (&test["images"], &test["bands"][1]["name"]),
        (&10.into(), &"B04".into())
    );

    // Missing pixels, counted; a set without parts is taken whole.
    said(&["fake", "sen1floods11_s1", "--output", "floods"], folder);
    let found = json(&["stats", "floods", "--dataset", "sen1floods11_s1"], folder);
    let band = &found["bands"][0];
    let images = found["images"].as_u64().unwrap();
    assert_eq!(
        (band["missing"].as_u64(), band["valid"].as_u64()),
        (Some(images), Some(575 * images))
    );
    assert!((band["missing_share"].as_f64().unwrap() - 1.0 / 576.0).abs() < 1e-12);
    said(
        &["fake", "eurosat_rgb", "--output", "rgb", "--count", "3"],
        folder,
    );
    let whole = json(&["stats", "rgb/EuroSAT_RGB"], folder);
    assert_eq!(
        (&whole["part"], &whole["images"]),
        (&"all".into(), &30.into())
    );
    let text = said(&["stats", "rgb/EuroSAT_RGB"], folder);
    assert!(
        text.contains(whole["split"]["sha256"].as_str().unwrap()),
        "{text}"
    );

    assert!(
        refused(&["stats", "rgb/EuroSAT_RGB", "--part", "val"], folder).contains("no part `val`")
    );
    assert!(
        refused(
            &["stats", "set", "--dataset", "eurosat_ms", "--part", "val"],
            folder
        )
        .contains("`val`")
    );
    assert!(
        refused(
            &["stats", "set", "--dataset", "eurosat_ms", "--bands", "B99"],
            folder
        )
        .contains("B99")
    );
    assert!(refused(&["stats", "nowhere"], folder).contains("nowhere"));
}

#[test]
fn splits_are_those_of_the_library_and_reach_the_long_tail() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    said(
        &["fake", "eurosat_rgb", "--output", "rgb", "--count", "20"],
        folder,
    );
    let source = ["rgb", "--dataset", "eurosat_rgb"];
    let with = |command: &str, more: &[&'static str]| -> Vec<String> {
        let words = [&[command], &source[..], more].concat();
        words.into_iter().map(str::to_owned).collect()
    };
    let run = |words: Vec<String>| {
        json(
            &words.iter().map(String::as_str).collect::<Vec<_>>(),
            folder,
        )
    };
    let found = run(with(
        "split",
        &[
            "--test",
            "0.25",
            "--validation",
            "0.1",
            "--seed",
            "3",
            "--output",
            "a.split",
        ],
    ));
    let set = catalog::open("eurosat_rgb", &folder.join("rgb")).unwrap();
    let table = LabelTable::of(&*set).unwrap();
    let shares = [
        ("test", 0.25),
        ("validation", 0.1),
        ("train", 1.0 - 0.25 - 0.1),
    ];
    let wanted = stratified(&table, "eurosat_rgb-seed3", &shares, 3).unwrap();
    let split = Split::read(&folder.join("a.split")).unwrap();
    assert_eq!(split, wanted);
    assert_eq!(found["sha256"], wanted.sha256().as_str());
    assert_eq!(found["parts"]["test"]["classes"]["Forest"], 5);
    assert_eq!(found["parts"]["train"]["samples"], 130);

    let few = run(with(
        "split",
        &["--label-fraction", "0.25", "--output", "few.split"],
    ));
    assert_eq!(few["parts"]["train"]["classes"]["River"], 4);
    assert_eq!(few["parts"]["test"]["samples"], 40);

    let tail = run(with(
        "make-long-tail",
        &[
            "--split",
            "a.split",
            "--imbalance",
            "6",
            "--seed",
            "1",
            "--output",
            "tail.split",
        ],
    ));
    let counts = tail["parts"]["train"]["classes"].as_object().unwrap();
    let mut counts: Vec<u64> = counts.values().map(|n| n.as_u64().unwrap()).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let profile: Vec<u64> = long_tail_counts(13, 6.0, 10)
        .into_iter()
        .map(|n| n as u64)
        .collect();
    assert_eq!(counts, profile);
    assert_eq!(tail["parts"]["test"], found["parts"]["test"]);
    let tail = Split::read(&folder.join("tail.split")).unwrap();
    assert_eq!(tail.part("test").unwrap(), split.part("test").unwrap());
    let train: Vec<_> = split.part("train").unwrap().to_vec();
    assert!(
        tail.part("train")
            .unwrap()
            .iter()
            .all(|id| train.contains(id))
    );
    // Its statistics are those of what is left.
    let stats = json(
        &[
            "stats",
            "rgb",
            "--dataset",
            "eurosat_rgb",
            "--split",
            "tail.split",
        ],
        folder,
    );
    assert_eq!(stats["images"], profile.iter().sum::<u64>());

    // An order of the classes, and a table to look at.
    let order = "River,Forest,SeaLake,Highway,Pasture,Residential,Industrial,AnnualCrop,PermanentCrop,HerbaceousVegetation";
    let text = said(
        &[
            "make-long-tail",
            "rgb",
            "--dataset",
            "eurosat_rgb",
            "--imbalance",
            "10",
            "--n-max",
            "20",
            "--order",
            order,
            "--output",
            "o.split",
        ],
        folder,
    );
    let line = |class: &str| {
        text.lines()
            .find(|line| line.starts_with(class))
            .unwrap()
            .to_owned()
    };
    assert!(
        line("River").ends_with(" 20") && line("HerbaceousVegetation").ends_with(" 2"),
        "{text}"
    );

    let refuse = |words: Vec<String>| {
        refused(
            &words.iter().map(String::as_str).collect::<Vec<_>>(),
            folder,
        )
    };
    assert!(refuse(with("split", &["--test", "1.5", "--output", "b"])).contains("--test 1.5"));
    assert!(
        refuse(with("split", &["--group-until", "", "--output", "b"])).contains("--group-until")
    );
    assert!(
        refuse(with(
            "make-long-tail",
            &["--imbalance", "0.5", "--output", "b"]
        ))
        .contains("0.5")
    );
    assert!(
        refuse(with(
            "make-long-tail",
            &["--imbalance", "2", "--order", "Moon", "--output", "b"]
        ))
        .contains("Moon")
    );
    assert!(!folder.join("b").exists());
}

#[test]
fn chips_of_one_scene_stay_together() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    said(
        &["fake", "mados", "--output", "set", "--count", "40"],
        folder,
    );
    said(
        &[
            "split",
            "set",
            "--dataset",
            "mados",
            "--group-until",
            "_",
            "--test",
            "0.3",
            "--output",
            "a.split",
        ],
        folder,
    );
    let split = Split::read(&folder.join("a.split")).unwrap();
    let scenes = |part: &str| -> std::collections::BTreeSet<String> {
        let ids = split.part(part).unwrap().iter();
        ids.map(|id| id.rsplit_once('_').unwrap().0.to_owned())
            .collect()
    };
    let (train, test) = (scenes("train"), scenes("test"));
    assert!(train.is_disjoint(&test));
    assert_eq!((train.len(), test.len()), (7, 3));
    let long = refused(
        &[
            "make-long-tail",
            "set",
            "--dataset",
            "mados",
            "--imbalance",
            "5",
            "--output",
            "b.split",
        ],
        folder,
    );
    assert!(long.contains("classification"), "{long}");
}

#[test]
fn a_stand_in_takes_no_place_that_is_taken() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("mine")).unwrap();
    std::fs::write(folder.join("mine/thesis.tex"), "years of work").unwrap();
    let error = refused(&["fake", "dota", "--output", "mine"], folder);
    assert!(error.contains("not empty"), "{error}");
    assert!(refused(&["fake", "folder", "--output", "x"], folder).contains("eurosat_ms"));
    assert!(refused(&["fake", "dota", "--output", "x", "--count", "1"], folder).contains("2 to"));
    let left: Vec<_> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["mine"]);
    // An empty folder is taken, and the same seed gives the same files.
    std::fs::create_dir(folder.join("empty")).unwrap();
    let written = json(
        &["fake", "dota", "--output", "empty", "--count", "3"],
        folder,
    );
    assert_eq!(written["samples"], 3);
    said(
        &[
            "fake",
            "dota",
            "--output",
            "again/and/again",
            "--count",
            "3",
        ],
        folder,
    );
    let read =
        |place: &str| std::fs::read(folder.join(place).join("dota/images/P0002.png")).unwrap();
    assert_eq!(read("empty"), read("again/and/again"));
}
