//! Against scikit-learn, k-means-constrained and a linear programme (assets/golden/clustering/export_clustering.py).

mod common;

use clustering::constrained::{AssignmentCost, ConstrainedParams, MinSize, assign_at_least};
use clustering::dbscan::DbscanParams;
use clustering::hdbscan::{HdbscanParams, Selection};
use clustering::k_means::{KMeansParams, Start};
use clustering::mini_batch::MiniBatchState;
use clustering::pca::{Components, PcaParams};
use clustering::rows::Matrix;
use clustering::scaler::StandardScaler;
use common::{close, count, golden, labels, narrow, numbers, optional, rng, same_partition, table};
use serde_json::Value;

fn cases(name: &str) -> Vec<Value> {
    golden()[name].as_array().unwrap().clone()
}

/// Tolerance of sums over rows in f64.
const EXACT: f64 = 1e-10;
/// Tolerance in f32, relative to the largest number.
const SINGLE: f64 = 1e-5;

#[test]
fn k_means_equals_scikit_learn() {
    for case in cases("k_means") {
        let name = case["name"].as_str().unwrap();
        let (values, dim) = table(&case["table"]);
        let start = numbers(&case["start"]);
        let weights = optional(&case["weights"]);
        let fitted = KMeansParams::new(start.len() / dim)
            .start(Start::Given(start.clone()))
            .tolerance(case["tolerance"].as_f64().unwrap())
            .max_iterations(count(&case["max_iterations"]))
            .check()
            .unwrap()
            .fit(
                &Matrix::new(&values, dim).unwrap(),
                weights.as_deref(),
                &mut rng(0),
            )
            .unwrap();
        let ours: Vec<f64> = fitted.labels().iter().map(|&l| f64::from(l)).collect();
        assert_eq!(ours, numbers(&case["labels"]), "{name}");
        close(name, fitted.centres(), &numbers(&case["centres"]), EXACT);
        close(
            name,
            &[fitted.inertia()],
            &[case["inertia"].as_f64().unwrap()],
            EXACT,
        );
        assert_eq!(fitted.iterations(), count(&case["iterations"]), "{name}");
    }
}

#[test]
fn k_means_in_single_precision() {
    for case in cases("k_means") {
        let name = case["name"].as_str().unwrap();
        let (values, dim) = table(&case["table"]);
        let start = numbers(&case["start"]);
        let weights = optional(&case["weights"]);
        let fitted = KMeansParams::new(start.len() / dim)
            .start(Start::Given(narrow(&start)))
            .tolerance(case["tolerance"].as_f64().unwrap())
            .max_iterations(count(&case["max_iterations"]))
            .check()
            .unwrap()
            .fit(
                &Matrix::new(&narrow(&values), dim).unwrap(),
                weights.as_deref(),
                &mut rng(0),
            )
            .unwrap();
        let ours: Vec<f64> = fitted.labels().iter().map(|&l| f64::from(l)).collect();
        assert_eq!(ours, numbers(&case["labels"]), "{name}");
        close(
            name,
            &common::wide(fitted.centres()),
            &numbers(&case["centres"]),
            SINGLE,
        );
        // Rows 1000 from the origin keep four decimals in f32, a tenth of a thousandth of their spread.
        let tolerance = if name == "far from the origin" {
            1e-3
        } else {
            SINGLE
        };
        close(
            name,
            &[fitted.inertia()],
            &[case["inertia"].as_f64().unwrap()],
            tolerance,
        );
    }
}

