//! Calibration of a class with few rows between two with many.

use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::{DIM, close, groups, json, program, refused, tensor, write_features};

/// Rows of the classes `big`, `middle`, `rare`; imbalance 20 of the last.
const SIZES: [usize; 3] = [60, 30, 3];
const NAMES: [&str; 3] = ["big", "middle", "rare"];

fn files() -> Vec<String> {
    let rows = (0..3).flat_map(|class| (0..SIZES[class]).map(move |row| (class, row)));
    rows.map(|(class, row)| format!("chips/{}/{class}-{row}.png", NAMES[class]))
        .collect()
}

/// Training features with clusters in which the rare rows share one with those of `middle`.
fn training() -> (TempDir, Vec<f32>) {
    let folder = tempdir().unwrap();
    let mut rows = groups(SIZES, 0.5);
    // The rare rows lie beside those of the middle class.
    let first = (SIZES[0] + SIZES[1]) * DIM;
    for row in rows[first..].chunks_mut(DIM) {
        row[1] = 78.0;
        row[2] = 1.5;
    }
    write_features(&folder.path().join("f.safetensors"), &rows, Some(&files()));
    json(
        &[
            "cluster",
            "f.safetensors",
            "--clusters",
            "2",
            "--output",
            "c.safetensors",
        ],
        folder.path(),
    );
    (folder, rows)
}

const FIRST: [&str; 7] = [
    "calibrate",
    "f.safetensors",
    "--clusters",
    "c.safetensors",
    "--output",
    "out.safetensors",
    "--labels-from-folders",
];

fn calibrated(more: &[&str], folder: &Path) -> serde_json::Value {
    json(&[&FIRST[..], more].concat(), folder)
}

/// The mean of the cluster that the rare rows are in: all of the middle class and themselves.
fn of_cluster(rows: &[f32]) -> Vec<f64> {
    let members = &rows[SIZES[0] * DIM..];
    let count = (members.len() / DIM) as f64;
    (0..DIM)
        .map(|j| {
            members
                .iter()
                .skip(j)
                .step_by(DIM)
                .map(|x| f64::from(*x))
                .sum::<f64>()
                / count
        })
        .collect()
}

/// Half of the way, as imbalance 20 asks for: alpha = 10 / 20.
fn moved(rows: &[f32]) -> Vec<f64> {
    let centre = of_cluster(rows);
    let rare = &rows[(SIZES[0] + SIZES[1]) * DIM..];
    rare.iter()
        .enumerate()
        .map(|(at, z)| 0.5 * f64::from(*z) + 0.5 * centre[at % DIM])
        .collect()
}

#[test]
fn rows_of_the_rare_class_are_moved_as_the_formula_says() {
    let (folder, rows) = training();
    let folder = folder.path();
    let plain: Vec<f64> = rows.iter().map(|x| f64::from(*x)).collect();
    let rare = (SIZES[0] + SIZES[1]) * DIM;
    let out = folder.join("out.safetensors");

    let found = calibrated(&[], folder);
    assert_eq!(
        (&found["rows_before"], &found["rows"]),
        (&93.into(), &96.into())
    );
    let class = &found["classes"][2];
    assert_eq!(
        (&class["class"], &class["alpha"], &class["tail"]),
        (&"rare".into(), &0.5.into(), &true.into())
    );
    assert_eq!(found["classes"][1]["alpha"], 1.0);
    let (shape, features) = tensor(&out, "features");
    assert_eq!(shape, [96, DIM]);
    close(&features, &[plain.clone(), moved(&rows)].concat());
    assert_eq!(tensor(&out, "sources").1[93..], [90.0, 91.0, 92.0]);
    assert_eq!(tensor(&out, "classes").1[93..], [2.0; 3]);
    assert_eq!(tensor(&out, "alphas").1[92..], [1.0, 0.5, 0.5, 0.5]);
    let (shape, centres) = tensor(&out, "debiased_centres");
    assert_eq!(shape, [3, DIM]);
    close(&centres[2 * DIM..], &of_cluster(&rows));
    assert_eq!(
        json(&["inspect", "out.safetensors"], folder)["kind"],
        "calibrated features"
    );

    calibrated(&["--mode", "replace"], folder);
    close(
        &tensor(&out, "features").1,
        &[plain[..rare].to_vec(), moved(&rows)].concat(),
    );
    calibrated(&["--mode", "duplicate", "--copies", "2"], folder);
    let twice = [
        plain.clone(),
        plain[rare..].to_vec(),
        plain[rare..].to_vec(),
    ]
    .concat();
    close(&tensor(&out, "features").1, &twice);
    // Whom the options make tail.
    let none = calibrated(&["--tail-above", "50"], folder);
    assert_eq!(none["rows"], 93);
    let listed = calibrated(&["--tail-classes", "middle", "--numerator", "1"], folder);
    assert_eq!(
        (&listed["classes"][1]["alpha"], &listed["rows"]),
        (&0.5.into(), &123.into())
    );
    let floor = calibrated(&["--floor", "0.8", "--tail-fewer-than", "10"], folder);
    assert_eq!(floor["classes"][2]["alpha"], 0.8);
    // Drawn between the class's alpha and 1, the same for the same seed.
    calibrated(&["--vary", "--seed", "4"], folder);
    let drawn = tensor(&out, "alphas").1;
    assert!(
        drawn[93..].iter().all(|alpha| (0.5..1.0).contains(alpha)),
        "{drawn:?}"
    );
    calibrated(&["--vary", "--seed", "4"], folder);
    assert_eq!(tensor(&out, "alphas").1, drawn);
    let page = program(&FIRST, folder).stdout;
    let page = String::from_utf8(page).unwrap();
    assert!(
        page.contains("96 rows from 93") && page.contains("tail"),
        "{page}"
    );
}

