//! The fixed sine-cosine tables of MAE and of the models built on it.

/// The one-dimensional table (`get_1d_sincos_pos_embed_from_grid`) of the places 0, 1, ..., row-major `[count, dim]`: with
/// `ω_i = 10000^(-i / (dim/2))`, place `p` gets `[sin(p ω), cos(p ω)]`.
pub fn sin_cos_1d(dim: usize, count: usize) -> Vec<f32> {
    let omega = frequencies(dim / 2);
    let mut table = Vec::with_capacity(count * dim);
    for place in 0..count {
        table.extend(omega.iter().map(|w| (place as f64 * w).sin() as f32));
        table.extend(omega.iter().map(|w| (place as f64 * w).cos() as f32));
    }
    table
}

/// The fixed table of MAE (`get_2d_sincos_pos_embed`), row-major `[rows * columns, dim]` for a `[rows, columns]` grid.
///
/// With `ω_i = 10000^(-i / (dim/4))`, a patch at row `y` and column `x` gets
/// `[sin(x ω), cos(x ω), sin(y ω), cos(y ω)]`, each `dim / 4` numbers: the column comes first.
pub fn sin_cos_2d(dim: usize, grid: [usize; 2]) -> Vec<f32> {
    let omega = frequencies(dim / 4);
    let mut table = Vec::with_capacity(grid[0] * grid[1] * dim);
    for y in 0..grid[0] {
        for x in 0..grid[1] {
            for position in [x, y] {
                table.extend(omega.iter().map(|w| (position as f64 * w).sin() as f32));
                table.extend(omega.iter().map(|w| (position as f64 * w).cos() as f32));
            }
        }
    }
    table
}

/// The fixed table of Prithvi (`get_3d_sincos_pos_embed`), row-major `[frames * rows * columns, dim]` for a `[frames, rows,
/// columns]` grid: six sixteenths of the width for the column, six for the row, four for the frame, each as in [`sin_cos_1d`].
pub fn sin_cos_3d(dim: usize, grid: [usize; 3]) -> Vec<f32> {
    let [frames, rows, columns] = grid;
    let part = dim / 16;
    let [column, row, frame] = [(6, columns), (6, rows), (4, frames)]
        .map(|(parts, n)| (parts * part, sin_cos_1d(parts * part, n)));
    let at = |(width, table): &(usize, Vec<f32>), place: usize| -> Vec<f32> {
        table[place * width..(place + 1) * width].to_vec()
    };
    let mut table = Vec::with_capacity(frames * rows * columns * dim);
    for t in 0..frames {
        for y in 0..rows {
            for x in 0..columns {
                table.extend(at(&column, x));
                table.extend(at(&row, y));
                table.extend(at(&frame, t));
            }
        }
    }
    table
}

/// `10000^(-i / count)` for `i` below `count`.
fn frequencies(count: usize) -> Vec<f64> {
    (0..count)
        .map(|i| 10_000f64.powf(-(i as f64) / count as f64))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sin_cos_puts_the_column_first() {
        let table = sin_cos_2d(8, [2, 3]);
        let row = &table[(3 + 2) * 8..(3 + 3) * 8]; // y = 1, x = 2
        let expected = [
            2f64.sin(),
            0.02f64.sin(),
            2f64.cos(),
            0.02f64.cos(),
            1f64.sin(),
            0.01f64.sin(),
            1f64.cos(),
            0.01f64.cos(),
        ];
        for (found, expected) in row.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-7);
        }
    }

    #[test]
    fn a_frame_has_the_last_quarter() {
        let table = sin_cos_3d(16, [2, 1, 3]);
        let row = &table[(3 + 2) * 16..]; // frame 1, y = 0, x = 2
        assert_eq!(row.len(), 16);
        assert_eq!(row[..6], sin_cos_1d(6, 3)[12..]);
        assert_eq!(row[6..12], sin_cos_1d(6, 1)[..]);
        assert_eq!(row[12..], sin_cos_1d(4, 2)[4..]);
    }

    #[test]
    fn a_place_has_its_sines_first() {
        let table = sin_cos_1d(4, 3);
        let expected = [2f64.sin(), 0.02f64.sin(), 2f64.cos(), 0.02f64.cos()];
        for (found, expected) in table[8..].iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-7);
        }
    }
}
