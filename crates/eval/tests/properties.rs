//! Properties of metrics and statistics that hold for every input.

use eval::metric::{AbsentClasses, ConfusionMatrix, GroupF1, Probabilities};
use eval::stats::{Bootstrap, PairedDifference, StudentT, t_interval, wilcoxon_signed_rank};
use proptest::prelude::*;

const POLICIES: [AbsentClasses; 3] = [
    AbsentClasses::SkipUnseen,
    AbsentClasses::SkipWithoutTruth,
    AbsentClasses::CountAsZero,
];

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| i.to_string()).collect()
}

/// A class count with labels below it: (classes, [(truth, predicted)]).
fn labels() -> impl Strategy<Value = (usize, Vec<(usize, usize)>)> {
    (1usize..7).prop_flat_map(|k| (Just(k), prop::collection::vec((0..k, 0..k), 1..60)))
}

fn matrix(k: usize, pairs: &[(usize, usize)]) -> ConfusionMatrix {
    let (truth, predicted): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    ConfusionMatrix::from_labels(&names(k), &truth, &predicted).unwrap()
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-12,
        (a, b) => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scores_are_fractions_and_iou_is_the_smallest((k, pairs) in labels()) {
        let cm = matrix(k, &pairs);
        for score in cm.per_class() {
            for value in [score.precision, score.recall, score.f1, score.iou].into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&value));
            }
            if let (Some(iou), Some(f1)) = (score.iou, score.f1) {
                prop_assert!(iou <= f1 + 1e-15);
                prop_assert!((f1 - 2.0 * iou / (1.0 + iou)).abs() < 1e-12);
                prop_assert!(iou <= score.recall.unwrap_or(1.0) + 1e-15);
                prop_assert!(iou <= score.precision.unwrap_or(1.0) + 1e-15);
            }
        }
        let kappa = cm.kappa().unwrap_or(0.0);
        prop_assert!((-1.0 - 1e-12..=1.0 + 1e-12).contains(&kappa));
        prop_assert!(kappa <= cm.accuracy().unwrap() + 1e-12);
        for policy in POLICIES {
            prop_assert!((0.0..=1.0).contains(&cm.macro_f1(policy).unwrap()));
            prop_assert!(cm.mean_iou(policy).unwrap() <= cm.macro_f1(policy).unwrap() + 1e-12);
        }
    }

    #[test]
    fn renaming_classes_changes_no_number((k, pairs) in labels(), turn in 0usize..6) {
        let renamed: Vec<(usize, usize)> = pairs.iter().map(|&(t, p)| ((t + turn) % k, (p + turn) % k)).collect();
        let (a, b) = (matrix(k, &pairs), matrix(k, &renamed));
        prop_assert!(close(a.accuracy(), b.accuracy()) && close(a.kappa(), b.kappa()));
        prop_assert!(close(a.weighted_f1(), b.weighted_f1()));
        for policy in POLICIES {
            prop_assert!(close(a.macro_f1(policy), b.macro_f1(policy)));
            prop_assert!(close(a.mean_iou(policy), b.mean_iou(policy)));
        }
        let group = [0, k / 2];
        let renamed_group = group.map(|class| (class + turn) % k);
        prop_assert!(close(a.group_f1(&group, GroupF1::Official), b.group_f1(&renamed_group, GroupF1::Official)));
    }

    #[test]
    fn the_group_of_all_classes_is_the_macro_mean((k, pairs) in labels()) {
        let cm = matrix(k, &pairs);
        let all: Vec<usize> = (0..k).collect();
        prop_assert!(close(cm.group_f1(&all, GroupF1::Official), cm.macro_f1(AbsentClasses::SkipUnseen)));
        for policy in POLICIES {
            prop_assert!(close(cm.group_f1(&all, GroupF1::Clean(policy)), cm.macro_f1(policy)));
        }
    }

    #[test]
    fn order_and_batches_do_not_matter((k, pairs) in labels(), cut in 0usize..60) {
        let cut = cut.min(pairs.len());
        let mut parts = matrix(k, &pairs[cut..]);
        parts.merge(&matrix(k, &pairs[..cut])).unwrap();
        prop_assert_eq!(parts, matrix(k, &pairs));
    }

    #[test]
    fn calibration_is_bounded(k in 2usize..6, logits in prop::collection::vec(-8.0f32..8.0, 1..40), bins in 1usize..30) {
        let n = logits.len() / k;
        let p = Probabilities::from_logits(&logits[..n * k], k).unwrap();
        let truth: Vec<usize> = (0..n).map(|i| i % k).collect();
        let r = p.reliability(&truth, bins).unwrap();
        prop_assert_eq!(r.bins.iter().map(|bin| bin.count).sum::<u64>(), n as u64);
        for bin in r.bins.iter().filter(|bin| bin.count > 0) {
            let confidence = bin.confidence.unwrap();
            prop_assert!(confidence > bin.lower - 1e-12 && confidence <= bin.upper + 1e-12);
        }
        if n > 0 {
            prop_assert!(r.ece.unwrap() <= r.mce.unwrap() + 1e-12 && r.mce.unwrap() <= 1.0);
            let top = |k| p.top_k_accuracy(&truth, k).unwrap().unwrap();
            prop_assert!(top(1) <= top(2) && top(k) == 1.0);
        }
    }

    #[test]
    fn quantile_inverts_the_distribution(df in 0.5f64..500.0, p in 0.0005f64..0.9995) {
        let t = StudentT::new(df).unwrap();
        prop_assert!((t.cdf(t.quantile(p)) - p).abs() < 1e-12);
        prop_assert!((t.quantile(p) + t.quantile(1.0 - p)).abs() <= 1e-8 * t.quantile(p).abs().max(1e-3));
    }

    #[test]
    fn intervals_hold_their_mean_and_move_with_the_data(
        values in prop::collection::vec(-5.0f64..5.0, 2..20), shift in -3.0f64..3.0,
    ) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let narrow = t_interval(&values, 0.8).unwrap();
        let wide = t_interval(&values, 0.95).unwrap();
        prop_assert!(wide.lower <= narrow.lower && narrow.upper <= wide.upper && narrow.contains(mean));
        let few = Bootstrap { resamples: 200, ..Bootstrap::default() };
        let b = few.mean(&values).unwrap();
        let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v), h.max(v)));
        prop_assert!(low - 1e-9 <= b.lower && b.lower <= b.upper && b.upper <= high + 1e-9);
        let moved: Vec<f64> = values.iter().map(|v| v + shift).collect();
        let m = few.mean(&moved).unwrap();
        prop_assert!((m.lower - b.lower - shift).abs() < 1e-9 && (m.upper - b.upper - shift).abs() < 1e-9);
    }

    #[test]
    fn swapping_the_pair_swaps_the_sign(values in prop::collection::vec((-1.0f64..1.0, -1.0f64..1.0), 2..12)) {
        let (a, b): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
        let (d, e) = (PairedDifference::of(&a, &b).unwrap(), PairedDifference::of(&b, &a).unwrap());
        prop_assert!((d.mean + e.mean).abs() < 1e-12);
        prop_assert_eq!(d.excludes_zero(), e.excludes_zero());
        prop_assert!(close(d.wilcoxon_p, e.wilcoxon_p));
        prop_assert_eq!(d.better_equal_worse[0], e.better_equal_worse[2]);
        let p = wilcoxon_signed_rank(d.differences()).map_or(1.0, |test| test.p_value);
        prop_assert!(p > 0.0 && p <= 1.0);
    }
}