#[test]
fn mini_batches_equal_scikit_learn() {
    let case = &golden()["mini_batch"];
    let (values, dim) = table(&case["table"]);
    let weights = numbers(&case["weights"]);
    let batch = count(&case["batch"]);
    let mut state = MiniBatchState::new(numbers(&case["start"]), dim).unwrap();
    let steps = case["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 4);
    for (i, step) in steps.iter().enumerate() {
        let rows = i * batch..(i + 1) * batch;
        state
            .step(
                &values[rows.start * dim..rows.end * dim],
                Some(&weights[rows]),
            )
            .unwrap();
        close(
            "centres",
            state.centres(),
            &numbers(&step["centres"]),
            EXACT,
        );
        close("seen", state.seen(), &numbers(&step["seen"]), EXACT);
    }
}

#[test]
fn assignments_equal_the_linear_programme() {
    for case in cases("assignment") {
        let k = count(&case["clusters"]);
        let min_size = count(&case["min_size"]);
        let costs = numbers(&case["costs"]);
        let labels = assign_at_least(&costs, k, min_size).unwrap();
        let total: f64 = labels
            .iter()
            .enumerate()
            .map(|(i, &l)| costs[i * k + l as usize])
            .sum();
        close(
            "optimum",
            &[total],
            &[case["optimum"].as_f64().unwrap()],
            1e-12,
        );
        for cluster in 0..k {
            let size = labels.iter().filter(|&&l| l as usize == cluster).count();
            assert!(size >= min_size);
        }
    }
}

/// That package sums distances, not their squares, in its assignment step, in thousandths.
#[test]
fn constrained_k_means_equals_the_package() {
    for case in cases("constrained") {
        let (values, dim) = table(&case["table"]);
        let start = numbers(&case["start"]);
        let min_size = count(&case["min_size"]);
        let rows = Matrix::new(&values, dim).unwrap();
        let params = |cost| {
            ConstrainedParams::new(start.len() / dim, MinSize::Rows(min_size))
                .start(Start::Given(start.clone()))
                .cost(cost)
                .check()
                .unwrap()
        };
        let fitted = params(AssignmentCost::Distance)
            .fit(&rows, None, &mut rng(0))
            .unwrap();
        let ours: Vec<f64> = fitted.labels().iter().map(|&l| f64::from(l)).collect();
        assert_eq!(ours, numbers(&case["labels"]));
        close(
            "centres",
            fitted.centres(),
            &numbers(&case["centres"]),
            EXACT,
        );
        assert!(fitted.sizes().iter().all(|&s| s >= min_size));
        // From those labels one exact step of the k-means objective can only gain.
        let squared = ConstrainedParams::new(start.len() / dim, MinSize::Rows(min_size))
            .start(Start::Given(numbers(&case["centres"])))
            .check()
            .unwrap()
            .fit(&rows, None, &mut rng(0))
            .unwrap();
        assert!(squared.inertia() <= fitted.inertia() * (1.0 + 1e-12));
    }
}

#[test]
fn dbscan_equals_scikit_learn() {
    for case in cases("dbscan") {
        let name = case["name"].as_str().unwrap();
        let (values, dim) = table(&case["table"]);
        let weights = optional(&case["weights"]);
        let valid = DbscanParams::new(case["eps"].as_f64().unwrap())
            .min_samples(case["min_samples"].as_f64().unwrap())
            .check()
            .unwrap();
        let fitted = valid
            .fit(&Matrix::new(&values, dim).unwrap(), weights.as_deref())
            .unwrap();
        assert_eq!(fitted.labels(), labels(&case["labels"]), "{name}");
        let core: Vec<bool> = case["core"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c.as_bool().unwrap())
            .collect();
        assert_eq!(fitted.core(), core, "{name}");
        let single = valid
            .fit(
                &Matrix::new(&narrow(&values), dim).unwrap(),
                weights.as_deref(),
            )
            .unwrap();
        assert_eq!(single.labels(), fitted.labels(), "{name}");
    }
}

#[test]
fn hdbscan_equals_scikit_learn() {
    for case in cases("hdbscan") {
        let name = case["name"].as_str().unwrap();
        let (values, dim) = table(&case["table"]);
        let options = &case["options"];
        let mut params = HdbscanParams::default()
            .allow_single_cluster(options["allow_single_cluster"].as_bool().unwrap_or(false));
        if let Some(rows) = options["min_cluster_size"].as_u64() {
            params = params.min_cluster_size(rows as usize);
        }
        if let Some(rows) = options["min_samples"].as_u64() {
            params = params.min_samples(rows as usize);
        }
        if options["cluster_selection_method"] == "leaf" {
            params = params.selection(Selection::Leaves);
        }
        let fitted = params
            .check()
            .unwrap()
            .fit(&Matrix::new(&values, dim).unwrap())
            .unwrap();
        let theirs = labels(&case["labels"]);
        assert!(
            same_partition(fitted.labels(), &theirs),
            "{name}: {:?}\n{theirs:?}",
            fitted.labels()
        );
        close(name, fitted.strengths(), &numbers(&case["strengths"]), 1e-9);
    }
}

#[test]
fn standardisation_equals_scikit_learn() {
    let case = &golden()["scaler"];
    let (values, dim) = table(&case["table"]);
    let scaler = StandardScaler::fit(&Matrix::new(&values, dim).unwrap()).unwrap();
    close("mean", scaler.mean(), &numbers(&case["mean"]), 1e-15);
    for (j, theirs) in numbers(&case["variance"]).into_iter().enumerate() {
        // A constant column has the variance of rounding, here as there.
        let ours = scaler.variance()[j];
        assert!(
            (ours - theirs).abs() <= 1e-9 * theirs.max(1e-12),
            "{j}: {ours} {theirs}"
        );
        close(
            "scale",
            &scaler.scale()[j..=j],
            &numbers(&case["scale"])[j..=j],
            1e-9,
        );
    }
    let mut ours = values.clone();
    scaler.transform(&mut ours).unwrap();
    close("transformed", &ours, &numbers(&case["transformed"]), 1e-9);
    scaler.inverse_transform(&mut ours).unwrap();
    close("back", &ours, &values, 1e-14);
}

#[test]
fn principal_components_equal_scikit_learn() {
    for case in cases("pca") {
        let name = case["name"].as_str().unwrap();
        let (values, dim) = table(&case["table"]);
        let components = match case["count"].as_u64() {
            Some(count) => Components::Count(count as usize),
            None => Components::Variance(case["count"].as_f64().unwrap()),
        };
        let pca = PcaParams::new(components)
            .whiten(case["whiten"].as_bool().unwrap())
            .check()
            .unwrap()
            .fit(&Matrix::new(&values, dim).unwrap())
            .unwrap();
        close(name, pca.mean(), &numbers(&case["mean"]), EXACT);
        close(name, pca.components(), &numbers(&case["components"]), 1e-9);
        close(
            name,
            pca.explained_variance(),
            &numbers(&case["variance"]),
            EXACT,
        );
        close(
            name,
            &pca.explained_variance_ratio(),
            &numbers(&case["ratio"]),
            EXACT,
        );
        close(
            name,
            &pca.singular_values(),
            &numbers(&case["singular"]),
            EXACT,
        );
        let projected = pca.transform(&values).unwrap();
        close(name, &projected, &numbers(&case["transformed"]), 1e-9);
        let back = pca.inverse_transform(&projected).unwrap();
        close(name, &back, &numbers(&case["back"]), 1e-9);
    }
}
