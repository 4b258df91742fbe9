//! Where in a scene which material lies.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use super::noise::Noise;
use super::{Material, SceneClass, structures};
use crate::random::{below, uniform};

/// Material and shade of each pixel, row-major.
pub(super) struct Layout {
    pub(super) size: usize,
    pub(super) material: Vec<Material>,
    /// Factor on the reflectance: crop rows, crown shadows, ripples.
    pub(super) shade: Vec<f64>,
}

impl Layout {
    /// A layout from a function of column and row.
    pub(super) fn from_fn(size: usize, mut pixel: impl FnMut(f64, f64) -> (Material, f64)) -> Self {
        let mut layout = Self {
            size,
            material: Vec::with_capacity(size * size),
            shade: Vec::with_capacity(size * size),
        };
        for row in 0..size {
            for column in 0..size {
                let (material, shade) = pixel(column as f64, row as f64);
                layout.material.push(material);
                layout.shade.push(shade);
            }
        }
        layout
    }

    /// The layout of one class of scene.
    pub(super) fn of_class(class: SceneClass, size: usize, rng: &mut ChaCha8Rng) -> Self {
        let main = class.material();
        match class {
            SceneClass::IrrigatedCrop | SceneClass::DryCrop => structures::fields(
                size,
                main,
                &[Material::Meadow, Material::DrySoil, Material::DarkSoil],
                rng,
            ),
            SceneClass::DarkSoil | SceneClass::BurntField => structures::fields(
                size,
                main,
                &[Material::Meadow, Material::DrySoil, Material::HealthyForest],
                rng,
            ),
            SceneClass::HealthyForest | SceneClass::StressedForest => {
                structures::canopy(size, main, rng)
            }
            SceneClass::ClearWater | SceneClass::AlgaeWater => structures::water(size, main, rng),
            SceneClass::Residential => structures::blocks(size, rng),
            SceneClass::BareSand => structures::dunes(size, rng),
        }
    }

    /// A scene of three to five regions of different classes with winding borders, sometimes snow on top.
    pub(super) fn mosaic(size: usize, rng: &mut ChaCha8Rng) -> Self {
        let regions = 3 + below(rng, 3);
        let parts: Vec<(f64, f64, Self)> = (0..regions)
            .map(|_| {
                let place = (
                    uniform(rng, 0.0, size as f64),
                    uniform(rng, 0.0, size as f64),
                );
                let class = SceneClass::ALL[below(rng, SceneClass::ALL.len())];
                (place.0, place.1, Self::of_class(class, size, rng))
            })
            .collect();
        let warp = (Noise::new(rng.next_u64()), Noise::new(rng.next_u64()));
        let snow =
            (below(rng, 5) == 0).then(|| (Noise::new(rng.next_u64()), uniform(rng, 0.0, 0.5)));
        let reach = size as f64 / 6.0;
        Self::from_fn(size, |x, y| {
            let shade_of_snow = |noise: Noise| 1.0 + 0.08 * noise.fractal(x, y, 6.0, 3);
            if let Some((noise, level)) = snow
                && noise.fractal(x, y, size as f64 / 2.0, 4) > level
            {
                return (Material::Snow, shade_of_snow(noise));
            }
            let wx = x + reach * warp.0.fractal(x, y, 16.0, 3);
            let wy = y + reach * warp.1.fractal(x, y, 16.0, 3);
            let distance = |part: &&(f64, f64, Self)| (part.0 - wx).powi(2) + (part.1 - wy).powi(2);
            let nearest = parts
                .iter()
                .min_by(|a, b| distance(a).total_cmp(&distance(b)));
            let at = y as usize * size + x as usize;
            // There are at least three parts; the fallback only satisfies the type.
            nearest.map_or((Material::Meadow, 1.0), |(_, _, layout)| {
                (layout.material[at], layout.shade[at])
            })
        })
    }
}
