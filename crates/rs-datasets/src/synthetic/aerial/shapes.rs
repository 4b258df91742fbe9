//! What objects look like: colour at a place of their own frame.
//!
//! The frame runs from -1 to 1 along the length (u, the front at 1) and along the width (v). A place without colour is ground.

use rand_chacha::ChaCha8Rng;

use super::AerialClass;
use super::ground::Colour;
use crate::random::{below, uniform};

/// Chance in the look of one object, drawn once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Main colour.
    main: Colour,
    /// Second colour.
    second: Colour,
    /// Free number, 0 to 1.
    variant: f64,
}

/// Colours of cars and lorries.
const PAINT: [Colour; 7] = [
    [225.0, 225.0, 222.0],
    [180.0, 182.0, 186.0],
    [60.0, 62.0, 66.0],
    [168.0, 44.0, 40.0],
    [44.0, 70.0, 134.0],
    [206.0, 196.0, 166.0],
    [98.0, 104.0, 100.0],
];

impl Look {
    pub(super) fn draw(class: AerialClass, rng: &mut ChaCha8Rng) -> Self {
        let paint = PAINT[below(rng, PAINT.len())];
        let tone = uniform(rng, 0.88, 1.1);
        let variant = uniform(rng, 0.0, 1.0);
        let (main, second): (Colour, Colour) = match class {
            AerialClass::SmallVehicle => (paint, [38.0, 44.0, 52.0]),
            AerialClass::LargeVehicle => (paint, [214.0, 214.0, 208.0]),
            AerialClass::Ship => (
                [196.0, 194.0, 188.0],
                if variant < 0.5 {
                    [150.0, 88.0, 66.0]
                } else {
                    [120.0, 128.0, 134.0]
                },
            ),
            AerialClass::Plane => ([232.0, 232.0, 234.0], [140.0, 150.0, 170.0]),
            AerialClass::StorageTank => ([222.0, 222.0, 216.0], [168.0, 168.0, 164.0]),
            AerialClass::TennisCourt => (
                if variant < 0.5 {
                    [62.0, 112.0, 150.0]
                } else {
                    [76.0, 128.0, 92.0]
                },
                if variant < 0.5 {
                    [72.0, 128.0, 90.0]
                } else {
                    [158.0, 96.0, 78.0]
                },
            ),
            AerialClass::SwimmingPool => ([72.0, 184.0, 208.0], [214.0, 210.0, 198.0]),
            AerialClass::BasketballCourt => ([182.0, 110.0, 72.0], [108.0, 72.0, 60.0]),
            AerialClass::Roundabout => ([98.0, 98.0, 102.0], [82.0, 122.0, 66.0]),
            AerialClass::Helicopter => (
                if variant < 0.5 {
                    [86.0, 94.0, 74.0]
                } else {
                    [210.0, 60.0, 48.0]
                },
                [40.0, 40.0, 44.0],
            ),
        };
        Self {
            main: main.map(|c| (c * tone).min(255.0)),
            second: second.map(|c| (c * tone).min(255.0)),
            variant,
        }
    }

