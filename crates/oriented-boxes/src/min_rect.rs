//! Minimum-area rectangle.

use crate::{AngleConvention, BoxError, OrientedBox, Point, convex_hull};

/// The rectangle of least area around some points, under the given convention.
///
/// One of its sides lies on a side of the convex hull (Freeman and Shapira, 1975), so all sides are tried; of equal areas (within
/// 1e-12) the first side from the leftmost corner on counts. A rectangle's corners give that rectangle back.
///
/// # Errors
/// [`BoxError::NoArea`] when the points are fewer than three or lie on one line; [`BoxError::Coordinate`] for points that are not finite or
/// too far out.
pub fn min_area_rect(
    points: &[Point],
    convention: AngleConvention,
) -> Result<OrientedBox, BoxError> {
    for point in points {
        crate::quad::check("x", point.x)?;
        crate::quad::check("y", point.y)?;
    }
    let hull = convex_hull(points);
    if hull.len() < 3 {
        return Err(BoxError::NoArea {
            what: "minimum-area rectangle",
            points: points.len(),
        });
    }
    // Around a corner of the hull, so that far-away boxes lose no digits.
    let origin = hull[0];
    let mut best: Option<(f64, OrientedBox)> = None;
    for (index, &from) in hull.iter().enumerate() {
        let to = hull[(index + 1) % hull.len()];
        let angle = (to.y - from.y).atan2(to.x - from.x);
        let length = from.distance(to);
        let (ux, uy) = ((to.x - from.x) / length, (to.y - from.y) / length);
        let mut span = [f64::INFINITY, f64::NEG_INFINITY];
        let mut reach = [f64::INFINITY, f64::NEG_INFINITY];
        for point in &hull {
            let (x, y) = (point.x - origin.x, point.y - origin.y);
            let (along, across) = (x * ux + y * uy, y * ux - x * uy);
            span = [span[0].min(along), span[1].max(along)];
            reach = [reach[0].min(across), reach[1].max(across)];
        }
        let (width, height) = (span[1] - span[0], reach[1] - reach[0]);
        let area = width * height;
        if best
            .as_ref()
            .is_none_or(|(least, _)| area < least * (1.0 - 1e-12))
        {
            let (u, v) = ((span[0] + span[1]) / 2.0, (reach[0] + reach[1]) / 2.0);
            let center = Point::new(origin.x + u * ux - v * uy, origin.y + u * uy + v * ux);
            best = Some((
                area,
                OrientedBox::new(center, width, height, angle, convention)?,
            ));
        }
    }
    best.map(|(_, found)| found).ok_or(BoxError::NoArea {
        what: "minimum-area rectangle",
        points: points.len(),
    })
}
