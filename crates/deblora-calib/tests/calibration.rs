//! Properties of the calibration that hold for every input.

use deblora_calib::analysis::cosine_distances;
use deblora_calib::{
    AlphaDraw, AlphaRule, Calibration, ClassCentres, Classes, ClusterCounts, Clusters, Features,
    ImbalanceRatio, Mode, Noise, Tail, calibration_objective, class_weights, debiased_centres,
    nearest_for_noise,
};
use proptest::prelude::*;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// A training set with a clustering: every class has a row, some rows may be noise.
#[derive(Debug, Clone)]
struct Set {
    values: Vec<f64>,
    dim: usize,
    classes: Vec<usize>,
    class_count: usize,
    clusters: Vec<Option<u32>>,
    cluster_count: usize,
    centres: Vec<f64>,
}

impl Set {
    fn debiased(&self, noise: Noise) -> ClassCentres<f64> {
        debiased_centres(
            &self.features(),
            &self.labels(),
            &self.clusters(),
            &self.centres,
            noise,
        )
        .unwrap()
    }

    fn features(&self) -> Features<'_, f64> {
        Features::new("rows", &self.values, self.dim).unwrap()
    }

    fn labels(&self) -> Classes<'_> {
        Classes::new(&self.classes, self.class_count).unwrap()
    }

    fn clusters(&self) -> Clusters<'_> {
        Clusters::new(&self.clusters, self.cluster_count).unwrap()
    }

    fn calibrate(&self, how: &Calibration) -> deblora_calib::Calibrated<f64> {
        how.apply(
            &self.features(),
            &self.labels(),
            &self.debiased(Noise::Itself),
            &mut rng(),
        )
        .unwrap()
    }

    /// All rows and centres through a map of vectors.
    fn mapped(&self, map: impl Fn(&[f64]) -> Vec<f64>) -> Self {
        let through = |values: &[f64]| values.chunks_exact(self.dim).flat_map(&map).collect();
        Self {
            values: through(&self.values),
            centres: through(&self.centres),
            ..self.clone()
        }
    }
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(7)
}

fn sets() -> impl Strategy<Value = Set> {
    (1usize..5, 1usize..5, 1usize..5).prop_flat_map(|(dim, class_count, cluster_count)| {
        (class_count..30).prop_flat_map(move |rows| {
            (
                prop::collection::vec(-10.0f64..10.0, rows * dim),
                prop::collection::vec(0..class_count, rows),
                prop::collection::vec(prop::option::weighted(0.9, 0..cluster_count as u32), rows),
                prop::collection::vec(-10.0f64..10.0, cluster_count * dim),
            )
                .prop_map(move |(values, mut classes, clusters, centres)| {
                    for class in 0..class_count {
                        classes[class] = class;
                    }
                    Set {
                        values,
                        dim,
                        classes,
                        class_count,
                        clusters,
                        cluster_count,
                        centres,
                    }
                })
        })
    })
}

/// A calibration that moves most classes of such small sets.
fn calibrations() -> impl Strategy<Value = Calibration> {
    (
        prop_oneof![
            Just(Mode::Replace),
            (1usize..4).prop_map(|copies| Mode::Append { copies }),
            (1usize..4).prop_map(|copies| Mode::Duplicate { copies }),
        ],
        prop_oneof![
            Just(ImbalanceRatio::LargestClass),
            Just(ImbalanceRatio::HeadMean),
            Just(ImbalanceRatio::ClassMean),
            Just(ImbalanceRatio::WholeSet),
        ],
        0.1f64..3.0,
        prop_oneof![Just(0.0), 0.0f64..1.0],
        prop_oneof![
            Just(Tail::Imbalance { above: 1.0 }),
            Just(Tail::SmallestThird),
            Just(Tail::FewerThan(4))
        ],
        prop_oneof![Just(AlphaDraw::Fixed), Just(AlphaDraw::Uniform)],
    )
        .prop_map(|(mode, ratio, numerator, floor, tail, draw)| Calibration {
            ratio,
            alpha: AlphaRule { numerator, floor },
            tail,
            mode,
            draw,
        })
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn close(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-8)
}

