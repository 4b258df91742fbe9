//! Clusters a table in memory, with and without a least size per cluster: `cargo run -p clustering --example k_means`.

use clustering::constrained::{ConstrainedParams, MinSize};
use clustering::k_means::{KMeansError, KMeansParams};
use clustering::rows::Matrix;
use clustering::scaler::StandardScaler;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

fn main() -> Result<(), KMeansError> {
    // 200 rows around (0, 0), 20 around (9, 9), 5 around (-9, 9).
    let wave = |i: usize| ((i as f32 * 0.7).sin(), (i as f32 * 1.3).cos());
    let mut values = Vec::new();
    for (rows, x, y) in [(200, 0.0, 0.0), (20, 9.0, 9.0), (5, -9.0, 9.0)] {
        values.extend((0..rows).flat_map(|i| [x + wave(i).0, y + wave(i).1]));
    }
    let rows = Matrix::new(&values, 2)?;
    let scaler = StandardScaler::fit(&rows)?;
    let rows = scaler.over(rows)?;
    let mut rng = ChaCha8Rng::seed_from_u64(7);

    let plain = KMeansParams::new(3).restarts(5).check()?;
    let plain = plain.fit(&rows, None, &mut rng)?;
    println!("k-means:     {:?} {:.3}", plain.sizes(), plain.inertia());

    // Every cluster holds at least N / (K rho) rows.
    let bound = MinSize::Balance { rho: 2.0 };
    let bounded = ConstrainedParams::new(3, bound).restarts(5).check()?;
    let bounded = bounded.fit(&rows, None, &mut rng)?;
    println!(
        "constrained: {:?} {:.3}",
        bounded.sizes(),
        bounded.inertia()
    );
    Ok(())
}
