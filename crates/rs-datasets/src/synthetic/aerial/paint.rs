//! From ground and objects to pixels: shadows, objects, noise.

use oriented_boxes::Point;
use rand_chacha::ChaCha8Rng;

use super::ground::{Colour, Ground};
use super::place::Placed;
use super::{AerialClass, AerialConfig};
use crate::random::{normal, uniform};

/// Places looked at per pixel and axis.
const SAMPLES: usize = 2;

/// 8-bit values `[band, row, column]` of a scene.
pub(super) fn paint(
    config: &AerialConfig,
    ground: &Ground,
    objects: &[Placed],
    rng: &mut ChaCha8Rng,
) -> Vec<f32> {
    let size = config.size;
    let light = uniform(rng, 0.85, 1.12);
    let sun = uniform(rng, 0.0, std::f64::consts::TAU);
    let mut pixels: Vec<Colour> = (0..size * size)
        .map(|at| ground.colour((at % size) as f64 + 0.5, (at / size) as f64 + 0.5))
        .collect();
    for object in objects {
        let height = shadow(object.class);
        if height > 0.0 {
            let offset = Point::new(height * sun.cos(), height * sun.sin());
            draw(&mut pixels, size, object, offset, |under, _| {
                under.map(|c| c * 0.55)
            });
        }
    }
    for object in objects {
        draw(&mut pixels, size, object, Point::default(), |_, own| own);
    }
    let area = size * size;
    let mut data = vec![0f32; 3 * area];
    for (at, pixel) in pixels.iter().enumerate() {
        for (band, value) in pixel.iter().enumerate() {
            let noisy = value * light + 3.0 * config.noise * normal(rng);
            data[band * area + at] = noisy.round().clamp(0.0, 255.0) as f32;
        }
    }
    data
}

/// Length of the shadow in pixels.
fn shadow(class: AerialClass) -> f64 {
    match class {
        AerialClass::SmallVehicle => 1.5,
        AerialClass::LargeVehicle | AerialClass::Ship => 3.0,
        AerialClass::Plane | AerialClass::Helicopter => 4.0,
        AerialClass::StorageTank => 5.0,
        AerialClass::TennisCourt
        | AerialClass::SwimmingPool
        | AerialClass::BasketballCourt
        | AerialClass::Roundabout => 0.0,
    }
}

/// Mixes an object into the pixels that it touches; `mix` makes the new colour from the one below and the object's own.
fn draw(
    pixels: &mut [Colour],
    size: usize,
    object: &Placed,
    offset: Point,
    mix: impl Fn(Colour, Colour) -> Colour,
) {
    let bounds = object.quad.bounds();
    let clip = |value: f64| value.clamp(0.0, size as f64) as usize;
    let (sin, cos) = object.heading.sin_cos();
    for row in clip(bounds.top + offset.y - 1.0)..clip(bounds.bottom + offset.y + 2.0) {
        for column in clip(bounds.left + offset.x - 1.0)..clip(bounds.right + offset.x + 2.0) {
            let under = pixels[row * size + column];
            let mut sum = [0.0; 3];
            for sample in 0..SAMPLES * SAMPLES {
                let step = 1.0 / SAMPLES as f64;
                let x = column as f64 + ((sample % SAMPLES) as f64 + 0.5) * step;
                let y = row as f64 + ((sample / SAMPLES) as f64 + 0.5) * step;
                let (dx, dy) = (
                    x - offset.x - object.center.x,
                    y - offset.y - object.center.y,
                );
                let u = 2.0 * (dx * cos + dy * sin) / object.length;
                let v = 2.0 * (dy * cos - dx * sin) / object.width;
                let own = object
                    .look
                    .at(object.class, u, v, object.length, object.width);
                let colour = own.map_or(under, |own| mix(under, own));
                sum.iter_mut().zip(colour).for_each(|(sum, c)| *sum += c);
            }
            pixels[row * size + column] = sum.map(|c| c / (SAMPLES * SAMPLES) as f64);
        }
    }
}
