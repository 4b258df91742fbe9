//! Where objects stand: on the right ground, and none on another.

use std::f64::consts::TAU;

use oriented_boxes::{AngleConvention, OrientedBox, Point, Prepared, Quad};
use rand_chacha::ChaCha8Rng;

use super::ground::Ground;
use super::shapes::Look;
use super::{AerialClass, AerialConfig};
use crate::DataError;
use crate::random::{below, uniform, unit};

/// Pixels between two objects at least.
const GAP: f64 = 3.0;
/// Places tried for an object before it is given up.
const TRIES: usize = 30;

/// An object in its scene.
pub(super) struct Placed {
    pub(super) class: AerialClass,
    pub(super) center: Point,
    pub(super) length: f64,
    pub(super) width: f64,
    /// Direction of the front in radians, clockwise on the screen.
    pub(super) heading: f64,
    pub(super) look: Look,
    /// Corners from the front left one, clockwise on the screen.
    pub(super) quad: Quad,
}

/// Draws the objects of a scene. All lie inside it.
pub(super) fn place(
    config: &AerialConfig,
    ground: &Ground,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Placed>, DataError> {
    let [least, most] = config.objects;
    let empty = unit(rng) < config.empty_share;
    let wanted = least + below(rng, most - least + 1);
    if empty {
        return Ok(Vec::new());
    }
    let classes = AerialClass::ALL.len();
    let weights: Vec<f64> = (0..classes)
        .map(|k| {
            config
                .imbalance_factor
                .powf(-(k as f64) / (classes - 1) as f64)
        })
        .collect();
    let total: f64 = weights.iter().sum();
    let mut placed: Vec<Placed> = Vec::new();
    let mut taken: Vec<Prepared> = Vec::new();
    for _ in 0..wanted {
        let mut rest = unit(rng) * total;
        let at = weights.iter().position(|weight| {
            rest -= weight;
            rest < 0.0
        });
        let class = AerialClass::ALL[at.unwrap_or(0)];
        for _ in 0..TRIES {
            let candidate = draw(class, config.size as f64, rng)?;
            if !stands(&candidate, ground, config.size as f64) {
                continue;
            }
            let wide = Prepared::new(&corners(&candidate, GAP)?);
            if taken
                .iter()
                .all(|other| wide.intersection_area(other) == 0.0)
            {
                taken.push(Prepared::new(&candidate.quad));
                placed.push(candidate);
                break;
            }
        }
    }
    Ok(placed)
}

fn draw(class: AerialClass, size: f64, rng: &mut ChaCha8Rng) -> Result<Placed, DataError> {
    let (lengths, shares) = class.extent();
    let length = uniform(rng, lengths[0], lengths[1]);
    let width = length * uniform(rng, shares[0], shares[1]);
    let center = Point::new(uniform(rng, 0.0, size), uniform(rng, 0.0, size));
    let heading = uniform(rng, 0.0, TAU);
    let mut placed = Placed {
        class,
        center,
        length,
        width,
        heading: if class.is_round() { 0.0 } else { heading },
        look: Look::draw(class, rng),
        quad: Quad::new([center; 4]).map_err(bug)?,
    };
    placed.quad = corners(&placed, 0.0)?;
    Ok(placed)
}

/// The corners with a margin around, from the front left one on.
fn corners(placed: &Placed, margin: f64) -> Result<Quad, DataError> {
    let b = OrientedBox::new(
        placed.center,
        placed.length + 2.0 * margin,
        placed.width + 2.0 * margin,
        0.0,
        AngleConvention::Le90,
    )
    .map_err(bug)?;
    // The front left corner is (1, -1) in the object's own frame.
    let [back_left, front_left, front_right, back_right] = b.corners();
    Quad::new([front_left, front_right, back_right, back_left])
        .and_then(|quad| {
            quad.map(|p| {
                p.moved(-placed.center.x, -placed.center.y)
                    .turned(placed.heading)
                    .moved(placed.center.x, placed.center.y)
            })
        })
        .map_err(bug)
}

/// Whether the object lies inside the scene and on its ground.
fn stands(placed: &Placed, ground: &Ground, size: f64) -> bool {
    let bounds = placed.quad.bounds();
    let inside = bounds.left >= 1.0
        && bounds.top >= 1.0
        && bounds.right <= size - 1.0
        && bounds.bottom <= size - 1.0;
    inside
        && placed
            .quad
            .corners()
            .iter()
            .chain([&placed.center])
            .all(|p| ground.allows(p.x, p.y, placed.class.on_water(), 4.0))
}

fn bug(error: oriented_boxes::BoxError) -> DataError {
    DataError::Setting {
        what: "aerial scenes".into(),
        detail: error.to_string(),
    }
}
