//! Statistics: what is undefined, what is refused, what is repeatable.

use eval::stats::{
    Bootstrap, MAX_RESAMPLES, MetricSummary, PairedDifference, mean, quantile, sample_std,
    t_interval,
};

#[test]
fn one_value_has_a_mean_and_no_spread() {
    let one = MetricSummary::of(&[0.5]).unwrap();
    assert_eq!(
        (one.n, one.mean, one.std, one.t95, one.bootstrap95),
        (1, 0.5, None, None, None)
    );
    assert_eq!(MetricSummary::of(&[]), None);
    assert_eq!(
        (
            mean(&[]),
            sample_std(&[1.0]),
            quantile(&[], 0.5),
            quantile(&[1.0], 1.5)
        ),
        (None, None, None, None)
    );
    assert_eq!(t_interval(&[1.0, 2.0], 1.0), None);
    let pair = PairedDifference::of(&[0.8], &[0.7]).unwrap();
    assert!(pair.t95.is_none() && !pair.excludes_zero());
}

#[test]
fn a_textbook_paired_interval() {
    // Differences 1, 2, 3, 4: mean 2.5, s = 1.290994, t(0.975, 3) = 3.182446, half length 2.054260.
    let d = PairedDifference::of(&[1.0, 2.0, 3.0, 4.0], &[0.0; 4]).unwrap();
    let interval = d.t95.unwrap();
    assert!(
        (interval.lower - (2.5 - 2.054_260_3)).abs() < 1e-6
            && (interval.upper - (2.5 + 2.054_260_3)).abs() < 1e-6
    );
    assert!(d.excludes_zero());
    assert_eq!(d.better_equal_worse, [4, 0, 0]);
    // All four of one sign: p = 2 / 2^4.
    assert_eq!(d.wilcoxon_p, Some(0.125));
    assert!(d.corrected95.is_none());
    // Nadeau-Bengio with test/train = 1/4: the variance of the mean is s^2 (1/4 + 1/4), the interval sqrt(2) wider.
    let corrected = d.corrected_for_overlap(25, 100).corrected95.unwrap();
    assert!((corrected.upper - 2.5 - 2.054_260_3 * 2f64.sqrt()).abs() < 1e-6);
}

#[test]
fn the_bootstrap_is_repeatable_and_close_to_the_normal_interval() {
    let values: Vec<f64> = (0..200).map(|i| f64::from(i % 20)).collect();
    let bootstrap = Bootstrap::default();
    let interval = bootstrap.mean(&values).unwrap();
    assert_eq!(bootstrap.mean(&values), Some(interval));
    assert_ne!(
        Bootstrap {
            seed: 1,
            ..bootstrap
        }
        .mean(&values),
        Some(interval)
    );
    let half = 1.96 * sample_std(&values).unwrap() / 200f64.sqrt();
    assert!(
        (interval.lower - (9.5 - half)).abs() < 0.05
            && (interval.upper - (9.5 + half)).abs() < 0.05
    );
    // Any statistic of the resampled indices.
    let largest = bootstrap
        .statistic(5, |sample| sample.iter().max().map(|&i| i as f64))
        .unwrap()
        .unwrap();
    assert_eq!(largest.upper, 4.0);
    assert_eq!(bootstrap.statistic(5, |_| None).unwrap(), None);
    assert_eq!(bootstrap.statistic(1, |_| Some(1.0)).unwrap(), None);
}

#[test]
fn settings_out_of_range_are_refused() {
    let default = Bootstrap::default();
    for bad in [
        Bootstrap {
            resamples: 0,
            ..default
        },
        Bootstrap {
            resamples: MAX_RESAMPLES + 1,
            ..default
        },
        Bootstrap {
            confidence: 1.0,
            ..default
        },
        Bootstrap {
            confidence: f64::NAN,
            ..default
        },
    ] {
        assert!(bad.statistic(3, |_| Some(0.0)).is_err(), "{bad:?}");
    }
    assert!(PairedDifference::of(&[1.0], &[1.0, 2.0]).is_err());
    assert!(PairedDifference::of(&[], &[]).is_err());
    assert!(PairedDifference::of(&[f64::NAN], &[1.0]).is_err());
}
