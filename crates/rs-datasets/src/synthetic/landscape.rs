//! A scene of many regions with a land use each: what a map is drawn of.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use super::layout::Layout;
use super::noise::Noise;
use super::{Material, SceneClass, SyntheticConfig, scene};
use crate::random::{self, below, shuffle, uniform};
use crate::sensors::{EUROSAT_BAND_ORDER, sentinel2};
use crate::{BandSet, DataError, Image, InputUnit};

/// Land uses of a [`Landscape`], in the order of their index.
pub const LANDSCAPE_CLASSES: [&str; 5] = ["water", "forest", "open_land", "built_up", "sand"];

/// Bands of a [`Landscape`], those of Sentinel-2 that have pixels of 10 m.
pub const LANDSCAPE_BANDS: [&str; 4] = ["B04", "B03", "B02", "B08"];

/// Pixels from the centre of one region to the next, roughly.
const SPACING: usize = 96;

/// **Synthetic**, not measured: a square scene of lakes, woods, farmland, villages and dunes with winding borders.
///
/// Water is water wherever it lies; elsewhere a pixel has the land use of its region, so trees in a village are built-up land.
#[derive(Clone, Debug)]
pub struct Landscape {
    /// Digital numbers (reflectance = value / 10,000) of [`LANDSCAPE_BANDS`].
    pub image: Image,
    /// Index into [`LANDSCAPE_CLASSES`] of each pixel, row-major.
    pub classes: Vec<u8>,
}

impl Landscape {
    /// A scene of `size` x `size` pixels of 10 m; the same seed and size give the same scene.
    ///
    /// # Errors
    /// [`DataError::Setting`] unless `size` is 128 to 1,024.
    pub fn new(size: usize, seed: u64) -> Result<Self, DataError> {
        if !(128..=1024).contains(&size) {
            return Err(DataError::Setting {
                what: "synthetic landscape".into(),
                detail: format!("size {size}; expected 128 to 1024 pixels"),
            });
        }
        let mut config = SyntheticConfig::balanced(1, seed);
        config.size = size;
        let mut rng = random::stream(&["landscape", &seed.to_string()]);
        let (layout, classes) = landscape(size, &mut rng);
        let all = scene::render(&layout, &config, &mut rng);
        let mut data = Vec::with_capacity(LANDSCAPE_BANDS.len() * size * size);
        for (band, values) in EUROSAT_BAND_ORDER.iter().zip(all.chunks(size * size)) {
            if LANDSCAPE_BANDS.contains(band) {
                data.push((*band, values));
            }
        }
        let mut ordered = Vec::with_capacity(LANDSCAPE_BANDS.len() * size * size);
        for wanted in LANDSCAPE_BANDS {
            for (_, values) in data.iter().filter(|(band, _)| *band == wanted) {
                ordered.extend_from_slice(values);
            }
        }
        let bands = Arc::new(bands()?);
        let image = Image::new(bands, InputUnit::SENTINEL2_DN, size, size, ordered)?;
        Ok(Self { image, classes })
    }
}

/// Descriptions of [`LANDSCAPE_BANDS`].
pub(crate) fn bands() -> Result<BandSet, DataError> {
    sentinel2(&LANDSCAPE_BANDS)
}

/// A region: its centre, its land use, and its own layout around the centre.
struct Region {
    x: f64,
    y: f64,
    class: u8,
    layout: Layout,
}

fn landscape(size: usize, rng: &mut ChaCha8Rng) -> (Layout, Vec<u8>) {
    let across = size.div_ceil(SPACING);
    let step = size as f64 / across as f64;
    // Every land use comes up equally often, in an order that the seed draws.
    let mut uses: Vec<u8> = (0..across * across).map(|at| (at % 5) as u8).collect();
    shuffle(rng, &mut uses);
    let regions: Vec<Region> = uses
        .iter()
        .enumerate()
        .map(|(at, &class)| Region {
            x: step * ((at % across) as f64 + uniform(rng, 0.25, 0.75)),
            y: step * ((at / across) as f64 + uniform(rng, 0.25, 0.75)),
            class,
            layout: Layout::of_class(scene_class(class, rng), 2 * SPACING, rng),
        })
        .collect();
    let warp = (Noise::new(rng.next_u64()), Noise::new(rng.next_u64()));
    let mut classes = Vec::with_capacity(size * size);
    let layout = Layout::from_fn(size, |x, y| {
        let wx = x + 20.0 * warp.0.fractal(x, y, 40.0, 3);
        let wy = y + 20.0 * warp.1.fractal(x, y, 40.0, 3);
        let distance = |region: &&Region| (region.x - wx).powi(2) + (region.y - wy).powi(2);
        let nearest = regions
            .iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)));
        // There is at least one region; the fallback only satisfies the type.
        let Some(region) = nearest else {
            classes.push(2);
            return (Material::Meadow, 1.0);
        };
        let place = |value: f64, centre: f64| {
            let local = (value - centre + SPACING as f64).round();
            local.clamp(0.0, (2 * SPACING - 1) as f64) as usize
        };
        let at = place(y, region.y) * 2 * SPACING + place(x, region.x);
        let (material, shade) = (region.layout.material[at], region.layout.shade[at]);
        let water = matches!(
            material,
            Material::ClearWater | Material::AlgaeWater | Material::SedimentWater
        );
        // Banks of a lake are open land.
        classes.push(match (water, region.class) {
            (true, _) => 0,
            (false, 0) => 2,
            (false, class) => class,
        });
        (material, shade)
    });
    (layout, classes)
}

fn scene_class(land_use: u8, rng: &mut ChaCha8Rng) -> SceneClass {
    use SceneClass::{
        BareSand, ClearWater, DarkSoil, DryCrop, HealthyForest, IrrigatedCrop, Residential,
        StressedForest,
    };
    match land_use {
        0 => ClearWater,
        1 => [HealthyForest, StressedForest][below(rng, 2)],
        2 => [IrrigatedCrop, DryCrop, DarkSoil][below(rng, 3)],
        3 => Residential,
        _ => BareSand,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_land_use_occurs_and_the_seed_decides() {
        let scene = Landscape::new(384, 1).unwrap();
        for class in 0..LANDSCAPE_CLASSES.len() as u8 {
            let pixels = scene
                .classes
                .iter()
                .filter(|&&found| found == class)
                .count();
            assert!(pixels > 384 * 384 / 50, "{class}: {pixels} pixels");
        }
        // Water is dark in the near infrared, whatever lies around it.
        let infrared = scene.image.band(3);
        let mean = |class: u8| {
            let of = scene
                .classes
                .iter()
                .zip(infrared)
                .filter(|(c, _)| **c == class);
            let values: Vec<f32> = of.map(|(_, value)| *value).collect();
            values.iter().sum::<f32>() / values.len() as f32
        };
        assert!(mean(0) < 0.5 * mean(1), "{} and {}", mean(0), mean(1));
        let again = Landscape::new(384, 1).unwrap();
        assert_eq!(again.image.data, scene.image.data);
        assert_ne!(Landscape::new(384, 2).unwrap().classes, scene.classes);
        assert!(Landscape::new(64, 1).is_err());
    }
}
