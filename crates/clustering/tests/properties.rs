//! Properties of the clusterings that hold for every input.

mod common;

use clustering::constrained::{ConstrainedParams, MinSize, assign_at_least};
use clustering::dbscan::DbscanParams;
use clustering::hdbscan::HdbscanParams;
use clustering::k_means::{KMeans, KMeansParams, Start};
use clustering::mini_batch::MiniBatchParams;
use clustering::pca::{Components, PcaParams};
use clustering::rows::Matrix;
use clustering::scaler::StandardScaler;
use common::{rng, same_partition};
use proptest::prelude::*;

/// A table of different rows: (values, dim, clusters), clusters at most the number of rows.
fn tables() -> impl Strategy<Value = (Vec<f64>, usize, usize)> {
    (1usize..5, 1usize..6).prop_flat_map(|(dim, k)| {
        (k.max(2)..40).prop_flat_map(move |rows| {
            prop::collection::vec(-50.0f64..50.0, rows * dim).prop_map(move |v| (v, dim, k))
        })
    })
}

/// Costs small enough to try every assignment: (costs, clusters, least size).
fn small_costs() -> impl Strategy<Value = (Vec<f64>, usize, usize)> {
    (1usize..4).prop_flat_map(|k| {
        (k..8).prop_flat_map(move |rows| {
            // Whole numbers make ties, which must not matter.
            let costs = prop_oneof![
                prop::collection::vec(0.0f64..10.0, rows * k),
                prop::collection::vec((0u8..4).prop_map(f64::from), rows * k),
                prop::collection::vec(-10.0f64..10.0, rows * k),
            ];
            (costs, 0..=rows / k).prop_map(move |(costs, least)| (costs, k, least))
        })
    })
}

