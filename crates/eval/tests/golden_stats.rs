//! Statistics against scipy (assets/golden/eval/export_metrics.py).

use eval::stats::{
    StudentT, incomplete_beta, ln_gamma, mean, quantile, sample_std, standard_normal_tail,
    t_interval, wilcoxon_signed_rank,
};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../assets/golden/eval/stats.json")).unwrap()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

#[track_caller]
fn close(what: &str, ours: f64, theirs: f64, tolerance: f64) {
    let scale = if theirs.abs() < 1e-30 {
        1.0
    } else {
        theirs.abs()
    };
    assert!(
        (ours - theirs).abs() <= tolerance * scale,
        "{what}: ours {ours:e}, theirs {theirs:e}"
    );
}

#[test]
fn special_functions_equal_scipy() {
    let golden = golden();
    for row in rows(&golden["ln_gamma"]) {
        // Near 1 and 2 the logarithm crosses 0, so the error is measured against 1 there.
        assert!(
            (ln_gamma(row[0]) - row[1]).abs() <= 1e-13 * row[1].abs().max(1.0),
            "ln_gamma({})",
            row[0]
        );
    }
    for row in rows(&golden["incomplete_beta"]) {
        close(
            &format!("I({row:?})"),
            incomplete_beta(row[0], row[1], row[2]),
            row[3],
            1e-11,
        );
    }
    for row in rows(&golden["normal_tail"]) {
        close(
            &format!("Q({})", row[0]),
            standard_normal_tail(row[0]),
            row[1],
            1e-12,
        );
    }
    assert!(incomplete_beta(0.0, 1.0, 0.5).is_nan() && incomplete_beta(1.0, 1.0, 1.5).is_nan());
}

#[test]
fn student_t_equals_scipy() {
    let golden = golden();
    for row in rows(&golden["t_tail"]) {
        close(
            &format!("sf({row:?})"),
            StudentT::new(row[0]).unwrap().tail(row[1]),
            row[2],
            1e-10,
        );
    }
    for row in rows(&golden["t_quantile"]) {
        // p = 0.6 and the like are not exact in binary; 1 - p loses a few digits in the far tail.
        close(
            &format!("ppf({row:?})"),
            StudentT::new(row[0]).unwrap().quantile(row[1]),
            row[2],
            1e-9,
        );
    }
    let t = StudentT::new(5.0).unwrap();
    assert_eq!(t.quantile(1.0), f64::INFINITY);
    assert_eq!(t.quantile(0.0), f64::NEG_INFINITY);
    assert!(t.quantile(1.5).is_nan());
    assert!(StudentT::new(0.0).is_none() && StudentT::new(f64::NAN).is_none());
}

#[test]
fn samples_equal_numpy_and_scipy() {
    for sample in golden()["samples"].as_array().unwrap() {
        let values = numbers(&sample["values"]);
        close(
            "mean",
            mean(&values).unwrap(),
            sample["mean"].as_f64().unwrap(),
            1e-14,
        );
        close(
            "std",
            sample_std(&values).unwrap(),
            sample["std"].as_f64().unwrap(),
            1e-12,
        );
        let interval = t_interval(&values, 0.95).unwrap();
        let theirs = numbers(&sample["t95"]);
        close("lower", interval.lower, theirs[0], 1e-10);
        close("upper", interval.upper, theirs[1], 1e-10);
        let mut sorted = values;
        sorted.sort_by(f64::total_cmp);
        for row in rows(&sample["quantiles"]) {
            close(
                "quantile",
                quantile(&sorted, row[0]).unwrap(),
                row[1],
                1e-13,
            );
        }
    }
}

#[test]
fn wilcoxon_equals_scipy() {
    for case in golden()["wilcoxon"].as_array().unwrap() {
        let ours = wilcoxon_signed_rank(&numbers(&case[0])).unwrap();
        assert_eq!(ours.exact, case[1].as_bool().unwrap());
        close(
            "statistic",
            ours.positive_ranks.min(ours.negative_ranks),
            case[2].as_f64().unwrap(),
            1e-14,
        );
        close("p", ours.p_value, case[3].as_f64().unwrap(), 1e-10);
    }
    assert_eq!(wilcoxon_signed_rank(&[0.0, 0.0]), None);
    assert_eq!(wilcoxon_signed_rank(&[1.0, f64::NAN]), None);
    // Three equal signs: the smallest two-sided p-value of three pairs is 2/8.
    assert_eq!(
        wilcoxon_signed_rank(&[1.0, 1.0, 2.0]).unwrap().p_value,
        0.25
    );
}
