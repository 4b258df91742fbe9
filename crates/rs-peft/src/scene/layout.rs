//! Where windows lie along one axis, and how much each of them counts.

/// First pixels of windows of `window` pixels that overlap by `overlap` and cover `extent` pixels.
///
/// The last window ends where the scene ends, so it may overlap by more. A scene shorter than a window has one, which is padded.
///
/// # Panics
/// When `overlap` is not below `window`.
pub fn positions(extent: usize, window: usize, overlap: usize) -> Vec<usize> {
    assert!(
        overlap < window,
        "an overlap of {overlap} of {window} pixels"
    );
    if extent <= window {
        return vec![0];
    }
    let last = extent - window;
    let mut positions: Vec<usize> = (0..last).step_by(window - overlap).collect();
    positions.push(last);
    positions
}

/// How much each pixel of each window counts, `[window][pixel]`: at every pixel of the scene the weights sum to 1.
///
/// Before that sum is divided out, the weight of a pixel whose centre lies d pixels from its window's edge is
/// sin²(π/2 · min(1, d / overlap)): a raised cosine over the overlap and flat inside. So a map does not step where a window ends, and
/// what a model sees with little context around it counts least.
pub fn blend_weights(
    positions: &[usize],
    window: usize,
    overlap: usize,
    extent: usize,
) -> Vec<Vec<f32>> {
    let ramp: Vec<f64> = (0..window)
        .map(|pixel| {
            let centre = pixel as f64 + 0.5;
            let edge = centre.min(window as f64 - centre);
            let share = (edge / overlap.max(1) as f64).min(1.0);
            (std::f64::consts::FRAC_PI_2 * share).sin().powi(2)
        })
        .collect();
    let mut sums = vec![0.0; extent.max(window)];
    for &start in positions {
        for (sum, weight) in sums[start..start + window].iter_mut().zip(&ramp) {
            *sum += weight;
        }
    }
    positions
        .iter()
        .map(|&start| {
            let sums = &sums[start..start + window];
            ramp.iter()
                .zip(sums)
                .map(|(weight, sum)| (weight / sum) as f32)
                .collect()
        })
        .collect()
}

/// First pixels of windows whose middles are those of cells of `stride` pixels, moved inwards where they would leave the scene.
pub(super) fn cell_positions(extent: usize, window: usize, stride: usize) -> Vec<usize> {
    let last = extent.saturating_sub(window);
    (0..extent.div_ceil(stride))
        .map(|cell| {
            (cell * stride + stride / 2)
                .saturating_sub(window / 2)
                .min(last)
        })
        .collect()
}
