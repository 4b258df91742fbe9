//! Known cases: noise, the released code's variant, the analyses, and bad input.

use clustering::rows::Matrix;
use clustering::scaler::StandardScaler;
use deblora_calib::analysis::{centre_distances, cosine_distances, feature_bias};
use deblora_calib::{
    CalibError, Calibration, Classes, Clusters, Features, Mode, Noise, OfficialCalibration,
    OfficialRows, Tail, calibration_objective, class_means, class_weights, cluster_means,
    debiased_centres, nearest_for_noise,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

/// Three rows of class 0 in cluster 0, one of class 1 in cluster 1, one of class 1 as noise.
const VALUES: [f32; 5] = [0.0, 1.0, 2.0, 8.0, 20.0];
const CLASSES: [usize; 5] = [0, 0, 0, 1, 1];
const CLUSTERS: [Option<u32>; 5] = [Some(0), Some(0), Some(0), Some(1), None];

#[test]
fn noise_is_left_out_or_stands_for_itself_or_goes_to_the_nearest() {
    let features = Features::new("rows", &VALUES, 1).unwrap();
    let classes = Classes::new(&CLASSES, 2).unwrap();
    let clusters = Clusters::new(&CLUSTERS, 2).unwrap();
    let centres = cluster_means(&features, &clusters).unwrap();
    assert_eq!(centres, [1.0, 8.0]);
    let of = |noise| debiased_centres(&features, &classes, &clusters, &centres, noise).unwrap();
    assert_eq!(of(Noise::LeaveOut).of(1), Some(&[8.0][..]));
    assert_eq!(of(Noise::Itself).of(1), Some(&[14.0][..]));
    let nearest = nearest_for_noise(&features, &clusters, &centres).unwrap();
    assert_eq!(nearest[4], Some(1));
    let all_noise = [Some(0), Some(0), Some(0), None, None];
    let clusters = Clusters::new(&all_noise, 1).unwrap();
    let error = debiased_centres(&features, &classes, &clusters, &[1.0], Noise::LeaveOut);
    assert_eq!(
        error.unwrap_err(),
        CalibError::AllNoise { class: 1, rows: 2 }
    );
    let itself = debiased_centres(&features, &classes, &clusters, &[1.0], Noise::Itself).unwrap();
    assert_eq!(itself.of(1), Some(&[14.0][..]));
    // A clustering may find nothing at all.
    let nothing = [None; 5];
    let nothing = Clusters::new(&nothing, 0).unwrap();
    let itself = debiased_centres(&features, &classes, &nothing, &[], Noise::Itself).unwrap();
    assert_eq!(itself, class_means(&features, &classes).unwrap());
}

/// By hand: scale 2, mean 4 and so on, as the released script computes it.
#[test]
fn the_released_variant() {
    let values = [0.0f64, 8.0, 4.0, 4.0, 0.0, 8.0];
    let labels = [0, 0, 0, 1, 1, 1];
    let features = Features::new("rows", &values, 1).unwrap();
    let classes = Classes::new(&labels, 2).unwrap();
    let scaler = StandardScaler::fit(&Matrix::new(&values, 1).unwrap()).unwrap();
    let scale = scaler.scale()[0];
    let centres = [-1.0, 3.0];
    let run = |options: OfficialCalibration| {
        options
            .apply(&features, &classes, &scaler, &centres)
            .unwrap()
    };
    let appended = run(OfficialCalibration::new(1, 1));
    assert_eq!(appended.values[..6], values);
    assert_eq!(appended.sources, [0, 1, 2, 3, 4, 5, 3, 4, 5]);
    // Halfway between x and 4 + 3 scale.
    for (i, x) in [4.0, 0.0, 8.0].into_iter().enumerate() {
        assert!((appended.values[6 + i] - (0.5 * x + 0.5 * (4.0 + 3.0 * scale))).abs() < 1e-12);
    }
    let replaced = run(OfficialCalibration {
        rows: OfficialRows::Replace,
        strength: 1.0,
        ..OfficialCalibration::new(1, 0)
    });
    assert_eq!(replaced.sources, [0, 1, 2, 3, 4, 5]);
    assert_eq!(replaced.classes, [0, 0, 0, 1, 1, 1]);
    assert!(
        replaced.values[3..]
            .iter()
            .all(|x| (x - (4.0 - scale)).abs() < 1e-12)
    );
    // The row at 0 lies at -4 / scale, 0.22 from the centre -1: nearer than the threshold.
    let near = run(OfficialCalibration {
        threshold: Some(0.5),
        ..OfficialCalibration::new(1, 0)
    });
    assert_eq!((near.values[7], near.alphas[7]), (0.0, 1.0));
    assert!(near.values[6] < 4.0 && near.alphas[6] == 0.5);
    let refused = |o: OfficialCalibration| o.apply(&features, &classes, &scaler, &centres).is_err();
    assert!(refused(OfficialCalibration::new(1, 2)));
    assert!(refused(OfficialCalibration::new(2, 0)));
    for strength in [-0.1, 1.1, f64::NAN] {
        assert!(refused(OfficialCalibration {
            strength,
            ..OfficialCalibration::new(1, 0)
        }));
    }
}

#[test]
fn distances_to_the_validation_mean() {
    // Mean of the training rows 3, de-biased centre 1, truth 2.5: the centre is further away, and that is reported.
    let train = [3.0f32, 3.0];
    let classes = Classes::new(&[0, 0], 1).unwrap();
    let features = Features::new("rows", &train, 1).unwrap();
    let clusters = [Some(0), Some(0)];
    let clusters = Clusters::new(&clusters, 1).unwrap();
    let debiased =
        debiased_centres(&features, &classes, &clusters, &[1.0], Noise::LeaveOut).unwrap();
    let truth = [2.0f32, 3.0];
    let truth = class_means(&Features::new("held out", &truth, 1).unwrap(), &classes).unwrap();
    let means = class_means(&features, &classes).unwrap();
    let found = centre_distances(&[0], &means, &debiased, &truth, &[0.75]).unwrap();
    assert_eq!(
        (found[0].train, found[0].debiased, found[0].calibrated),
        (0.5, 1.5, 0.0)
    );
    assert!(!found[0].debiased_is_nearer());
    assert!(centre_distances(&[1], &means, &debiased, &truth, &[1.0]).is_err());
    assert!(centre_distances(&[0], &means, &debiased, &truth, &[]).is_err());
}

#[test]
fn cosine_distances_by_hand() {
    // Class 0 along x, class 1 along y with rows 45 degrees to either side.
    let values = [2.0f64, 0.0, 5.0, 0.0, 1.0, 1.0, -1.0, 1.0];
    let features = Features::new("rows", &values, 2).unwrap();
    let classes = Classes::new(&[0, 0, 1, 1], 3).unwrap();
    let found = cosine_distances(&features, &classes).unwrap();
    let away = 1.0 - 0.5f64.sqrt();
    assert!((found.between.unwrap() - 1.0).abs() < 1e-12);
    assert!((found.within_rows - away / 2.0).abs() < 1e-12);
    assert!((found.within[1].unwrap() - away).abs() < 1e-12);
    assert_eq!(found.within[2], None);
    let zero = [0.0f64, 0.0, 1.0, 1.0];
    let error = cosine_distances(
        &Features::new("rows", &zero, 2).unwrap(),
        &Classes::new(&[1, 0], 2).unwrap(),
    );
    assert!(matches!(
        error,
        Err(CalibError::NoDirection { index: 1, .. })
    ));
}

/// A wide head around 0 and a narrow tail at (3.5, 0.5), most of whose true extent the training rows do not show.
#[test]
fn bias_is_measured() {
    let grid = |n: i32, step: f64| -> Vec<f64> {
        (-n..=n)
            .flat_map(|i| (-n..=n).flat_map(move |j| [f64::from(i) * step, f64::from(j) * step]))
            .collect()
    };
    let mut train = grid(5, 1.0);
    let head_rows = train.len() / 2;
    train.extend(
        grid(1, 0.1)
            .chunks_exact(2)
            .flat_map(|x| [x[0] + 3.5, x[1] + 0.5]),
    );
    let labels: Vec<usize> = (0..train.len() / 2)
        .map(|i| usize::from(i >= head_rows))
        .collect();
    let held_out = [3.55, 0.5, 3.5, 0.6, 2.0, 1.5, 3.5, -2.0];
    let truth = [1, 1, 1, 1];
    let run = |shrinkage, neighbours| {
        feature_bias(
            (
                &Features::new("rows", &train, 2).unwrap(),
                &Classes::new(&labels, 2).unwrap(),
            ),
            (
                &Features::new("held out", &held_out, 2).unwrap(),
                &Classes::new(&truth, 2).unwrap(),
            ),
            &[0],
            &[1],
            shrinkage,
            neighbours,
        )
    };
    let found = run(0.01, 3).unwrap();
    assert!(found.is_biased());
    assert!(found.head.log_volume_per_axis > found.tail.log_volume_per_axis + 2.0);
    // Deviations of the grids: √10 and 0.0816 per axis.
    assert!((found.head.radius - 20.0f64.sqrt()).abs() < 1e-9);
    assert_eq!((found.tail_rows, found.tail_in_head), (4, 0.5));
    assert_eq!(found.tail_in_head_by_class, [(1, Some(0.5))]);
    // Of the two rows away from the tail all three nearest rows are head, of the others none.
    assert_eq!(found.head_neighbours, 0.5);
    assert!(run(0.0, 3).is_err() && run(f64::NAN, 3).is_err() && run(0.1, 0).is_err());
}

#[test]
fn bad_input_is_named() {
    let said = |error: CalibError, words: &str| {
        let message = error.to_string();
        assert!(message.contains(words), "{message}");
    };
    said(Features::<f32>::new("rows", &[], 2).unwrap_err(), "empty");
    said(
        Features::new("rows", &[1.0f32; 3], 2).unwrap_err(),
        "multiple of 2",
    );
    let values = [0.0f32, 1.0, f32::NAN, 2.0];
    said(
        Features::new("rows", &values, 2).unwrap_err(),
        "feature 0 of row 1",
    );
    said(Classes::new(&[0, 3], 3).unwrap_err(), "class 3 of row 1");
    said(Classes::new(&[], 3).unwrap_err(), "empty");
    said(
        Clusters::new(&[None, Some(2)], 2).unwrap_err(),
        "cluster 2 of row 1",
    );
    let features = Features::new("rows", &VALUES, 1).unwrap();
    let classes = Classes::new(&CLASSES, 2).unwrap();
    let short = Classes::new(&CLASSES[..4], 2).unwrap();
    said(class_means(&features, &short).unwrap_err(), "one per row");
    let clusters = Clusters::new(&CLUSTERS, 3).unwrap();
    said(
        cluster_means(&features, &clusters).unwrap_err(),
        "cluster 2 has no rows",
    );
    let debiased = |centres: &[f32]| {
        debiased_centres(&features, &classes, &clusters, centres, Noise::LeaveOut)
    };
    said(debiased(&[0.0]).unwrap_err(), "3 centres of 1");
    said(debiased(&[0.0, 1.0, f32::INFINITY]).unwrap_err(), "row 2");
    let centres = debiased(&[1.0, 8.0, 0.0]).unwrap();
    let apply = |how: Calibration| how.apply(&features, &classes, &centres, &mut rng());
    let tail = Tail::Classes(vec![1]);
    let mode = Mode::Append { copies: 0 };
    said(
        apply(Calibration {
            mode,
            ..Calibration::default()
        })
        .unwrap_err(),
        "copies",
    );
    let mut strong = Calibration {
        tail: tail.clone(),
        ..Calibration::default()
    };
    strong.alpha.numerator = 0.1;
    strong.mode = Mode::Append { copies: usize::MAX };
    said(apply(strong.clone()).unwrap_err(), "hundred times");
    strong.alpha.numerator = -1.0;
    said(apply(strong).unwrap_err(), "numerator");
    said(class_weights(&classes, f64::NAN).unwrap_err(), "power");
    // A class that has no rows at all has no centre and is no tail class.
    let more = Classes::new(&CLASSES, 3).unwrap();
    let centres = class_means(&features, &more).unwrap();
    assert_eq!(centres.of(2), None);
    let out = Calibration::default()
        .apply(&features, &more, &centres, &mut rng())
        .unwrap();
    assert_eq!(out.values, VALUES);
    said(
        calibration_objective(&[1.0f32; 4], &[1.0; 2], 2).unwrap_err(),
        "as the targets",
    );
    let (value, gradient) = calibration_objective(&[1.0f32, 2.0], &[1.0, 2.0], 2).unwrap();
    assert_eq!((value, gradient), (0.0, vec![0.0, 0.0]));
}
