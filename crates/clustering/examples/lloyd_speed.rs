//! Time of Lloyd iterations, for comparison with a peer on the same numbers and starts.
//!
//! `RAYON_NUM_THREADS=1 cargo run --release -p clustering --example lloyd_speed -- FILE.npy CLUSTERS ITERATIONS`: the first rows
//! are the starts, and exactly that many iterations are run (benches/peers/k_means.py does the same with scikit-learn).

use std::path::PathBuf;
use std::time::Instant;

use clustering::k_means::{KMeansParams, Start};
use clustering::rows::{FileRows, Matrix, RowSource};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, clusters, iterations] = &arguments[..] else {
        return Err("usage: lloyd_speed FILE.npy CLUSTERS ITERATIONS".into());
    };
    let (clusters, iterations): (usize, usize) = (clusters.parse()?, iterations.parse()?);
    let file = FileRows::<f32>::npy(&PathBuf::from(path))?;
    let mut values = vec![0.0; file.rows() * file.dim()];
    file.read(0, &mut values)?;
    let rows = Matrix::new(&values, file.dim())?;
    let start = Start::Given(values[..clusters * file.dim()].to_vec());
    let params = KMeansParams::new(clusters).start(start).tolerance(0.0);
    let valid = params.max_iterations(iterations).check()?;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let began = Instant::now();
        let fitted = valid.fit(&rows, None, &mut ChaCha8Rng::seed_from_u64(0))?;
        best = best.min(began.elapsed().as_secs_f64());
        println!(
            "{} iterations, inertia {:.6e}",
            fitted.iterations(),
            fitted.inertia()
        );
    }
    println!("least of five: {best:.3} s");
    Ok(())
}
