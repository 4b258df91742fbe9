//! The pixel set of a patch once more, on the host in double precision.

use deflect::Statistic;

/// One statistic of the numbers, 0 when there are none.
pub(crate) fn statistic(statistic: Statistic, values: &[f64]) -> f64 {
    let count = values.len() as f64;
    if values.is_empty() {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / count;
    match statistic {
        Statistic::Mean => mean,
        Statistic::Std => (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt(),
        Statistic::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
        Statistic::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Statistic::Quantile(percent) => {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            let place = percent / 100.0 * (count - 1.0);
            let low = place.floor() as usize;
            let high = (low + 1).min(sorted.len() - 1);
            sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
        }
    }
}

/// The pixels of one patch of one channel of one image, row by row. `image` has the shape `shape`, patches have 4 x 4 pixels.
pub(crate) fn pixels(
    image: &[f32],
    shape: [usize; 4],
    [sample, channel]: [usize; 2],
    patch: usize,
) -> Vec<usize> {
    let [_, channels, height, width] = shape;
    let columns = width / 4;
    let (row, column) = (patch / columns * 4, patch % columns * 4);
    let start = (sample * channels + channel) * height * width;
    let places = (0..16).map(|p| start + (row + p / 4) * width + column + p % 4);
    places
        .inspect(|place| assert!(*place < image.len()))
        .collect()
}
