//! Clusters of three groups.

use tempfile::tempdir;

use crate::{DIM, close, groups, json, program, refused, tensor, write_features};

const SIZES: [usize; 3] = [40, 25, 15];

/// The group of every row.
fn truth() -> Vec<usize> {
    (0..3).flat_map(|group| vec![group; SIZES[group]]).collect()
}

/// Means of the groups.
fn means(rows: &[f32]) -> Vec<Vec<f64>> {
    let truth = truth();
    (0..3)
        .map(|group| {
            let mut sum = vec![0.0; DIM];
            for (row, _) in rows.chunks(DIM).zip(&truth).filter(|(_, of)| **of == group) {
                sum.iter_mut()
                    .zip(row)
                    .for_each(|(sum, x)| *sum += f64::from(*x));
            }
            sum.iter().map(|sum| sum / SIZES[group] as f64).collect()
        })
        .collect()
}

#[test]
fn every_method_finds_the_groups() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let rows = groups(SIZES, 0.5);
    write_features(&folder.join("f.safetensors"), &rows, None);
    for method in [
        &["--clusters", "3"][..],
        &["--method", "mini-batch", "--clusters", "3", "--batch", "20"],
        &[
            "--method",
            "constrained",
            "--clusters",
            "3",
            "--min-size",
            "15",
        ],
        &["--method", "dbscan", "--eps", "6"],
        &["--method", "hdbscan"],
        &["--method", "hdbscan", "--standardise"],
        &["--clusters", "3", "--standardise", "--pca", "2"],
        &[
            "--clusters",
            "3",
            "--standardise",
            "--pca",
            "0.9",
            "--whiten",
        ],
    ] {
        let words = [
            &["cluster", "f.safetensors", "--output", "c.safetensors"],
            method,
        ]
        .concat();
        let found = json(&words, folder);
        assert_eq!(
            (&found["clusters"], &found["noise"]),
            (&3.into(), &0.into()),
            "{method:?}"
        );
        let path = folder.join("c.safetensors");
        let (shape, assignment) = tensor(&path, "assignment");
        assert_eq!(shape, [80]);
        let (_, found_means) = tensor(&path, "means");
        for (group, wanted) in means(&rows).iter().enumerate() {
            let of_group = assignment
                .iter()
                .zip(truth())
                .filter(|(_, of)| *of == group);
            let clusters: Vec<f64> = of_group.map(|(cluster, _)| *cluster).collect();
            assert!(
                clusters.windows(2).all(|pair| pair[0] == pair[1]),
                "{method:?}"
            );
            let cluster = clusters[0] as usize;
            assert_eq!(found["sizes"][cluster], SIZES[group]);
            close(&found_means[cluster * DIM..(cluster + 1) * DIM], wanted);
        }
        assert!(
            found["silhouette"].as_f64().unwrap() > 0.3,
            "{method:?}: {found}"
        );
        assert_eq!(found["silhouette_rows"], 80);
        // The same command gives the same bytes.
        let first = std::fs::read(&path).unwrap();
        json(&words, folder);
        assert_eq!(std::fs::read(&path).unwrap(), first, "{method:?}");
    }
    // Equal sizes against the groups.
    let words = [
        "cluster",
        "f.safetensors",
        "--method",
        "constrained",
        "--clusters",
        "4",
        "--rho",
        "1",
        "--output",
        "c.safetensors",
    ];
    assert_eq!(
        json(&words, folder)["sizes"],
        serde_json::json!([20, 20, 20, 20])
    );
    // The text says the same.
    let output = program(
        &[
            "cluster",
            "f.safetensors",
            "--clusters",
            "3",
            "--output",
            "c.safetensors",
        ],
        folder,
    );
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(
        page.contains("80 rows of 4 features") && page.contains("converged"),
        "{page}"
    );
    let inspected = json(&["inspect", "c.safetensors"], folder);
    assert_eq!(inspected["kind"], "clusters");
    assert_eq!(inspected["metadata"]["found"]["method"], "k-means");
}

