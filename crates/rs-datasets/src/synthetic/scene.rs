//! From a layout to digital numbers: spectra, illumination, atmosphere, sensor.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use super::SyntheticConfig;
use super::layout::Layout;
use super::material::{BANDS, Material};
use super::noise::Noise;
use crate::random::{normal, uniform};

/// Nominal centre wavelengths in nm, in the order of the bands ([`crate::sensors::EUROSAT_BAND_ORDER`]).
const WAVELENGTH: [f64; BANDS] = [
    443.0, 490.0, 560.0, 665.0, 705.0, 740.0, 783.0, 842.0, 945.0, 1375.0, 1610.0, 2190.0, 865.0,
];
/// Pixel edge of each band in pixels of 10 m.
const BLOCK: [usize; BANDS] = [6, 1, 1, 1, 2, 2, 2, 1, 6, 6, 2, 2, 2];
/// Share of light that atmospheric gases let through; 945 nm is a water-vapour band, 1375 nm is opaque.
const GAS: [f64; BANDS] = [
    0.98, 0.98, 0.97, 0.97, 0.96, 0.97, 0.98, 0.97, 0.33, 0.012, 0.98, 0.97, 0.98,
];

/// Digital numbers `[13, size, size]` (reflectance = value / 10,000) of a layout.
pub(super) fn render(layout: &Layout, config: &SyntheticConfig, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let size = layout.size;
    let area = size * size;
    let spectra: Vec<Spectrum> = Material::ALL
        .iter()
        .map(|&material| Spectrum::draw(material, config, rng))
        .collect();
    let (relief, state) = (Noise::new(rng.next_u64()), Noise::new(rng.next_u64()));
    let sun = uniform(rng, 0.85, 1.12);
    let aerosol = config.haze * uniform(rng, 0.3, 1.7);

    // What does not depend on the band, once per pixel.
    let mut light = Vec::with_capacity(area);
    let mut vigour = Vec::with_capacity(area);
    for row in 0..size {
        for column in 0..size {
            let (x, y) = (column as f64, row as f64);
            light.push(
                sun * (1.0 + 0.08 * relief.fractal(x, y, 40.0, 2))
                    * layout.shade[row * size + column],
            );
            vigour.push(0.15 * state.fractal(x, y, 14.0, 3));
        }
    }
    let mut data = Vec::with_capacity(BANDS * area);
    for band in 0..BANDS {
        let surface: Vec<f64> = (0..area)
            .map(|at| light[at] * spectra[layout.material[at].index()].at(band, vigour[at]))
            .collect();
        let surface = coarsen(&blur(&surface, size), size, BLOCK[band]);
        // Single scattering: molecules fall with the fourth power of the wavelength, aerosol more slowly.
        let path = 0.085 * (443.0 / WAVELENGTH[band]).powi(4)
            + 0.014 * aerosol * (550.0 / WAVELENGTH[band]).powf(1.3);
        for value in surface {
            let reflectance = GAS[band] * (path + value * (1.0 - 0.7 * path));
            let number = 10_000.0 * reflectance;
            let noise = config.noise * (6.0 + 0.006 * number) * normal(rng);
            // 0 means "no data" in Sentinel-2 products.
            data.push((number + noise).round().clamp(1.0, 65_535.0) as f32);
        }
    }
    data
}

/// The curve of a material in one scene.
struct Spectrum {
    own: [f64; BANDS],
    /// Its lookalike (itself where there is none), and how far the scene lies on the way there.
    other: [f64; BANDS],
    mixed: f64,
}

impl Spectrum {
    fn draw(material: Material, config: &SyntheticConfig, rng: &mut ChaCha8Rng) -> Self {
        let level = (0.10 * normal(rng)).exp();
        let tilt = 0.05 * normal(rng);
        // A gentle slope over the spectrum keeps a material from having one exact colour.
        let vary = |curve: [f32; BANDS]| {
            std::array::from_fn(|band| {
                let place = (WAVELENGTH[band] / 900.0).ln();
                f64::from(curve[band]) * level * (tilt * place).exp()
            })
        };
        // Drawn for every material, so that the stream does not depend on which has a lookalike.
        let drawn = uniform(rng, 0.0, 0.5 + config.overlap);
        let (other, mixed) = match material.lookalike() {
            Some(lookalike) => (lookalike, drawn),
            None => (material, 0.0),
        };
        Self {
            own: vary(material.reflectance()),
            other: vary(other.reflectance()),
            mixed,
        }
    }

    /// Reflectance in a band at a pixel whose state differs from the scene's by `vigour`.
    fn at(&self, band: usize, vigour: f64) -> f64 {
        let t = (self.mixed + vigour).clamp(0.0, 1.0);
        self.own[band] + t * (self.other[band] - self.own[band])
    }
}

/// The point spread of the instrument, [1 2 1] / 4 along both axes; it mixes materials at their borders.
fn blur(values: &[f64], size: usize) -> Vec<f64> {
    let pass = |values: &[f64], stride: usize, position: &dyn Fn(usize) -> usize| -> Vec<f64> {
        (0..values.len())
            .map(|at| {
                let before = if position(at) > 0 {
                    values[at - stride]
                } else {
                    values[at]
                };
                let after = if position(at) + 1 < size {
                    values[at + stride]
                } else {
                    values[at]
                };
                0.25 * before + 0.5 * values[at] + 0.25 * after
            })
            .collect()
    };
    let rows = pass(values, 1, &|at| at % size);
    pass(&rows, size, &|at| at / size)
}

/// Means over blocks of `block` x `block` pixels, repeated: a band of coarser pixels on the fine grid.
fn coarsen(values: &[f64], size: usize, block: usize) -> Vec<f64> {
    if block == 1 {
        return values.to_vec();
    }
    let mut result = vec![0.0; values.len()];
    for top in (0..size).step_by(block) {
        for left in (0..size).step_by(block) {
            let (bottom, right) = ((top + block).min(size), (left + block).min(size));
            let cells = || {
                (top..bottom).flat_map(|row| (left..right).map(move |column| row * size + column))
            };
            let mean = cells().map(|at| values[at]).sum::<f64>()
                / ((bottom - top) * (right - left)) as f64;
            cells().for_each(|at| result[at] = mean);
        }
    }
    result
}
