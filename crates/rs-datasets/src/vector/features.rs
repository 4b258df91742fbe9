//! Polygons in ground coordinates.

/// Rings of a polygon, outer and inner alike: a point is inside where a ray from it crosses them an odd number of times. Ground
/// coordinates (x, y), x to the east; a ring's last point is not its first again.
pub type Polygon = Vec<Vec<[f64; 2]>>;

/// One or several polygons of one class.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// The class as the file names it.
    pub class: String,
    /// The polygons, each with its rings.
    pub polygons: Vec<Polygon>,
}

/// The polygons of a file in its order; where two overlap, the later one counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// EPSG code of the coordinate reference system; `None` where the file does not say.
    pub epsg: Option<u32>,
    /// The polygons.
    pub features: Vec<Feature>,
}

impl Feature {
    /// Least and greatest x and y, `[x0, y0, x1, y1]`.
    pub fn bounds(&self) -> [f64; 4] {
        let start = [
            f64::INFINITY,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NEG_INFINITY,
        ];
        self.polygons
            .iter()
            .flatten()
            .flatten()
            .fold(start, |[a, b, c, d], &[x, y]| {
                [a.min(x), b.min(y), c.max(x), d.max(y)]
            })
    }
}

/// Drops the repeated last point; `None` for a ring without area.
pub(super) fn ring(mut points: Vec<[f64; 2]>) -> Option<Vec<[f64; 2]>> {
    while points.len() > 1 && points.first() == points.last() {
        points.pop();
    }
    (points.len() >= 3).then_some(points)
}
