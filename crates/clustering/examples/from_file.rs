//! Clusters an npy file that need not fit into memory: `cargo run --release -p clustering --example from_file -- FILE CLUSTERS`.

use std::path::Path;
use std::time::Instant;

use clustering::k_means::{KMeans, KMeansParams, Start};
use clustering::mini_batch::MiniBatchParams;
use clustering::rows::{FileRows, RowSource};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, clusters] = &arguments[..] else {
        return Err("usage: from_file FILE.npy CLUSTERS".into());
    };
    let clusters: usize = clusters.parse()?;
    let rows = FileRows::<f32>::npy(Path::new(path))?;
    println!("{} rows of {} features", rows.rows(), rows.dim());
    let report = |name, fitted: &KMeans<f32>, began: Instant| {
        let (inertia, rounds) = (fitted.inertia(), fitted.iterations());
        let seconds = began.elapsed().as_secs_f64();
        println!("{name}: inertia {inertia:.6e}, {rounds} rounds, {seconds:.1} s");
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let began = Instant::now();
    let batches = MiniBatchParams::new(clusters).check()?;
    let fitted = batches.fit(&rows, None, &mut rng)?;
    report("mini-batches", &fitted, began);

    // Lloyd's algorithm goes on from there.
    let began = Instant::now();
    let lloyd = KMeansParams::new(clusters).start(Start::Given(fitted.centres().to_vec()));
    let fitted = lloyd
        .max_iterations(5)
        .check()?
        .fit(&rows, None, &mut rng)?;
    report("Lloyd", &fitted, began);
    Ok(())
}
