//! The spatial structures of the classes: fields, canopy, water, street blocks, dunes.

use std::f64::consts::{PI, TAU};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use super::Material;
use super::layout::Layout;
use super::noise::Noise;
use crate::random::{below, normal, uniform, unit};

/// A field of a farm.
struct Field {
    x: f64,
    y: f64,
    material: Material,
    level: f64,
    /// Direction and width of the rows, and how strongly they show.
    rows: (f64, f64, f64),
}

/// Straight-edged fields, about seven in ten of `main`, with rows and tracks between them.
pub(super) fn fields(
    size: usize,
    main: Material,
    others: &[Material],
    rng: &mut ChaCha8Rng,
) -> Layout {
    let extent = size as f64;
    let angle = uniform(rng, 0.0, PI);
    let stretch = uniform(rng, 1.0, 2.2);
    let count = 5 + below(rng, 6);
    let fields: Vec<Field> = (0..count)
        .map(|index| {
            // The first field lies in the middle and is always of the main material.
            let spread = if index == 0 { 0.1 } else { 0.6 };
            let material = if index == 0 || unit(rng) < 0.7 {
                main
            } else {
                others[below(rng, others.len())]
            };
            Field {
                x: uniform(rng, -spread, spread) * extent,
                y: uniform(rng, -spread, spread) * extent,
                material,
                level: (0.05 * normal(rng)).exp(),
                rows: (
                    angle + if unit(rng) < 0.5 { 0.0 } else { PI / 2.0 },
                    uniform(rng, 3.0, 7.0),
                    uniform(rng, 0.0, 0.08),
                ),
            }
        })
        .collect();
    let track = (
        uniform(rng, 0.0, 1.2),
        if unit(rng) < 0.5 {
            Material::DrySoil
        } else {
            Material::Meadow
        },
    );
    let texture = Noise::new(rng.next_u64());
    let (sin, cos) = angle.sin_cos();
    Layout::from_fn(size, |x, y| {
        let (dx, dy) = (x - extent / 2.0, y - extent / 2.0);
        let (u, v) = ((dx * cos + dy * sin) / stretch, dy * cos - dx * sin);
        // City-block distance in the rotated frame gives the straight borders of farmland.
        let distance = |field: &Field| (field.x / stretch - u).abs().max((field.y - v).abs());
        let (mut best, mut first, mut second) = (0, f64::INFINITY, f64::INFINITY);
        for (index, field) in fields.iter().enumerate() {
            let d = distance(field);
            if d < first {
                (best, second, first) = (index, first, d);
            } else if d < second {
                second = d;
            }
        }
        let grain = 1.0 + 0.06 * texture.fractal(x, y, 8.0, 4);
        if second - first < track.0 {
            return (track.1, grain);
        }
        let field = &fields[best];
        let (direction, period, strength) = field.rows;
        let phase = (x * direction.cos() + y * direction.sin()) / period;
        (
            field.material,
            field.level * grain * (1.0 + strength * (TAU * phase).sin()),
        )
    })
}

/// Forest with crown shadows, clearings and now and then a track.
pub(super) fn canopy(size: usize, main: Material, rng: &mut ChaCha8Rng) -> Layout {
    let (stand, crowns) = (Noise::new(rng.next_u64()), Noise::new(rng.next_u64()));
    let clearing = uniform(rng, 0.35, 0.9);
    let depth = uniform(rng, 0.15, 0.3);
    let track =
        (unit(rng) < 0.4).then(|| (uniform(rng, 0.0, PI), uniform(rng, 0.2, 0.8) * size as f64));
    Layout::from_fn(size, |x, y| {
        if let Some((angle, offset)) = track {
            let bend = 3.0 * stand.fractal(x, y, 24.0, 2);
            let across =
                x * angle.sin() + (y - size as f64 / 2.0) * angle.cos() + size as f64 / 2.0
                    - offset
                    + bend;
            if across.abs() < 1.0 {
                return (Material::DrySoil, 0.8);
            }
        }
        let shade = (1.0 + depth * crowns.fractal(x, y, 4.0, 2)).max(0.4);
        if stand.fractal(x, y, 22.0, 3) > clearing {
            return (Material::Meadow, 1.0 + 0.05 * crowns.fractal(x, y, 8.0, 2));
        }
        (main, shade * (1.0 + 0.06 * stand.fractal(x, y, 12.0, 2)))
    })
}