#[test]
fn centres_of_a_standardised_space_lead_back_to_the_means() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let rows = groups(SIZES, 0.5);
    write_features(&folder.join("f.safetensors"), &rows, None);
    json(
        &[
            "cluster",
            "f.safetensors",
            "--clusters",
            "3",
            "--standardise",
            "--output",
            "c.safetensors",
        ],
        folder,
    );
    let path = folder.join("c.safetensors");
    let (_, centres) = tensor(&path, "centres");
    let (_, means) = tensor(&path, "means");
    let (_, mean) = tensor(&path, "scaler.mean");
    let (_, scale) = tensor(&path, "scaler.scale");
    let back: Vec<f64> = centres
        .iter()
        .enumerate()
        .map(|(at, x)| x * scale[at % DIM] + mean[at % DIM])
        .collect();
    close(&back, &means);
    // Principal components of the standardised rows: orthonormal, and as many as were asked for.
    json(
        &[
            "cluster",
            "f.safetensors",
            "--clusters",
            "3",
            "--standardise",
            "--pca",
            "2",
            "--output",
            "c.safetensors",
        ],
        folder,
    );
    let (shape, components) = tensor(&path, "pca.components");
    assert_eq!(
        (shape, tensor(&path, "centres").0),
        (vec![2, DIM], vec![3, 2])
    );
    let dot = |a: usize, b: usize| -> f64 {
        (0..DIM)
            .map(|j| components[a * DIM + j] * components[b * DIM + j])
            .sum()
    };
    close(&[dot(0, 0), dot(1, 1), dot(0, 1)], &[1.0, 1.0, 0.0]);
}

#[test]
fn what_cannot_be_is_refused_and_writes_nothing() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    write_features(&folder.join("f.safetensors"), &groups(SIZES, 0.5), None);
    for (more, says) in [
        (&[][..], "--clusters"),
        (&["--clusters", "3", "--rho", "2"], "--method constrained"),
        (
            &["--clusters", "3", "--method", "constrained"],
            "--rho R or --min-size N",
        ),
        (
            &["--method", "dbscan", "--clusters", "3", "--eps", "1"],
            "--clusters",
        ),
        (&["--method", "dbscan"], "--eps"),
        (&["--clusters", "3", "--eps", "1"], "--method dbscan"),
        (&["--clusters", "3", "--pca", "1.5"], "--pca"),
        (&["--clusters", "3", "--whiten"], "--pca"),
        (&["--clusters", "3", "--method", "x"], "x"),
    ] {
        let words = [
            &["cluster", "f.safetensors", "--output", "c.safetensors"],
            more,
        ]
        .concat();
        let (code, complaint) = refused(&words, folder);
        assert_eq!(code, 2, "{more:?}: {complaint}");
        assert!(complaint.contains(says), "{more:?}: {complaint}");
    }
    let whole = std::fs::read(folder.join("f.safetensors")).unwrap();
    std::fs::write(folder.join("cut.safetensors"), &whole[..whole.len() - 8]).unwrap();
    let mut nan = groups(SIZES, 0.5);
    nan[9] = f32::NAN;
    write_features(&folder.join("nan.safetensors"), &nan, None);
    for (file, more, says) in [
        ("f.safetensors", &["--clusters", "81"][..], "81"),
        (
            "f.safetensors",
            &["--clusters", "3", "--tensor", "blocks.12"],
            "blocks.11",
        ),
        ("cut.safetensors", &["--clusters", "3"], "cut.safetensors"),
        ("nan.safetensors", &["--clusters", "3"], "row 2"),
        (
            "missing.safetensors",
            &["--clusters", "3"],
            "missing.safetensors",
        ),
    ] {
        let words = [&["cluster", file, "--output", "c.safetensors"], more].concat();
        let (code, complaint) = refused(&words, folder);
        assert_eq!(code, 1, "{file}: {complaint}");
        assert!(complaint.contains(says), "{file}: {complaint}");
    }
    assert!(!folder.join("c.safetensors").exists());
}
