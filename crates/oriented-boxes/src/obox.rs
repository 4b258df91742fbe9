//! Centre, sides and angle, under a named convention of the angle.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use crate::quad::check;
use crate::{BoxError, Point, Quad};

/// Which side the angle belongs to, and which range it has. Angles are radians, clockwise on the screen from the x axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AngleConvention {
    /// OpenCV from 4.5.1 on (mmrotate's `oc`): the width is the side whose direction lies in (0, π/2]; either side may be the
    /// longer one.
    OpenCv,
    /// Long edge, 90 degrees: width >= height, angle of the width in [-π/2, π/2).
    Le90,
    /// Long edge, 135 degrees: width >= height, angle of the width in [-π/4, 3π/4).
    Le135,
}

impl AngleConvention {
    /// All conventions.
    pub const ALL: [Self; 3] = [Self::OpenCv, Self::Le90, Self::Le135];

    /// Name as mmrotate writes it: `oc`, `le90`, `le135`.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenCv => "oc",
            Self::Le90 => "le90",
            Self::Le135 => "le135",
        }
    }

    /// Sides and angle of the same rectangle under this convention.
    fn normalise(self, width: f64, height: f64, angle: f64) -> (f64, f64, f64) {
        match self {
            Self::OpenCv => {
                // (0, π/2]: one quarter turn changes the roles of the sides.
                let turns = (angle / FRAC_PI_2).ceil() - 1.0;
                let mut rest = angle - turns * FRAC_PI_2;
                let mut odd = turns.rem_euclid(2.0) == 1.0;
                // The subtraction may round to the open end.
                if rest <= 0.0 {
                    rest = FRAC_PI_2;
                    odd = !odd;
                }
                let rest = rest.min(FRAC_PI_2);
                if odd {
                    (height, width, rest)
                } else {
                    (width, height, rest)
                }
            }
            Self::Le90 | Self::Le135 => {
                let start = if self == Self::Le90 {
                    -FRAC_PI_2
                } else {
                    -FRAC_PI_4
                };
                let (width, height, angle) = if width < height {
                    (height, width, angle + FRAC_PI_2)
                } else {
                    (width, height, angle)
                };
                let mut angle = angle - PI * ((angle - start) / PI).floor();
                if angle >= start + PI {
                    angle = start;
                }
                (width, height, angle.max(start))
            }
        }
    }
}

/// A rectangle by centre, sides and angle.
///
/// The numbers are always those of [`OrientedBox::convention`]; converting keeps the rectangle and changes the numbers. With equal sides
/// the long-edge conventions name one square by two angles a quarter turn apart; the one that was given is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrientedBox {
    center: Point,
    width: f64,
    height: f64,
    angle: f64,
    convention: AngleConvention,
}

impl OrientedBox {
    /// The rectangle whose side `width` has the direction `angle` (radians, any value), named under `convention`.
    ///
    /// # Errors
    /// [`BoxError::Coordinate`] for a number that is not finite or is beyond [`Quad::MAX_COORDINATE`]; [`BoxError::Side`] for a negative
    /// side.
    pub fn new(
        center: Point,
        width: f64,
        height: f64,
        angle: f64,
        convention: AngleConvention,
    ) -> Result<Self, BoxError> {
        for (what, found) in [
            ("centre x", center.x),
            ("centre y", center.y),
            ("width", width),
            ("height", height),
            ("angle", angle),
        ] {
            check(what, found)?;
        }
        for (what, found) in [("width", width), ("height", height)] {
            if found < 0.0 {
                return Err(BoxError::Side { what, found });
            }
        }
        let (width, height, angle) = convention.normalise(width, height, angle);
        Ok(Self {
            center,
            width,
            height,
            angle,
            convention,
        })
    }

    /// The same rectangle under another convention.
    pub fn to(self, convention: AngleConvention) -> Self {
        let (width, height, angle) = convention.normalise(self.width, self.height, self.angle);
        Self {
            width,
            height,
            angle,
            convention,
            ..self
        }
    }

    /// The centre.
    pub fn center(&self) -> Point {
        self.center
    }

    /// The side to which the angle belongs, in pixels.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// The other side, in pixels.
    pub fn height(&self) -> f64 {
        self.height
    }

    /// Direction of the width in radians, clockwise on the screen from the x axis, in the range of the convention.
    pub fn angle(&self) -> f64 {
        self.angle
    }

    /// The convention of the numbers.
    pub fn convention(&self) -> AngleConvention {
        self.convention
    }

    /// `cx, cy, width, height, angle`, as models and mmrotate order them.
    pub fn parameters(&self) -> [f64; 5] {
        [
            self.center.x,
            self.center.y,
            self.width,
            self.height,
            self.angle,
        ]
    }

    /// Area in square pixels.
    pub fn area(&self) -> f64 {
        self.width * self.height
    }

    /// The corners, clockwise on the screen, beginning with the one that is upper left at angle 0 (mmrotate's order).
    pub fn corners(&self) -> [Point; 4] {
        let (w, h) = (self.width / 2.0, self.height / 2.0);
        [(-w, -h), (w, -h), (w, h), (-w, h)].map(|(x, y)| {
            Point::new(x, y)
                .turned(self.angle)
                .moved(self.center.x, self.center.y)
        })
    }

    /// The corners as a quadrilateral.
    ///
    /// # Errors
    /// [`BoxError::Coordinate`] when a corner lies beyond [`Quad::MAX_COORDINATE`].
    pub fn quad(&self) -> Result<Quad, BoxError> {
        Quad::new(self.corners())
    }
}
