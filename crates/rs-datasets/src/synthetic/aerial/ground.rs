//! What lies below the objects: land, water, aprons, a road.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use super::super::noise::Noise;
use crate::random::{below, uniform, unit};

/// Red, green, blue, 0 to 255.
pub(super) type Colour = [f64; 3];

/// Colours of land: two that mix.
const LAND: [[Colour; 2]; 5] = [
    [[86.0, 104.0, 62.0], [122.0, 128.0, 84.0]],
    [[148.0, 132.0, 104.0], [112.0, 100.0, 78.0]],
    [[92.0, 96.0, 74.0], [60.0, 78.0, 48.0]],
    [[170.0, 158.0, 132.0], [128.0, 122.0, 98.0]],
    [[104.0, 118.0, 92.0], [140.0, 138.0, 120.0]],
];
const WATER: [Colour; 3] = [[34.0, 58.0, 74.0], [48.0, 76.0, 78.0], [26.0, 42.0, 58.0]];
const CONCRETE: Colour = [158.0, 156.0, 150.0];
const ASPHALT: Colour = [92.0, 92.0, 96.0];

/// The ground of one scene as a function of the place.
pub(super) struct Ground {
    land: [Colour; 2],
    water: Colour,
    /// Direction of the shore and how far it lies from the middle; `None` without water.
    shore: Option<(f64, f64)>,
    /// Direction and offset of the road; `None` without.
    road: Option<(f64, f64)>,
    /// Level above which land is an apron.
    apron: f64,
    middle: f64,
    broad: Noise,
    fine: Noise,
}

impl Ground {
    pub(super) fn draw(size: usize, rng: &mut ChaCha8Rng) -> Self {
        let middle = size as f64 / 2.0;
        // Drawn whether used or not, so that the stream does not depend on the choices.
        let (angle, offset) = (
            uniform(rng, 0.0, std::f64::consts::TAU),
            uniform(rng, -0.6, 0.7),
        );
        let (road_angle, road_offset) = (
            uniform(rng, 0.0, std::f64::consts::PI),
            uniform(rng, -0.6, 0.6),
        );
        let (wet, paved) = (unit(rng) < 0.6, unit(rng) < 0.5);
        Self {
            land: LAND[below(rng, LAND.len())],
            water: WATER[below(rng, WATER.len())],
            shore: wet.then_some((angle, offset * middle)),
            road: paved.then_some((road_angle, road_offset * middle)),
            apron: uniform(rng, 0.25, 0.7),
            middle,
            broad: Noise::new(rng.next_u64()),
            fine: Noise::new(rng.next_u64()),
        }
    }

    /// Distance to the shore, positive on water; far inland without water.
    fn depth(&self, x: f64, y: f64) -> f64 {
        let Some((angle, offset)) = self.shore else {
            return f64::NEG_INFINITY;
        };
        let across = (x - self.middle) * angle.cos() + (y - self.middle) * angle.sin();
        across - offset + 14.0 * self.broad.fractal(x, y, 90.0, 3)
    }

    /// Whether a place is at least `margin` pixels from the shore on the asked side.
    pub(super) fn allows(&self, x: f64, y: f64, on_water: bool, margin: f64) -> bool {
        let depth = self.depth(x, y);
        if on_water {
            depth > margin
        } else {
            depth < -margin
        }
    }

    /// The colour at a place.
    pub(super) fn colour(&self, x: f64, y: f64) -> Colour {
        let depth = self.depth(x, y);
        let grain = 1.0 + 0.05 * self.fine.fractal(x, y, 6.0, 3);
        if depth > 0.0 {
            // Shallow water is brighter.
            let shallow = (1.0 - depth / 40.0).max(0.0) * 28.0;
            let ripple = 1.0 + 0.04 * self.fine.fractal(x, y, 9.0, 2);
            return self.water.map(|c| (c + shallow) * ripple);
        }
        if depth > -3.0 {
            return [176.0, 166.0, 140.0].map(|c| c * grain);
        }
        if let Some((angle, offset)) = self.road {
            let across = (x - self.middle) * angle.sin() - (y - self.middle) * angle.cos() - offset;
            if across.abs() < 9.0 {
                let along = (x - self.middle) * angle.cos() + (y - self.middle) * angle.sin();
                let marked = across.abs() < 0.6 && along.rem_euclid(14.0) < 7.0;
                return if marked {
                    [205.0; 3]
                } else {
                    ASPHALT.map(|c| c * grain)
                };
            }
        }
        let kind = self.broad.fractal(x + 500.0, y, 150.0, 3);
        if kind > self.apron {
            // Slabs with joints.
            let joint = x.rem_euclid(26.0) < 1.0 || y.rem_euclid(26.0) < 1.0;
            return CONCRETE.map(|c| c * grain * if joint { 0.9 } else { 1.0 });
        }
        let mix = (0.5 + self.fine.fractal(x, y, 40.0, 4)).clamp(0.0, 1.0);
        std::array::from_fn(|k| {
            (self.land[0][k] + mix * (self.land[1][k] - self.land[0][k])) * grain
        })
    }
}