/// A broad river or a lake, with banks, sometimes a plume of sediment.
pub(super) fn water(size: usize, main: Material, rng: &mut ChaCha8Rng) -> Layout {
    let extent = size as f64;
    let (shore, ripple) = (Noise::new(rng.next_u64()), Noise::new(rng.next_u64()));
    let river = unit(rng) < 0.5;
    let angle = uniform(rng, 0.0, PI);
    let (wave, phase) = (uniform(rng, 0.04, 0.16) * extent, uniform(rng, 0.0, TAU));
    let half_width = uniform(rng, 0.24, 0.42) * extent;
    let bank = [Material::Meadow, Material::HealthyForest, Material::DrySoil][below(rng, 3)];
    let beach = uniform(rng, 0.0, 3.0);
    let plume = uniform(rng, 0.5, 1.4);
    let (sin, cos) = angle.sin_cos();
    Layout::from_fn(size, |x, y| {
        let (dx, dy) = (x - extent / 2.0, y - extent / 2.0);
        let (along, across) = (dx * cos + dy * sin, dy * cos - dx * sin);
        let rough = 4.0 * shore.fractal(x, y, 14.0, 3);
        // Distance to the shore, positive on land.
        let depth = if river {
            (across - wave * (TAU * along / extent + phase).sin()).abs() - half_width * 0.8 + rough
        } else {
            along.hypot(across * 1.2) - half_width * 1.25 + 2.0 * rough
        };
        if depth > beach {
            (bank, 1.0 + 0.08 * ripple.fractal(x, y, 7.0, 3))
        } else if depth > 0.0 {
            (Material::Sand, 0.8)
        } else if shore.fractal(y, x, 30.0, 2) > plume {
            (
                Material::SedimentWater,
                1.0 + 0.05 * ripple.fractal(x, y, 10.0, 2),
            )
        } else {
            (main, 1.0 + 0.06 * ripple.fractal(x, y, 10.0, 3))
        }
    })
}

/// Streets in a turned grid, houses in gardens, now and then a large roof.
pub(super) fn blocks(size: usize, rng: &mut ChaCha8Rng) -> Layout {
    let angle = uniform(rng, 0.0, PI / 2.0);
    let (block, road) = (uniform(rng, 10.0, 18.0), uniform(rng, 1.5, 3.0));
    let (house, gap) = (uniform(rng, 2.5, 4.5), uniform(rng, 1.5, 3.0));
    let red = uniform(rng, 0.3, 0.9);
    let (choice, grain) = (Noise::new(rng.next_u64()), Noise::new(rng.next_u64()));
    let (sin, cos) = angle.sin_cos();
    Layout::from_fn(size, |x, y| {
        let (u, v) = (x * cos + y * sin + 1000.0, y * cos - x * sin + 1000.0);
        let shade = 1.0 + 0.08 * grain.fractal(x, y, 5.0, 2);
        if u % block < road || v % (block * 1.4) < road {
            return (Material::Asphalt, shade);
        }
        let pitch = house + gap;
        let (lot_u, lot_v) = ((u / pitch).floor(), (v / pitch).floor());
        // One constant value per lot, in 0..1.
        let lot = (choice.fractal(lot_u * 7.0, lot_v * 7.0, 1.0, 1) + 1.0) / 2.0;
        if lot > 0.88 {
            return (Material::BrightRoof, shade);
        }
        if u % pitch < house && v % pitch < house && lot > 0.15 {
            return (
                if lot < red {
                    Material::RedRoof
                } else {
                    Material::Asphalt
                },
                shade * (0.85 + 0.4 * lot),
            );
        }
        (Material::Meadow, shade)
    })
}

/// Sand with wind ripples and patches of dry soil.
pub(super) fn dunes(size: usize, rng: &mut ChaCha8Rng) -> Layout {
    let angle = uniform(rng, 0.0, PI);
    let (ripples, patches) = (Noise::new(rng.next_u64()), Noise::new(rng.next_u64()));
    let (strength, bare) = (uniform(rng, 0.04, 0.14), uniform(rng, 0.1, 0.8));
    let (sin, cos) = angle.sin_cos();
    Layout::from_fn(size, |x, y| {
        let (u, v) = ((x * cos + y * sin) * 3.0, (y * cos - x * sin) * 0.7);
        let shade = 1.0 + strength * ripples.fractal(u, v, 20.0, 4);
        let soil = patches.fractal(x, y, 24.0, 3) > bare;
        (
            if soil {
                Material::DrySoil
            } else {
                Material::Sand
            },
            shade,
        )
    })
}
