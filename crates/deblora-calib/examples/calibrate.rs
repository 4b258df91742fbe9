//! From a long-tailed table to a calibrated one: `cargo run -p deblora-calib --example calibrate`.

use clustering::k_means::KMeansParams;
use clustering::rows::Matrix;
use deblora_calib::*;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // 300 rows of class 0 and 6 of class 1, which lies beside it; 50 more of class 1 that training does not see.
    let row = |class: usize, i: usize| {
        let i = i as f64 + 0.5;
        [3.0 * class as f64 + (i * 0.61).sin(), (i * 1.37).cos()]
    };
    let labels: Vec<usize> = (0..306).map(|i| i / 300).collect();
    let values: Vec<f64> = (0..306).flat_map(|i| row(labels[i], i)).collect();
    let held_out: Vec<f64> = (400..450).flat_map(|i| row(1, i)).collect();
    let features = Features::new("rows", &values, 2)?;
    let classes = Classes::new(&labels, 2)?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);

    let k_means = KMeansParams::new(8).check()?;
    let fitted = k_means.fit(&Matrix::new(&values, 2)?, None, &mut rng)?;
    let clusters: Vec<_> = fitted.labels().iter().map(|&l| Some(l)).collect();
    let (clusters, mu) = (Clusters::new(&clusters, 8)?, fitted.centres());
    let debiased = debiased_centres(&features, &classes, &clusters, mu, Noise::LeaveOut)?;
    let how = Calibration::default();
    let found = how.alphas(&classes.sizes())?;
    let set = how.apply(&features, &classes, &debiased, &mut rng)?;
    println!("{found:?}\n{} rows of {}", set.rows(), features.rows());

    // Is the de-biased centre nearer to what training has not seen?
    let held_out = Features::new("held out", &held_out, 2)?;
    let truth = class_means(&held_out, &Classes::new(&[1; 50], 2)?)?;
    let train = class_means(&features, &classes)?;
    let distances = centre_distances(&found.tail, &train, &debiased, &truth, &found.alphas)?;
    println!("{distances:?}");
    Ok(())
}
