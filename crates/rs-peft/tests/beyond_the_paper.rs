//! What the examples of multi-temporal and hyperspectral input promise: pixels and dates are sets, and nothing that is missing makes a
//! token that is not finite.
#![allow(unreachable_pub, dead_code)] // The examples are read as they are, their `main` with them.

#[path = "../examples/hyperspectral.rs"]
mod hyperspectral;
#[path = "../examples/multi_temporal.rs"]
mod multi_temporal;

use multi_temporal::largest_difference;

/// Sums of the same numbers in another order.
const ROUNDING: f32 = 2e-5;
/// Side of a patch of the shipped backbone in pixels.
const PATCH: usize = 8;

/// The spectral channels (those behind the backbone's) with the pixels of every patch in another order, the same in all channels.
fn shuffled(image: &[f32], side: usize) -> Vec<f32> {
    let mut values = image.to_vec();
    for channel in 3..image.len() / (side * side) {
        for at in 0..side * side {
            let (row, column) = (at / side, at % side);
            let (top, left) = (row / PATCH * PATCH, column / PATCH * PATCH);
            let place = (row - top) * PATCH + column - left;
            // 64 pixels, and 27 has no factor in common with 64: every pixel goes to another place.
            let from = (27 * place + 11) % (PATCH * PATCH);
            let (r, c) = (top + from / PATCH, left + from % PATCH);
            values[(channel * side + row) * side + column] = image[(channel * side + r) * side + c];
        }
    }
    values
}

#[test]
fn dates_and_pixels_are_one_set() {
    let bands = multi_temporal::bands().unwrap();
    assert_eq!(bands.len(), 10);
    let (vit, config, adapter) = multi_temporal::model(&bands).unwrap();
    let image = multi_temporal::series(0, &bands).unwrap();
    assert!(image.iter().any(|v| v.is_nan()), "there is a cloud");
    let tokens = |image: &[f32]| multi_temporal::tokens(&vit, &adapter, image);
    let seen = tokens(&image);
    assert_eq!(seen.len(), 65 * config.dim);
    assert!(seen.iter().all(|v| v.is_finite()));
    for order in [[3, 2, 1, 0], [1, 0, 2, 3], [2, 3, 0, 1]] {
        let other = tokens(&multi_temporal::reordered(&image, bands.len(), &order));
        let change = largest_difference(&seen, &other);
        assert!(change < ROUNDING, "{order:?}: {change}");
    }
    let change = largest_difference(&seen, &tokens(&shuffled(&image, 64)));
    assert!(change < ROUNDING, "{change}");
    // The set holds all dates: leaving some out is seen.
    let first = tokens(&multi_temporal::reordered(&image, bands.len(), &[0; 4]));
    assert!(largest_difference(&seen, &first) > 100.0 * ROUNDING);
    // More dates cost no parameter: a patch has as many numbers as on one date.
    assert_eq!(adapter.pixel_set().len() % 2, 0);
    assert!(adapter.pixel_set().len() <= 2 * (bands.len() + 12));
}

#[test]
fn two_hundred_bands_are_one_set_of_pixels() {
    let (vit, config, adapter) = hyperspectral::model().unwrap();
    let cube = hyperspectral::cube(0).unwrap();
    assert!(cube.iter().any(|v| v.is_nan()), "some bands are missing");
    let seen = hyperspectral::tokens(&vit, &adapter, &cube);
    assert!(seen.iter().all(|v| v.is_finite()));
    let other = hyperspectral::tokens(&vit, &adapter, &shuffled(&cube, 64));
    let change = largest_difference(&seen, &other);
    assert!(change < ROUNDING, "{change}");
    let names = adapter.pixel_set().names();
    assert!(names.len() > 2 * 180, "{}", names.len());
    for index in ["NDVI", "NDMI", "NBR"] {
        assert!(names.iter().any(|n| n.starts_with(index)), "{index}");
    }
    // The map grows by two columns per band: bands beyond RGB and indices, mean and deviation each.
    let count = adapter.config().count(&config).unwrap();
    assert_eq!(count.trainable, adapter.trainable_parameters());
    assert_eq!(count.trainable, (names.len() + 1) * config.dim + 27_648);
    // Another spectrum of the same colour is another image to the adapter alone.
    let mut dry = cube.clone();
    for value in &mut dry[3 * 64 * 64..] {
        *value *= 0.7;
    }
    let other = hyperspectral::tokens(&vit, &adapter, &dry);
    assert!(largest_difference(&seen, &other) > 100.0 * ROUNDING);
}
