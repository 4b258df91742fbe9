//! Hyperspectral input through DEFLECT: two hundred narrow bands, and no band of them reaches the backbone.
//!
//! Synthetic scenes are spread over a spectrometer's bands from 400 to 2,500 nm. The bands that formulas of spectral indices ask for are
//! found by their wavelengths, the numbers of all bands beyond red, green and blue are pooled per patch, and what is trained grows by
//! two columns of one matrix per band.
//!
//! ```sh
//! cargo run -p rs-peft --example hyperspectral
//! ```

use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use burn_flex::Flex;
use deflect::{Deflect, DeflectConfig, SpectralBand, Spectrum, Standardisation};
use rs_datasets::{Dataset, SyntheticConfig, SyntheticScenes};
use vit_backbone::{LoadOptions, Vit, VitConfig, load_vit};

/// Bands of the spectrometer.
pub const BANDS: usize = 200;
/// Pixels of a side.
pub const SIDE: usize = 64;
/// Channels that the backbone sees.
pub const RGB: [&str; 3] = ["B04", "B03", "B02"];

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    let (vit, config, adapter) = model()?;
    let values = cube(0)?;
    let tokens = tokens(&vit, &adapter, &values);
    println!(
        "{BANDS} bands: {} numbers per patch, {} trained parameters ({:.2} % of the backbone), {} tokens",
        adapter.pixel_set().len(),
        adapter.trainable_parameters(),
        adapter.config().count(&config)?.percent_of_base(),
        tokens.len() / config.dim
    );
    let indices = adapter.pixel_set().names();
    println!(
        "the last numbers of a patch: {:?}",
        &indices[indices.len() - 6..]
    );
    Ok(())
}

/// Centre of a band in nanometres.
pub fn wavelength(band: usize) -> f64 {
    400.0 + 2_100.0 * band as f64 / (BANDS - 1) as f64
}

/// Whether the water vapour of the air leaves nothing to measure there.
pub fn swallowed(nm: f64) -> bool {
    (1_350.0..1_420.0).contains(&nm) || (1_810.0..1_950.0).contains(&nm)
}

/// A scene as `[channel, row, column]`: the backbone's three channels, then reflectances of all bands, interpolated between those of
/// Sentinel-2. What water vapour swallows is missing, and so is one column of pixels beyond 1,000 nm, whose detector is dead.
pub fn cube(scene: usize) -> Result<Vec<f32>, AnyError> {
    let scenes = SyntheticScenes::segmentation(SyntheticConfig::balanced(1, 0))?;
    let image = scenes.load(scene)?.image;
    let mut known: Vec<(f64, &[f32])> = Vec::new();
    for (place, band) in image.bands.as_slice().iter().enumerate() {
        // The cirrus band sees the air alone.
        if let (Some(nm), true) = (band.wavelength_nm, band.name != "B10") {
            known.push((f64::from(nm), image.band(place)));
        }
    }
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut values = Vec::new();
    for name in RGB {
        let band = image.band(image.bands.index_of(name)?);
        values.extend(band.iter().map(|v| (v * 0.0927 / 255.0 - 0.38) / 0.14));
    }
    for band in 0..BANDS {
        let nm = wavelength(band);
        if swallowed(nm) {
            values.resize(values.len() + SIDE * SIDE, f32::NAN);
            continue;
        }
        let above = known.partition_point(|(at, _)| *at < nm);
        let (low, high) = (
            known[above.saturating_sub(1)],
            known[above.min(known.len() - 1)],
        );
        let share = if high.0 > low.0 {
            ((nm - low.0) / (high.0 - low.0)) as f32
        } else {
            0.0
        };
        let pair = low.1.iter().zip(high.1);
        values.extend(pair.enumerate().map(|(at, (l, h))| {
            if nm > 1_000.0 && at % SIDE == 20 {
                return f32::NAN;
            }
            1e-4 * (l + share * (h - l))
        }));
    }
    Ok(values)
}

/// The shipped backbone and an adapter for all bands, its statistics fitted on some scenes.
pub fn model() -> Result<(Vit<Flex>, VitConfig, Deflect<Flex>), AnyError> {
    let device = Default::default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let weights = root.join(rs_peft::run::SHIPPED);
    let (vit, report) = load_vit::<Flex>(&weights, None, &LoadOptions::default(), &device)?;
    // Bands without a single measurement have no statistics; they are not described.
    let measured = (0..BANDS).filter(|&band| !swallowed(wavelength(band)));
    let described = measured.map(|band| {
        let nm = wavelength(band);
        SpectralBand::optical(&format!("{nm:.0} nm"), RGB.len() + band, nm)
    });
    let config = DeflectConfig::new(Spectrum::new(described.collect()));
    let images = (1..4)
        .map(|scene| Ok(image(&cube(scene)?)))
        .collect::<Result<Vec<_>, AnyError>>()?;
    let statistics = Standardisation::fit(&config.pixel_set(&report.config)?, images)?;
    let adapter = Deflect::init(&config, &report.config, &statistics, 1, &device)?;
    adapter.check_image([1, RGB.len() + BANDS, SIDE, SIDE], &report.config)?;
    Ok((vit, report.config, adapter))
}

fn image(values: &[f32]) -> Tensor<Flex, 4> {
    let data = TensorData::new(values.to_vec(), [1, RGB.len() + BANDS, SIDE, SIDE]);
    Tensor::from_data(data, &Default::default())
}

/// The tokens behind the last block.
pub fn tokens(vit: &Vit<Flex>, adapter: &Deflect<Flex>, values: &[f32]) -> Vec<f32> {
    let (tokens, _) = adapter.forward(vit, image(values));
    tokens.into_data().iter::<f32>().collect()
}