    /// Colour at (u, v), `None` where the ground shows. `length` and `width` in pixels give thin lines their width.
    pub(super) fn at(
        &self,
        class: AerialClass,
        u: f64,
        v: f64,
        length: f64,
        width: f64,
    ) -> Option<Colour> {
        let (au, av) = (u.abs(), v.abs());
        if au > 1.0 || av > 1.0 {
            return None;
        }
        let (main, second) = (self.main, self.second);
        // Lines of a court: one pixel wide.
        let near = |a: f64, at: f64, extent: f64| (a - at).abs() * extent / 2.0 < 0.55;
        const LINE: Colour = [232.0, 232.0, 228.0];
        match class {
            AerialClass::SmallVehicle => {
                // Round corners; windscreen and rear window dark.
                if au > 0.9 && av > 0.75 {
                    return None;
                }
                let window = av < 0.8 && ((0.2..0.45).contains(&u) || (-0.75..-0.55).contains(&u));
                Some(if window { second } else { main })
            }
            AerialClass::LargeVehicle => {
                if (0.52..0.6).contains(&u) {
                    return (av < 0.4).then_some([50.0; 3]);
                }
                if u > 0.6 {
                    let window = (0.82..0.92).contains(&u);
                    return (av < 0.94).then_some(if window { [36.0, 42.0, 50.0] } else { main });
                }
                Some(second.map(|c| c * (1.0 - 0.08 * f64::from(u8::from(av > 0.8)))))
            }
            AerialClass::Ship => {
                // Straight hull, pointed bow.
                let half = if u > 0.45 {
                    ((1.0 - u) / 0.55).powf(0.6)
                } else if u < -0.9 {
                    0.8
                } else {
                    1.0
                };
                if av > half {
                    return None;
                }
                let bridge = (-0.75..-0.45).contains(&u) && av < 0.7;
                let deck = av < half - 0.2 && !bridge;
                let hatch =
                    deck && (u * 5.0 + self.variant).rem_euclid(1.0) < 0.7 && u > -0.4 && u < 0.5;
                Some(if bridge {
                    [238.0, 238.0, 234.0]
                } else if hatch {
                    second
                } else if deck {
                    main.map(|c| c * 0.85)
                } else {
                    main
                })
            }
            AerialClass::Plane => {
                let fuselage = av < 0.1 * (1.0 - (au - 0.75).max(0.0) * 3.2);
                // Swept wings, then the tail.
                let sweep = u - (0.28 - 0.5 * av);
                let wing = sweep.abs() < 0.17 * (1.2 - av);
                let tail_sweep = u + 0.8 + 0.25 * av;
                let tail = av < 0.36 && tail_sweep.abs() < 0.1;
                let engine = [0.34, 0.6].iter().any(|&at| (av - at).abs() < 0.045)
                    && (0.0..0.3).contains(&(u - (0.16 - 0.5 * av)));
                if fuselage {
                    let cockpit = u > 0.86;
                    return Some(if cockpit { [70.0, 78.0, 90.0] } else { main });
                }
                if engine {
                    return Some(second);
                }
                (wing || tail).then_some(main.map(|c| c * 0.94))
            }
            AerialClass::StorageTank => {
                let r = u.hypot(v);
                if r > 1.0 {
                    return None;
                }
                // The sun from the upper left, a rim and a stair.
                let light = 1.0 - 0.1 * (u + v);
                let stair = (v.atan2(u) - std::f64::consts::TAU * self.variant)
                    .sin()
                    .abs()
                    < 0.06
                    && r > 0.3;
                Some(if r > 0.9 || stair {
                    second
                } else {
                    main.map(|c| (c * light).min(255.0))
                })
            }
            AerialClass::TennisCourt => {
                let inner = au < 0.72 && av < 0.72;
                let line = (near(au, 0.72, length) && av < 0.74)
                    || (near(av, 0.72, width) && au < 0.74)
                    || (near(av, 0.54, width) && au < 0.72)
                    || (near(au, 0.38, length) && av < 0.54)
                    || (near(v, 0.0, width) && au < 0.38);
                let net = near(u, 0.0, length) && av < 0.78;
                Some(if net {
                    [52.0, 56.0, 58.0]
                } else if line {
                    LINE
                } else if inner {
                    main
                } else {
                    second
                })
            }
            AerialClass::SwimmingPool => {
                let corner = (au - 0.7).max(0.0).hypot((av - 0.7).max(0.0)) > 0.3;
                if corner {
                    return None;
                }
                let rim = au > 0.88 || av > 0.84;
                let lane = (v * 2.5 + self.variant).rem_euclid(1.0) < 0.12;
                Some(if rim {
                    second
                } else if lane {
                    main.map(|c| c * 0.88)
                } else {
                    main
                })
            }
            AerialClass::BasketballCourt => {
                let key = au > 0.6 && au < 0.92 && av < 0.28;
                let ring = |r: f64, at: f64| {
                    let (x, y) = ((au - at) * length / 2.0, v * width / 2.0);
                    (x.hypot(y) - r).abs() < 0.55
                };
                let line = (near(au, 0.92, length) && av < 0.9)
                    || (near(av, 0.88, width) && au < 0.93)
                    || near(u, 0.0, length) && av < 0.88
                    || ring(0.12 * length, 0.0)
                    || (ring(0.2 * length, 0.9) && au < 0.92);
                Some(if line {
                    LINE
                } else if key || au > 0.93 || av > 0.9 {
                    second
                } else {
                    main
                })
            }
            AerialClass::Roundabout => {
                let r = u.hypot(v);
                if r > 1.0 {
                    return None;
                }
                if r < 0.52 {
                    let tree = (7.0 * u + self.variant).sin() * (6.0 * v).cos() > 0.45;
                    return Some(if tree { [48.0, 78.0, 42.0] } else { second });
                }
                let marked = (r - 0.77).abs() < 0.02 && (v.atan2(u) * 5.0).sin() > 0.0;
                Some(if r < 0.57 || marked { [190.0; 3] } else { main })
            }
            AerialClass::Helicopter => {
                // The disc of the rotor defines the width; its hub sits in front of the middle.
                let (x, y) = ((u - 0.3) * length / 2.0, v * width / 2.0);
                let turn = self.variant * 1.57;
                let (a, b) = (
                    x * turn.cos() + y * turn.sin(),
                    y * turn.cos() - x * turn.sin(),
                );
                let blade = (a.abs() < 0.8 || b.abs() < 0.8) && x.hypot(y) < width / 2.0;
                let body = ((u - 0.35) / 0.42).powi(2) + (v / 0.3).powi(2) < 1.0;
                let boom = (-0.95..0.1).contains(&u) && av < 0.07;
                let fin = (-1.0..-0.86).contains(&u) && av < 0.26;
                if blade {
                    return Some(second);
                }
                if body && u > 0.55 {
                    return Some([60.0, 72.0, 84.0]);
                }
                (body || boom || fin).then_some(main)
            }
        }
    }
}
