//! Tables of numbers that a case and its peer share, as npy files.

use std::io::{BufWriter, Write};
use std::path::Path;

use clustering::rows::{FileRows, RowSource};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Writes `rows` rows of `dim` numbers around `centres` centres, from a fixed seed.
pub(super) fn write_blobs(
    path: &Path,
    rows: usize,
    dim: usize,
    centres: usize,
) -> anyhow::Result<()> {
    let mut rng = StdRng::seed_from_u64(7);
    let mut normal = move || {
        // Box and Muller: a normal deviate from two uniform ones.
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        ((-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32
    };
    let middle: Vec<f32> = (0..centres * dim).map(|_| 2.0 * normal()).collect();
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}");
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&(header.len() as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for row in 0..rows {
        let centre = (row * 7919) % centres;
        for place in &middle[centre * dim..(centre + 1) * dim] {
            file.write_all(&(place + normal()).to_le_bytes())?;
        }
    }
    file.flush()?;
    Ok(())
}

/// The numbers of such a file, and how many a row has.
pub(super) fn read(path: &Path) -> anyhow::Result<(Vec<f32>, usize)> {
    let file = FileRows::<f32>::npy(path)?;
    let mut values = vec![0.0; file.rows() * file.dim()];
    file.read(0, &mut values)?;
    Ok((values, file.dim()))
}