#[test]
fn labels_come_from_tables_too() {
    let (folder, _) = training();
    let folder = folder.path();
    calibrated(&[], folder);
    let wanted = tensor(&folder.join("out.safetensors"), "features");
    let label = |file: &String| {
        NAMES[file.rsplit('/').next().unwrap()[..1]
            .parse::<usize>()
            .unwrap()]
        .to_owned()
    };
    // By name in another order, and in the order of the rows without names.
    let mut named: Vec<String> = files()
        .iter()
        .map(|file| format!("{file},{}", label(file)))
        .collect();
    named.reverse();
    std::fs::write(
        folder.join("named.csv"),
        format!("file,label\n{}\n", named.join("\n")),
    )
    .unwrap();
    let plain: Vec<String> = files().iter().map(label).collect();
    std::fs::write(
        folder.join("plain.csv"),
        format!("label\n{}\n", plain.join("\n")),
    )
    .unwrap();
    let indices: Vec<i32> = (0..3)
        .flat_map(|class| vec![class as i32; SIZES[class]])
        .collect();
    let array = rs_datasets::io::NpyArray {
        shape: vec![indices.len()],
        samples: rs_datasets::io::Samples::I32(indices),
    };
    rs_datasets::io::write_npy(&folder.join("l.npy"), &array).unwrap();
    let first = &FIRST[..6];
    for more in [
        &["--labels", "named.csv"][..],
        &["--labels", "plain.csv"],
        &["--labels", "l.npy"],
        &["--labels", "l.npy", "--classes", "big,middle,rare"],
    ] {
        json(&[first, more].concat(), folder);
        assert_eq!(
            tensor(&folder.join("out.safetensors"), "features"),
            wanted,
            "{more:?}"
        );
    }
    std::fs::write(folder.join("short.csv"), "label\nbig\nrare\n").unwrap();
    std::fs::write(folder.join("other.csv"), "file,label\nelse.png,big\n").unwrap();
    for (more, says) in [
        (&["--labels", "short.csv"][..], "2 labels for 93 rows"),
        (&["--labels", "other.csv"], "chips/big/0-0.png"),
        (
            &["--labels", "plain.csv", "--classes", "big,middle"],
            "rare",
        ),
        (
            &["--labels", "l.npy", "--classes", "big,middle"],
            "class index 2",
        ),
        (&["--labels", "labels.txt"], ".csv or .npy"),
        (&["--labels-from-folders", "--tail-classes", "tiny"], "tiny"),
        (&["--labels-from-folders", "--numerator", "0"], "numerator"),
        (
            &[
                "--labels-from-folders",
                "--mode",
                "replace",
                "--copies",
                "2",
            ],
            "--copies",
        ),
        (&["--labels-from-folders", "--official"], "--class"),
    ] {
        let (_, complaint) = refused(&[first, more].concat(), folder);
        assert!(complaint.contains(says), "{more:?}: {complaint}");
    }
}