/// Turns a vector in the plane of its first two axes, then of the next two, and so on.
fn rotate(x: &[f64], angle: f64) -> Vec<f64> {
    let mut x = x.to_vec();
    for i in 1..x.len() {
        let (a, b) = (x[i - 1], x[i]);
        let angle = angle * i as f64;
        x[i - 1] = angle.cos() * a - angle.sin() * b;
        x[i] = angle.sin() * a + angle.cos() * b;
    }
    x
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn weights_sum_to_1(set in sets()) {
        let counts = ClusterCounts::new(&set.labels(), &set.clusters()).unwrap();
        let sizes = set.labels().sizes();
        for class in 0..set.class_count {
            let clustered: usize = counts.of(class).iter().sum();
            prop_assert_eq!(clustered + counts.noise(class), sizes[class]);
            match counts.weights(class) {
                None => prop_assert_eq!(clustered, 0),
                Some(weights) => {
                    prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                    prop_assert!(weights.iter().all(|w| (0.0..=1.0).contains(w)));
                }
            }
        }
        let sample = class_weights(&set.labels(), 1.0).unwrap();
        for class in 0..set.class_count {
            let total: f64 = sample.iter().zip(&set.classes).filter(|(_, c)| **c == class).map(|(w, _)| w).sum();
            prop_assert!((total - set.classes.len() as f64 / set.class_count as f64).abs() < 1e-9);
        }
    }

    #[test]
    fn the_centre_is_the_weighted_mean(set in sets()) {
        // Noise rows given to the nearest cluster, so that every class has a weight.
        let relabelled = nearest_for_noise(&set.features(), &set.clusters(), &set.centres).unwrap();
        for (old, new) in set.clusters.iter().zip(&relabelled) {
            prop_assert!(new.is_some() && (old.is_none() || old == new));
        }
        let set = Set { clusters: relabelled, ..set };
        let counts = ClusterCounts::new(&set.labels(), &set.clusters()).unwrap();
        let centres = set.debiased(Noise::LeaveOut);
        prop_assert_eq!(&centres, &set.debiased(Noise::Itself));
        for class in 0..set.class_count {
            let mut wanted = vec![0.0; set.dim];
            for (weight, centre) in counts.weights(class).unwrap().iter().zip(set.centres.chunks_exact(set.dim)) {
                for (w, c) in wanted.iter_mut().zip(centre) {
                    *w += weight * c;
                }
            }
            prop_assert!(close(centres.of(class).unwrap(), &wanted));
        }
    }

    #[test]
    fn the_result_lies_on_the_segment(set in sets(), how in calibrations()) {
        let centres = set.debiased(Noise::Itself);
        let per_class = how.alphas(&set.labels().sizes()).unwrap();
        let out = set.calibrate(&how);
        prop_assert_eq!(out.values.len(), out.rows() * set.dim);
        for (i, moved) in out.values.chunks_exact(set.dim).enumerate() {
            let source = out.sources[i];
            prop_assert_eq!(out.classes[i], set.classes[source]);
            let z = &set.values[source * set.dim..(source + 1) * set.dim];
            let centre = centres.of(out.classes[i]).unwrap();
            // The lengths of the two parts add up to the whole, in the ratio of α.
            let whole = norm(&minus(z, centre));
            prop_assert!((norm(&minus(moved, z)) + norm(&minus(moved, centre)) - whole).abs() < 1e-9);
            prop_assert!((norm(&minus(moved, centre)) - out.alphas[i] * whole).abs() < 1e-9);
            prop_assert!(out.alphas[i] >= per_class.alphas[out.classes[i]] && out.alphas[i] <= 1.0);
            if how.draw == AlphaDraw::Fixed && how.mode == Mode::Replace {
                prop_assert_eq!(out.alphas[i], per_class.alphas[out.classes[i]]);
            }
        }
    }

    #[test]
    fn modes_keep_what_they_promise(set in sets(), how in calibrations()) {
        let out = set.calibrate(&how);
        let alphas = how.alphas(&set.labels().sizes()).unwrap().alphas;
        let moved: Vec<usize> = (0..set.classes.len()).filter(|&row| alphas[set.classes[row]] < 1.0).collect();
        let originals: Vec<usize> = (0..set.classes.len()).collect();
        let copies = match how.mode {
            Mode::Replace => 0,
            Mode::Append { copies } | Mode::Duplicate { copies } => copies,
        };
        prop_assert_eq!(&out.sources, &[originals, moved.repeat(copies)].concat());
        if how.mode != Mode::Replace {
            prop_assert_eq!(&out.values[..set.values.len()], &set.values[..]);
        }
        if let Mode::Duplicate { .. } = how.mode {
            prop_assert!(out.alphas.iter().all(|&a| a == 1.0));
            // The control has the classes of the calibrated set, row by row.
            let appended = set.calibrate(&Calibration { mode: Mode::Append { copies }, ..how.clone() });
            prop_assert_eq!((&out.classes, &out.sources), (&appended.classes, &appended.sources));
        }
        // The targets are the rows of the tail in order, moved as replacing moves them.
        let fixed = Calibration { draw: AlphaDraw::Fixed, mode: Mode::Replace, ..how.clone() };
        let targets = fixed.targets(&set.features(), &set.labels(), &set.debiased(Noise::Itself), &mut rng()).unwrap();
        let replaced = set.calibrate(&fixed);
        for (i, &source) in targets.sources.iter().enumerate() {
            prop_assert_eq!(&targets.values[i * set.dim..(i + 1) * set.dim], &replaced.values[source * set.dim..(source + 1) * set.dim]);
        }
    }

    #[test]
    fn alpha_1_is_the_identity(set in sets(), how in calibrations()) {
        let how = Calibration { alpha: AlphaRule { floor: 1.0, ..how.alpha }, ..how };
        let out = set.calibrate(&how);
        prop_assert_eq!(&out.values, &set.values);
        prop_assert_eq!(&out.classes, &set.classes);
    }

    #[test]
    fn a_balanced_set_stays_as_it_was(set in sets(), how in calibrations(), per_class in 1usize..5) {
        // As many rows of every class.
        let rows = set.class_count * per_class;
        let values: Vec<f64> = set.values.iter().copied().cycle().take(rows * set.dim).collect();
        let clusters: Vec<_> = set.clusters.iter().copied().cycle().take(rows).collect();
        let classes: Vec<usize> = (0..rows).map(|row| row % set.class_count).collect();
        let set = Set { values, clusters, classes, ..set };
        // Every definition of the ratio is 1 then, so any numerator from 1 on moves nothing.
        let how = Calibration { alpha: AlphaRule { numerator: 1.0 + how.alpha.numerator, ..how.alpha }, ..how };
        let out = set.calibrate(&how);
        prop_assert_eq!(&out.values, &set.values);
        let default = set.calibrate(&Calibration::default());
        prop_assert_eq!(&default.values, &set.values);
    }

    #[test]
    fn translations_and_rotations_pass_through(set in sets(), how in calibrations(), angle in 0.0f64..6.3, shift in -20.0f64..20.0) {
        let base = set.calibrate(&how);
        let moved = |x: &[f64]| rotate(x, angle).iter().enumerate().map(|(i, x)| x + shift * (i as f64 + 1.0)).collect::<Vec<_>>();
        let other = set.mapped(moved).calibrate(&how);
        let wanted: Vec<f64> = base.values.chunks_exact(set.dim).flat_map(moved).collect();
        prop_assert!(close(&other.values, &wanted));
        prop_assert_eq!(other.alphas, base.alphas);
    }

    #[test]
    fn the_order_of_rows_passes_through(set in sets(), how in calibrations(), turn in 0usize..30) {
        let how = Calibration { draw: AlphaDraw::Fixed, mode: Mode::Replace, ..how };
        let turn = turn % set.classes.len();
        let mut turned = set.clone();
        turned.values.rotate_left(turn * set.dim);
        turned.classes.rotate_left(turn);
        turned.clusters.rotate_left(turn);
        let mut wanted = set.calibrate(&how).values;
        wanted.rotate_left(turn * set.dim);
        prop_assert!(close(&turned.calibrate(&how).values, &wanted));
    }

    #[test]
    fn names_of_clusters_and_classes_do_not_matter(set in sets(), how in calibrations()) {
        let how = Calibration { draw: AlphaDraw::Fixed, mode: Mode::Replace, tail: Tail::Imbalance { above: 1.0 }, ..how };
        let k = set.cluster_count as u32;
        let mut other = set.clone();
        other.clusters.iter_mut().flatten().for_each(|c| *c = k - 1 - *c);
        other.centres = set.centres.chunks_exact(set.dim).rev().flatten().copied().collect();
        prop_assert!(close(&other.calibrate(&how).values, &set.calibrate(&how).values));
        // Head thirds break ties of size by number, so only the definitions without them are free of names.
        if how.ratio != ImbalanceRatio::HeadMean {
            let mut other = set.clone();
            other.classes.iter_mut().for_each(|c| *c = set.class_count - 1 - *c);
            prop_assert!(close(&other.calibrate(&how).values, &set.calibrate(&how).values));
        }
    }

    #[test]
    fn a_larger_ratio_never_moves_less(numerator in 0.1f64..50.0, floor in 0.0f64..1.0, a in 0.01f64..500.0, b in 0.01f64..500.0, z in -9.0f64..9.0, m in -9.0f64..9.0) {
        let rule = AlphaRule { numerator, floor };
        let (low, high) = (a.min(b), a.max(b));
        let (stay, go) = (rule.alpha(low).unwrap(), rule.alpha(high).unwrap());
        prop_assert!(go <= stay && (floor..=1.0).contains(&go) && (floor..=1.0).contains(&stay));
        let left = |alpha| (deblora_calib::calibrated(&[z], &[m], alpha)[0] - m).abs();
        prop_assert!(left(go) <= left(stay) + 1e-12);
    }

    #[test]
    fn fewer_rows_of_a_class_never_raise_its_alpha(sizes in prop::collection::vec(1usize..300, 2..8), which in 0usize..8, fewer in 1usize..300) {
        let which = which % sizes.len();
        let mut rarer = sizes.clone();
        rarer[which] = rarer[which].min(fewer);
        // Shrinking the largest class would shrink what every class is compared with.
        prop_assume!(rarer.iter().max() == sizes.iter().max());
        let how = Calibration { tail: Tail::Imbalance { above: 0.0 }, ..Calibration::default() };
        prop_assert!(how.alphas(&rarer).unwrap().alphas[which] <= how.alphas(&sizes).unwrap().alphas[which]);
    }

    #[test]
    fn cosine_distances_know_no_scale_and_no_names(set in sets(), scale in 0.01f64..100.0, angle in 0.0f64..6.3) {
        let Ok(base) = cosine_distances(&set.features(), &set.labels()) else { return Ok(()); };
        let other = set.mapped(|x| rotate(x, angle).iter().map(|x| x * scale).collect());
        let other = cosine_distances(&other.features(), &other.labels()).unwrap();
        prop_assert!((base.within_rows - other.within_rows).abs() < 1e-6);
        prop_assert_eq!(base.between.is_some(), set.class_count > 1);
        if let (Some(a), Some(b)) = (base.between, other.between) {
            prop_assert!((a - b).abs() < 1e-6 && (0.0..=2.0).contains(&a));
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_objective(values in prop::collection::vec(-5.0f64..5.0, 12), targets in prop::collection::vec(-5.0f64..5.0, 12), at in 0usize..12) {
        let (_, gradient) = calibration_objective(&values, &targets, 3).unwrap();
        let h = 1e-6;
        let value = |shift: f64| {
            let mut moved = values.clone();
            moved[at] += shift;
            calibration_objective(&moved, &targets, 3).unwrap().0
        };
        let slope = (value(h) - value(-h)) / (2.0 * h);
        // Near a target the norm bends too sharply for a difference quotient.
        let row = at / 3 * 3;
        prop_assume!(norm(&minus(&values[row..row + 3], &targets[row..row + 3])) > 0.1);
        prop_assert!((slope - gradient[at]).abs() < 1e-6, "{} {}", slope, gradient[at]);
    }
}
