//! Which pixels a polygon covers: those whose centre it holds, as `gdal_rasterize` and `rasterio.features.rasterize` decide without
//! `ALL_TOUCHED`.

/// Calls `cover` with (row, first column, column after the last) of every run of pixels whose centres lie inside the rings, by the
/// even-odd rule. Rings are in pixel coordinates (column, row) of a grid of `height x width` pixels, whose upper left corner is (0, 0).
///
/// A centre on an edge counts as GDAL counts it: on a left or upper edge inside, on a right one outside. A horizontal edge that runs
/// exactly through centres along the lower side of its ring is drawn too, so there alone two polygons may share pixels.
pub fn burn_polygon(
    rings: &[Vec<[f64; 2]>],
    [height, width]: [usize; 2],
    mut cover: impl FnMut(usize, usize, usize),
) {
    let rows = rings.iter().flatten().map(|point| point[1]);
    let (low, high) = rows.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| {
        (low.min(y), high.max(y))
    });
    if !(low < high && high > 0.0 && low < height as f64) {
        return;
    }
    let first = low.floor().max(0.0) as usize;
    let last = (high.ceil().min(height as f64) as usize).max(first);
    let column = |x: f64| (x + 0.5).floor().clamp(0.0, width as f64) as usize;
    // On the screen, where rows grow downwards.
    let clockwise: Vec<bool> = rings.iter().map(|ring| doubled_area(ring) > 0.0).collect();
    let mut crossings: Vec<f64> = Vec::new();
    for row in first..last {
        let y = row as f64 + 0.5;
        crossings.clear();
        for (ring, &clockwise) in rings.iter().zip(&clockwise) {
            for (at, &start) in ring.iter().enumerate() {
                let end = ring[(at + 1) % ring.len()];
                if start[1] == y && end[1] == y {
                    let (left, right) = match clockwise {
                        true => (end[0], start[0]),
                        false => (start[0], end[0]),
                    };
                    if column(left) < column(right) {
                        cover(row, column(left), column(right));
                    }
                    continue;
                }
                let (upper, lower) = if start[1] < end[1] {
                    (start, end)
                } else {
                    (end, start)
                };
                if upper[1] <= y && y < lower[1] {
                    let share = (y - upper[1]) / (lower[1] - upper[1]);
                    crossings.push(upper[0] + share * (lower[0] - upper[0]));
                }
            }
        }
        crossings.sort_unstable_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            let (left, right) = (column(pair[0]), column(pair[1]));
            if left < right {
                cover(row, left, right);
            }
        }
    }
}

/// Twice the signed area within a ring.
fn doubled_area(ring: &[[f64; 2]]) -> f64 {
    let next = ring.iter().cycle().skip(1);
    ring.iter()
        .zip(next)
        .map(|([x0, y0], [x1, y1])| x0 * y1 - x1 * y0)
        .sum()
}