fn square(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

fn centre(fitted: &KMeans<f64>, k: usize) -> &[f64] {
    &fitted.centres()[k * fitted.dim()..(k + 1) * fitted.dim()]
}

/// The least total over all assignments that respect the sizes, by trying all.
fn brute_force(costs: &[f64], k: usize, least: usize) -> f64 {
    let rows = costs.len() / k;
    (0..k.pow(rows as u32))
        .filter_map(|mut code| {
            let mut sizes = vec![0; k];
            let mut total = 0.0;
            for row in 0..rows {
                let label = code % k;
                code /= k;
                sizes[label] += 1;
                total += costs[row * k + label];
            }
            sizes.iter().all(|&s| s >= least).then_some(total)
        })
        .fold(f64::INFINITY, f64::min)
}

fn total(costs: &[f64], k: usize, labels: &[u32]) -> f64 {
    labels
        .iter()
        .enumerate()
        .map(|(row, &l)| costs[row * k + l as usize])
        .sum()
}

/// No cycle and no path from a cluster with rows to spare lowers the total: the conditions of optimality of a flow, checked with
/// Bellman and Ford's algorithm. For sizes at which trying all is out of reach.
fn is_optimal(costs: &[f64], k: usize, least: usize, labels: &[u32]) -> bool {
    let mut sizes = vec![0; k];
    for &l in labels {
        sizes[l as usize] += 1;
    }
    // Node k: rows leave a cluster with rows to spare for any other one.
    let mut edge = vec![f64::INFINITY; (k + 1) * (k + 1)];
    for (row, &l) in labels.iter().enumerate() {
        for to in 0..k {
            let from = l as usize;
            let change = costs[row * k + to] - costs[row * k + from];
            let at = from * (k + 1) + to;
            edge[at] = edge[at].min(change);
        }
    }
    for (c, &size) in sizes.iter().enumerate() {
        if size > least {
            edge[k * (k + 1) + c] = 0.0;
        }
        edge[c * (k + 1) + k] = 0.0;
    }
    let mut distance = vec![0.0; k + 1];
    for round in 0..=k + 1 {
        let mut changed = false;
        for from in 0..=k {
            for to in 0..=k {
                let through = distance[from] + edge[from * (k + 1) + to];
                if through < distance[to] - 1e-9 {
                    distance[to] = through;
                    changed = true;
                }
            }
        }
        if !changed {
            return true;
        }
        if round == k + 1 {
            return false;
        }
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn k_means_ends_where_no_row_is_nearer_to_another_centre((values, dim, k) in tables(), seed in 0u64..1000) {
        let rows = Matrix::new(&values, dim).unwrap();
        let fitted = KMeansParams::new(k).tolerance(0.0).restarts(2).check().unwrap().fit(&rows, None, &mut rng(seed)).unwrap();
        let mut inertia = 0.0;
        let mut sums = vec![0.0; k * dim];
        let sizes = fitted.sizes();
        for (row, &label) in values.chunks_exact(dim).zip(fitted.labels()) {
            let own = square(row, centre(&fitted, label as usize));
            inertia += own;
            for c in 0..k {
                prop_assert!(own <= square(row, centre(&fitted, c)) + 1e-9);
            }
            for (s, x) in sums[label as usize * dim..].iter_mut().zip(row) {
                *s += x;
            }
        }
        prop_assert!((inertia - fitted.inertia()).abs() <= 1e-9 * (1.0 + inertia));
        // The inertia never rises, and centres are means.
        for pair in fitted.history().windows(2) {
            prop_assert!(pair[1] <= pair[0] + 1e-9 * (1.0 + pair[0]));
        }
        prop_assert!(fitted.converged());
        for c in 0..k {
            prop_assert!(sizes[c] > 0);
            for j in 0..dim {
                prop_assert!((sums[c * dim + j] / sizes[c] as f64 - centre(&fitted, c)[j]).abs() < 1e-9);
            }
        }
        prop_assert_eq!(fitted.predict(&rows).unwrap(), fitted.labels());
    }

    #[test]
    fn a_weight_is_a_number_of_copies((values, dim, k) in tables(), seed in 0u64..1000, copies in prop::collection::vec(1usize..4, 40)) {
        let rows = values.len() / dim;
        let start = Start::Given(values[..k * dim].to_vec());
        let weights: Vec<f64> = copies[..rows].iter().map(|&c| c as f64).collect();
        let copied: Vec<f64> = values.chunks_exact(dim).zip(&copies).flat_map(|(row, &c)| row.repeat(c)).collect();
        let params = KMeansParams::new(k).start(start).max_iterations(5).tolerance(0.0).check().unwrap();
        let weighted = params.fit(&Matrix::new(&values, dim).unwrap(), Some(&weights), &mut rng(seed)).unwrap();
        let plain = params.fit(&Matrix::new(&copied, dim).unwrap(), None, &mut rng(seed)).unwrap();
        prop_assert!((weighted.inertia() - plain.inertia()).abs() <= 1e-7 * (1.0 + plain.inertia()));
    }

    #[test]
    fn k_means_follows_order_names_and_place((values, dim, k) in tables(), shift in -100.0f64..100.0, turn in 0usize..40) {
        let rows = values.len() / dim;
        let fit = |values: &[f64], start: Vec<f64>| {
            KMeansParams::new(k).start(Start::Given(start)).check().unwrap()
                .fit(&Matrix::new(values, dim).unwrap(), None, &mut rng(0)).unwrap()
        };
        let start = values[..k * dim].to_vec();
        let base = fit(&values, start.clone());
        // Rows in another order.
        let turn = turn % rows;
        let mut turned = values.clone();
        turned.rotate_left(turn * dim);
        let other = fit(&turned, start.clone());
        let mut labels = base.labels().to_vec();
        labels.rotate_left(turn);
        prop_assert_eq!(other.labels(), &labels);
        // Centres in another order: the same partition under other names.
        let backwards: Vec<f64> = start.chunks_exact(dim).rev().flatten().copied().collect();
        let other = fit(&values, backwards);
        let renamed: Vec<u32> = other.labels().iter().map(|&l| k as u32 - 1 - l).collect();
        prop_assert_eq!(&renamed, base.labels());
        // Everything moved.
        let moved: Vec<f64> = values.iter().map(|x| x + shift).collect();
        let other = fit(&moved, start.iter().map(|x| x + shift).collect());
        prop_assert!((other.inertia() - base.inertia()).abs() <= 1e-6 * (1.0 + base.inertia()));
    }

    #[test]
    fn the_constrained_assignment_is_the_least((costs, k, least) in small_costs()) {
        let labels = assign_at_least(&costs, k, least).unwrap();
        for c in 0..k {
            prop_assert!(labels.iter().filter(|&&l| l as usize == c).count() >= least);
        }
        let ours = total(&costs, k, &labels);
        let wanted = brute_force(&costs, k, least);
        prop_assert!((ours - wanted).abs() < 1e-9, "{} {}", ours, wanted);
    }

    #[test]
    fn larger_assignments_admit_no_gain(k in 2usize..9, extra in 0usize..120, seed in 0u64..1_000_000, skew in 0.0f64..30.0) {
        let n = k * 3 + extra;
        let mut costs = common::blobs(n, k, 2, seed);
        for row in costs.chunks_exact_mut(k) {
            row[0] -= skew;
        }
        for least in [1, n / (2 * k), n / k] {
            let labels = assign_at_least(&costs, k, least).unwrap();
            for c in 0..k {
                prop_assert!(labels.iter().filter(|&&l| l as usize == c).count() >= least);
            }
            prop_assert!(is_optimal(&costs, k, least, &labels));
        }
    }

    #[test]
    fn constrained_clusters_are_large_enough((values, dim, k) in tables(), rho in 1.0f64..6.0, seed in 0u64..1000) {
        let n = values.len() / dim;
        let rows = Matrix::new(&values, dim).unwrap();
        let bound = MinSize::Balance { rho };
        let fitted = ConstrainedParams::new(k, bound).tolerance(0.0).check().unwrap().fit(&rows, None, &mut rng(seed)).unwrap();
        let least = bound.resolve(n, k).unwrap();
        for size in fitted.sizes() {
            prop_assert!(size >= least);
            let exact = n as f64 / (k as f64 * rho);
            // Met as printed wherever whole numbers can meet it.
            prop_assert!(size as f64 >= exact - 1e-9 || exact.ceil() as usize * k > n);
        }
        for pair in fitted.history().windows(2) {
            prop_assert!(pair[1] <= pair[0] + 1e-9 * (1.0 + pair[0]));
        }
        // With its own centres as start it stays.
        let again = ConstrainedParams::new(k, bound).start(Start::Given(fitted.centres().to_vec())).check().unwrap()
            .fit(&rows, None, &mut rng(0)).unwrap();
        prop_assert!((again.inertia() - fitted.inertia()).abs() <= 1e-9 * (1.0 + fitted.inertia()));
    }

    #[test]
    fn mini_batch_labels_are_the_nearest_centres((values, dim, k) in tables(), seed in 0u64..1000) {
        let rows = Matrix::new(&values, dim).unwrap();
        let fitted = MiniBatchParams::new(k).batch(8).max_epochs(3).check().unwrap().fit(&rows, None, &mut rng(seed)).unwrap();
        for (row, &label) in values.chunks_exact(dim).zip(fitted.labels()) {
            let own = square(row, centre(&fitted, label as usize));
            for c in 0..k {
                prop_assert!(own <= square(row, centre(&fitted, c)) + 1e-9);
            }
        }
    }

    #[test]
    fn dbscan_is_its_definition((values, dim, _) in tables(), eps in 1.0f64..60.0, min_samples in 1usize..6, turn in 0usize..40) {
        let n = values.len() / dim;
        let fit = |values: &[f64]| DbscanParams::new(eps).min_samples(min_samples as f64).check().unwrap()
            .fit(&Matrix::new(values, dim).unwrap(), None).unwrap();
        let fitted = fit(&values);
        let row = |i: usize| &values[i * dim..(i + 1) * dim];
        let near = |i: usize, j: usize| square(row(i), row(j)) <= eps * eps;
        for i in 0..n {
            let neighbours: Vec<usize> = (0..n).filter(|&j| near(i, j)).collect();
            prop_assert_eq!(fitted.core()[i], neighbours.len() >= min_samples);
            let label = fitted.labels()[i];
            let core_labels: Vec<Option<u32>> = neighbours.iter().filter(|&&j| fitted.core()[j]).map(|&j| fitted.labels()[j]).collect();
            if fitted.core()[i] {
                prop_assert!(core_labels.iter().all(|&l| l == label && l.is_some()));
            } else {
                prop_assert_eq!(label, core_labels.iter().copied().min().flatten());
            }
        }
        // Core rows in another order form the same clusters.
        let mut turned = values.clone();
        turned.rotate_left((turn % n) * dim);
        let other = fit(&turned);
        let mut back = other.labels().to_vec();
        back.rotate_right(turn % n);
        let only_core = |labels: &[Option<u32>]| -> Vec<Option<u32>> {
            labels.iter().zip(fitted.core()).map(|(&l, &c)| l.filter(|_| c)).collect()
        };
        prop_assert!(same_partition(&only_core(&back), &only_core(fitted.labels())));
    }

    #[test]
    fn hdbscan_clusters_are_large_enough((values, dim, _) in tables(), size in 2usize..6, single in any::<bool>()) {
        let n = values.len() / dim;
        let params = HdbscanParams::default().min_cluster_size(size).min_samples(size.min(n)).allow_single_cluster(single);
        let fitted = params.check().unwrap().fit(&Matrix::new(&values, dim).unwrap()).unwrap();
        let mut sizes = vec![0; fitted.clusters()];
        for (label, &strength) in fitted.labels().iter().zip(fitted.strengths()) {
            prop_assert!((0.0..=1.0).contains(&strength));
            prop_assert_eq!(label.is_none(), strength == 0.0);
            if let Some(l) = label {
                sizes[*l as usize] += 1;
            }
        }
        prop_assert!(fitted.clusters() == 1 || sizes.iter().all(|&s| s >= size), "{:?}", sizes);
        // Numbered by first row.
        let firsts: Vec<usize> = (0..fitted.clusters() as u32)
            .map(|c| fitted.labels().iter().position(|&l| l == Some(c)).unwrap())
            .collect();
        prop_assert!(firsts.is_sorted());
    }

    #[test]
    fn standardised_features_have_mean_0_and_variance_1((values, dim, _) in tables()) {
        let scaler = StandardScaler::fit(&Matrix::new(&values, dim).unwrap()).unwrap();
        let mut ours = values.clone();
        scaler.transform(&mut ours).unwrap();
        let again = StandardScaler::fit(&Matrix::new(&ours, dim).unwrap()).unwrap();
        for (mean, variance) in again.mean().iter().zip(again.variance()) {
            prop_assert!(mean.abs() < 1e-9 && (variance - 1.0).abs() < 1e-9);
        }
        scaler.inverse_transform(&mut ours).unwrap();
        for (a, b) in ours.iter().zip(&values) {
            prop_assert!((a - b).abs() < 1e-9);
        }
    }

    #[test]
    fn principal_components_rebuild_the_rows((values, dim, _) in tables()) {
        let n = values.len() / dim;
        let pca = PcaParams::new(Components::Count(dim.min(n))).check().unwrap().fit(&Matrix::new(&values, dim).unwrap()).unwrap();
        let variance = pca.explained_variance();
        prop_assert!(variance.windows(2).all(|w| w[0] >= w[1]));
        let back = pca.inverse_transform(&pca.transform(&values).unwrap()).unwrap();
        for (a, b) in back.iter().zip(&values) {
            // With fewer rows than features the rows still lie in the span of the components.
            prop_assert!((a - b).abs() < 1e-6, "{} {}", a, b);
        }
    }
}