#[test]
fn three_distances_are_measured_on_validation_rows() {
    let (folder, rows) = training();
    let folder = folder.path();
    let truth: Vec<f32> = vec![0.0, 80.0, 1.0, 0.5, 0.0, 82.0, 0.0, 0.5];
    let names = ["val/rare/a.png", "val/rare/b.png"].map(str::to_owned);
    write_features(&folder.join("v.safetensors"), &truth, Some(&names));
    let found = calibrated(&["--validation", "v.safetensors"], folder);
    let mean = |rows: &[f64]| -> Vec<f64> {
        let count = (rows.len() / DIM) as f64;
        (0..DIM)
            .map(|j| rows.iter().skip(j).step_by(DIM).sum::<f64>() / count)
            .collect()
    };
    let wide = |rows: &[f32]| -> Vec<f64> { rows.iter().map(|x| f64::from(*x)).collect() };
    let aim = mean(&wide(&truth));
    let away = |centre: &[f64]| {
        centre
            .iter()
            .zip(&aim)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let rare = wide(&rows[(SIZES[0] + SIZES[1]) * DIM..]);
    let distances = &found["distances"][0];
    assert_eq!(distances["class"], "rare");
    let number = |name: &str| distances[name].as_f64().unwrap();
    close(
        &[number("train"), number("debiased"), number("calibrated")],
        &[
            away(&mean(&rare)),
            away(&of_cluster(&rows)),
            away(&mean(&moved(&rows))),
        ],
    );
    assert_eq!(found["distances"].as_array().unwrap().len(), 1);
}

#[test]
fn the_released_code_moves_one_class_in_standardised_features() {
    let (folder, rows) = training();
    let folder = folder.path();
    let official = [
        "--official",
        "--class",
        "rare",
        "--cluster",
        "1",
        "--strength",
        "0.25",
    ];
    let (_, complaint) = refused(&[&FIRST[..], &official].concat(), folder);
    assert!(complaint.contains("--standardise"), "{complaint}");
    json(
        &[
            "cluster",
            "f.safetensors",
            "--clusters",
            "2",
            "--standardise",
            "--output",
            "c.safetensors",
        ],
        folder,
    );
    let found = calibrated(&official, folder);
    assert_eq!((&found["moved"], &found["rows"]), (&3.into(), &96.into()));
    let clusters = folder.join("c.safetensors");
    let (_, centres) = tensor(&clusters, "centres");
    let (_, mean) = tensor(&clusters, "scaler.mean");
    let (_, scale) = tensor(&clusters, "scaler.scale");
    let rare = &rows[(SIZES[0] + SIZES[1]) * DIM..];
    let wanted: Vec<f64> = rare
        .iter()
        .enumerate()
        .map(|(at, x)| {
            let j = at % DIM;
            let z = (f64::from(*x) - mean[j]) / scale[j];
            (0.75 * z + 0.25 * centres[DIM + j]) * scale[j] + mean[j]
        })
        .collect();
    let (_, features) = tensor(&folder.join("out.safetensors"), "features");
    close(&features[93 * DIM..], &wanted);
    let (_, complaint) = refused(
        &[&FIRST[..], &official, &["--validation", "f.safetensors"]].concat(),
        folder,
    );
    assert!(complaint.contains("--official"), "{complaint}");
}

#[test]
fn clusters_of_other_features_are_refused() {
    let (folder, mut rows) = training();
    let folder = folder.path();
    rows[0] += 1.0;
    write_features(&folder.join("f.safetensors"), &rows, Some(&files()));
    let (_, complaint) = refused(&FIRST, folder);
    assert!(complaint.contains("cluster these features"), "{complaint}");
    json(
        &[
            "cluster",
            "f.safetensors",
            "--clusters",
            "2",
            "--output",
            "c.safetensors",
        ],
        folder,
    );
    let path = folder.join("c.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (_, complaint) = refused(&FIRST, folder);
    assert!(complaint.contains("damaged"), "{complaint}");
    std::fs::copy(folder.join("f.safetensors"), &path).unwrap();
    let (_, complaint) = refused(&FIRST, folder);
    assert!(complaint.contains("rs-peft cluster"), "{complaint}");
    assert!(!folder.join("out.safetensors").exists());
}
