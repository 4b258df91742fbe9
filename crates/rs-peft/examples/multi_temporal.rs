//! Multi-temporal input through DEFLECT: the pixel set of a patch runs over all dates as well.
//!
//! A synthetic scene is seen on several dates: its vegetation withers from date to date, and on one of them a cloud covers a corner. The
//! backbone sees red, green and blue of the first date only; the spectra of all dates enter as one set of pixels per patch, so that
//! neither the places of the pixels nor the order of the dates means anything. A pixel under a cloud is missing on that date alone.
//!
//! ```sh
//! cargo run -p rs-peft --example multi_temporal
//! ```

use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use burn_flex::Flex;
use deflect::{Deflect, DeflectConfig, SpectralBand, Spectrum, Standardisation};
use rs_datasets::{Dataset, SyntheticConfig, SyntheticScenes};
use vit_backbone::{LoadOptions, Vit, VitConfig, load_vit};

/// Dates of the series.
pub const DATES: usize = 4;
/// Pixels of a side.
pub const SIDE: usize = 64;
/// Channels that the backbone sees.
pub const RGB: [&str; 3] = ["B04", "B03", "B02"];

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    let bands = bands()?;
    let (vit, config, adapter) = model(&bands)?;
    let image = series(0, &bands)?;
    let tokens = tokens(&vit, &adapter, &image);
    println!(
        "{DATES} dates of {} bands: {} numbers per patch, {} trained parameters ({:.2} % of the backbone)",
        bands.len(),
        adapter.pixel_set().len(),
        adapter.trainable_parameters(),
        adapter.config().count(&config)?.percent_of_base()
    );
    let turned = reordered(&image, bands.len(), &[2, 0, 3, 1]);
    println!(
        "largest change of a token when the dates are reordered: {:.1e}",
        largest_difference(&tokens, &self::tokens(&vit, &adapter, &turned))
    );
    let single = reordered(&image, bands.len(), &[0, 0, 0, 0]);
    println!(
        "... when all dates are the first one: {:.1e}",
        largest_difference(&tokens, &self::tokens(&vit, &adapter, &single))
    );
    Ok(())
}

/// Names and wavelengths of the bands, without those of 60 m.
pub fn bands() -> Result<Vec<(String, f64)>, AnyError> {
    let scenes = SyntheticScenes::segmentation(SyntheticConfig::balanced(1, 0))?;
    let all = scenes.bands().as_slice().iter();
    let useful = all.filter(|band| !["B01", "B09", "B10"].contains(&band.name.as_str()));
    Ok(useful
        .filter_map(|band| Some((band.name.clone(), f64::from(band.wavelength_nm?))))
        .collect())
}

/// A scene on all dates: `[channel, row, column]`, the three channels of the backbone first, then date after date.
pub fn series(scene: usize, bands: &[(String, f64)]) -> Result<Vec<f32>, AnyError> {
    let scenes = SyntheticScenes::segmentation(SyntheticConfig::balanced(1, 0))?;
    let image = scenes.load(scene)?.image;
    let band = |name: &str| Ok::<_, AnyError>(image.band(image.bands.index_of(name)?).to_vec());
    let mut values = Vec::new();
    for name in RGB {
        // Roughly the rendering of the pictures that the backbone was trained on, standardised.
        values.extend(
            band(name)?
                .iter()
                .map(|v| (v * 0.0927 / 255.0 - 0.38) / 0.14),
        );
    }
    let (red, near) = (band("B04")?, band("B08")?);
    for date in 0..DATES {
        let withered = date as f32 / DATES as f32;
        for (name, nm) in bands {
            let plane = band(name)?;
            values.extend(plane.iter().enumerate().map(|(at, &number)| {
                let (row, column) = (at / SIDE, at % SIDE);
                if date == 2 && row < SIDE / 3 && column < SIDE / 3 {
                    return f32::NAN; // The cloud.
                }
                let green = ((near[at] - red[at]) / (near[at] + red[at])).max(0.0);
                // Near infrared falls, red and short-wave infrared rise, as leaves dry.
                let change = if (700.0..1300.0).contains(nm) {
                    -0.5
                } else {
                    0.4
                };
                1e-4 * number * (1.0 + change * green * withered)
            }));
        }
    }
    Ok(values)
}

/// The shipped backbone and an adapter for the bands on all dates, its statistics fitted on some scenes.
pub fn model(bands: &[(String, f64)]) -> Result<(Vit<Flex>, VitConfig, Deflect<Flex>), AnyError> {
    let device = Default::default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let weights = root.join(rs_peft::run::SHIPPED);
    let (vit, report) = load_vit::<Flex>(&weights, None, &LoadOptions::default(), &device)?;
    let described = bands.iter().zip(RGB.len()..);
    let spectrum = Spectrum {
        dates: DATES,
        date_stride: bands.len(),
        ..Spectrum::new(
            described
                .map(|((name, nm), channel)| SpectralBand::optical(name, channel, *nm))
                .collect(),
        )
    };
    let config = DeflectConfig::new(spectrum);
    let images = (1..5)
        .map(|scene| Ok(image(&series(scene, bands)?)))
        .collect::<Result<Vec<_>, AnyError>>()?;
    let statistics = Standardisation::fit(&config.pixel_set(&report.config)?, images)?;
    let adapter = Deflect::init(&config, &report.config, &statistics, 1, &device)?;
    let channels = RGB.len() + DATES * bands.len();
    adapter.check_image([1, channels, SIDE, SIDE], &report.config)?;
    Ok((vit, report.config, adapter))
}

/// The dates in another order, or some of them repeated.
pub fn reordered(image: &[f32], bands: usize, order: &[usize]) -> Vec<f32> {
    let (rgb, dates) = image.split_at(RGB.len() * SIDE * SIDE);
    let date = bands * SIDE * SIDE;
    let mut values = rgb.to_vec();
    for &from in order {
        values.extend_from_slice(&dates[from * date..(from + 1) * date]);
    }
    values
}

fn image(values: &[f32]) -> Tensor<Flex, 4> {
    let channels = values.len() / (SIDE * SIDE);
    let data = TensorData::new(values.to_vec(), [1, channels, SIDE, SIDE]);
    Tensor::from_data(data, &Default::default())
}

/// The tokens behind the last block.
pub fn tokens(vit: &Vit<Flex>, adapter: &Deflect<Flex>, values: &[f32]) -> Vec<f32> {
    let (tokens, _) = adapter.forward(vit, image(values));
    tokens.into_data().iter::<f32>().collect()
}

/// Relative to the largest token value.
pub fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    let largest = a.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let difference = a
        .iter()
        .zip(b)
        .fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
    difference / largest
}
