//! Which location answers for which object.

use oriented_boxes::{AngleConvention, OrientedBox, Point, Quad, min_area_rect};
use serde::{Deserialize, Serialize};

use crate::HeadError;

/// Settings of [`assign`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AssignConfig {
    /// Upper limit in pixels of the largest distance that each level but the last answers for; the last has none. mmrotate has
    /// 64, 128, 256 and 512 for strides 8 to 128.
    pub limits: Vec<f64>,
    /// Only locations nearer to the centre than this many strides, along both sides of the box, answer for an object; absent: all inside it.
    pub center_radius: Option<f64>,
}

impl Default for AssignConfig {
    fn default() -> Self {
        Self {
            limits: vec![64.0, 128.0, 256.0, 512.0],
            center_radius: Some(1.5),
        }
    }
}

impl AssignConfig {
    /// That the settings fit `levels` levels.
    ///
    /// # Errors
    /// [`HeadError::Setting`].
    pub fn validate(&self, levels: usize) -> Result<(), HeadError> {
        let bad = |name, value: String, allowed: String| {
            Err(HeadError::Setting {
                name,
                value,
                allowed,
            })
        };
        let rising = self.limits.windows(2).all(|pair| pair[0] < pair[1]);
        let legal = self
            .limits
            .iter()
            .all(|limit| limit.is_finite() && *limit > 0.0);
        if !rising || !legal || self.limits.len() + 1 != levels {
            return bad(
                "assign.limits",
                format!("{:?}", self.limits),
                format!(
                    "{} rising numbers of pixels above 0, one for each level but the last",
                    levels.saturating_sub(1)
                ),
            );
        }
        if self
            .center_radius
            .is_some_and(|radius| !(radius.is_finite() && radius > 0.0))
        {
            return bad(
                "assign.center_radius",
                format!("{:?}", self.center_radius),
                "strides, a number above 0, or absent".into(),
            );
        }
        Ok(())
    }
}

/// An object to be learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetObject {
    /// Where, in pixels of the input image, under `le90`.
    pub place: OrientedBox,
    /// Index into the class list.
    pub class: usize,
    /// Whether locations inside it are neither object nor background (objects marked difficult, remains of a cut).
    pub ignored: bool,
}

impl TargetObject {
    /// The object of a labelled quadrilateral: its minimum-area rectangle, so that crossing sides do not matter. `None` for a
    /// quadrilateral without area, which no location can answer for.
    pub fn of_quad(quad: &Quad, class: usize, ignored: bool) -> Option<Self> {
        let place = min_area_rect(quad.corners(), AngleConvention::Le90).ok()?;
        Some(Self {
            place,
            class,
            ignored,
        })
    }
}

/// A location that answers for an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Positive {
    /// Index of the location, counted over all levels, row by row.
    pub location: usize,
    /// Index of the level.
    pub level: usize,
    /// Class of the object.
    pub class: usize,
    /// Pixels to the left, top, right and bottom side in the frame of the box, all above 0.
    pub distances: [f64; 4],
    /// Angle of the box in radians, `le90`.
    pub angle: f64,
}

impl Positive {
    /// `sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b))` (Tian et al. 2019, eq. 3): 1 in the centre, towards 0 at a side.
    pub fn center_ness(&self) -> f64 {
        let [l, t, r, b] = self.distances;
        (l.min(r) / l.max(r) * (t.min(b) / t.max(b))).sqrt()
    }
}

/// What the locations of one image are to say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Assigned {
    /// Locations that answer for an object, rising.
    pub positives: Vec<Positive>,
    /// Locations that count nothing, rising; all others are background.
    pub ignored: Vec<usize>,
    /// Number of locations.
    pub locations: usize,
}

/// Centres of the places of a level, row by row: `((column + 1/2) * stride, (row + 1/2) * stride)`.
pub fn locations([rows, columns]: [usize; 2], stride: usize) -> impl Iterator<Item = Point> {
    let at = move |index: usize| (index as f64 + 0.5) * stride as f64;
    (0..rows).flat_map(move |row| (0..columns).map(move |column| Point::new(at(column), at(row))))
}

/// Assigns the locations of an image to its objects, as mmrotate's `RotatedFCOSHead` does.
///
/// A location answers for an object when it lies strictly inside its box, within [`AssignConfig::center_radius`] of its centre, and the
/// largest of its four distances lies within the limits of its level (both included); of several such objects for that of the smallest area, the first of
/// equal ones. A location that answers for none but lies inside an ignored object counts nothing. Objects outside the image have no
/// location and are not learned; an image without objects is background.
///
/// # Errors
/// [`HeadError::Setting`] for limits that do not fit the levels; [`HeadError::Label`] for a class outside the list.
pub fn assign(
    config: &AssignConfig,
    classes: usize,
    grids: &[[usize; 2]],
    strides: &[usize],
    objects: &[TargetObject],
) -> Result<Assigned, HeadError> {
    config.validate(grids.len())?;
    if grids.len() != strides.len() {
        return Err(HeadError::Length {
            what: "the list of strides",
            expected: grids.len(),
            found: strides.len(),
        });
    }
    if let Some(row) = objects.iter().position(|object| object.class >= classes) {
        return Err(HeadError::Label {
            row,
            label: objects[row].class as i64,
            classes,
        });
    }
    let frames: Vec<Frame> = objects.iter().map(Frame::new).collect();
    let mut found = Assigned::default();
    for (level, (&grid, &stride)) in grids.iter().zip(strides).enumerate() {
        let least = if level == 0 {
            -1.0
        } else {
            config.limits[level - 1]
        };
        let most = config.limits.get(level).copied().unwrap_or(f64::INFINITY);
        let radius = config
            .center_radius
            .map_or(f64::INFINITY, |radius| radius * stride as f64);
        for point in locations(grid, stride) {
            let location = found.locations;
            found.locations += 1;
            let mut best: Option<(f64, Positive)> = None;
            let mut ignored = false;
            for (object, frame) in objects.iter().zip(&frames) {
                let (x, y) = frame.offset(point);
                let distances = frame.distances(x, y);
                if distances.iter().any(|&d| d <= 0.0) {
                    continue;
                }
                if object.ignored {
                    ignored = true;
                    continue;
                }
                let largest = distances.iter().fold(0.0, |m: f64, &d| m.max(d));
                if x.abs() >= radius || y.abs() >= radius || largest < least || largest > most {
                    continue;
                }
                let area = object.place.area();
                if best.as_ref().is_none_or(|(least, _)| area < *least) {
                    let positive = Positive {
                        location,
                        level,
                        class: object.class,
                        distances,
                        angle: object.place.angle(),
                    };
                    best = Some((area, positive));
                }
            }
            match best {
                Some((_, positive)) => found.positives.push(positive),
                None if ignored => found.ignored.push(location),
                None => {}
            }
        }
    }
    Ok(found)
}

/// A box with its rotation at hand.
struct Frame {
    center: Point,
    half: [f64; 2],
    cos: f64,
    sin: f64,
}

impl Frame {
    fn new(object: &TargetObject) -> Self {
        let place = object.place.to(AngleConvention::Le90);
        let (sin, cos) = place.angle().sin_cos();
        Self {
            center: place.center(),
            half: [place.width() / 2.0, place.height() / 2.0],
            cos,
            sin,
        }
    }

    /// From the centre to the point, along width and height.
    fn offset(&self, point: Point) -> (f64, f64) {
        let (x, y) = (point.x - self.center.x, point.y - self.center.y);
        (self.cos * x + self.sin * y, self.cos * y - self.sin * x)
    }

    fn distances(&self, x: f64, y: f64) -> [f64; 4] {
        let [w, h] = self.half;
        [w + x, h + y, w - x, h - y]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(x: f64, y: f64, w: f64, h: f64, angle: f64, class: usize) -> TargetObject {
        let place = OrientedBox::new(Point::new(x, y), w, h, angle, AngleConvention::Le90);
        TargetObject {
            place: place.unwrap(),
            class,
            ignored: false,
        }
    }

    fn two_levels() -> AssignConfig {
        AssignConfig {
            limits: vec![12.0],
            center_radius: None,
        }
    }

    #[test]
    fn every_level_answers_for_objects_of_its_size() {
        let objects = [
            object(16.0, 16.0, 10.0, 8.0, 0.3, 1),
            object(40.0, 40.0, 40.0, 36.0, 0.0, 2),
        ];
        let grids = [[16, 16], [8, 8]];
        let found = assign(&two_levels(), 3, &grids, &[4, 8], &objects).unwrap();
        assert_eq!(found.locations, 256 + 64);
        for positive in &found.positives {
            assert_eq!(positive.level, usize::from(positive.location >= 256));
            let largest = positive.distances.iter().fold(0.0f64, |m, d| m.max(*d));
            // The large box is learned on the coarse level, but for none of its own places on the fine one.
            assert_eq!(positive.level, usize::from(largest > 12.0));
            let [l, t, r, b] = positive.distances;
            let expected = if positive.class == 1 {
                [10.0, 8.0]
            } else {
                [40.0, 36.0]
            };
            assert!((l + r - expected[0]).abs() < 1e-12 && (t + b - expected[1]).abs() < 1e-12);
            assert!((0.0..=1.0).contains(&positive.center_ness()));
        }
        assert!(
            [1, 2]
                .iter()
                .all(|c| found.positives.iter().any(|p| p.class == *c))
        );
    }

    #[test]
    fn objects_that_nothing_can_answer_for_leave_background() {
        let odd = [
            object(-50.0, 10.0, 20.0, 8.0, 0.0, 0),
            object(1e6, 1e6, 20.0, 8.0, 1.0, 0),
            object(16.0, 16.0, 0.0, 0.0, 0.0, 0),
            object(16.0, 16.0, 30.0, 0.0, 0.0, 0),
        ];
        let found = assign(&two_levels(), 1, &[[8, 8], [4, 4]], &[4, 8], &odd).unwrap();
        assert_eq!((found.positives.len(), found.ignored.len()), (0, 0));
        let none = assign(&two_levels(), 1, &[[8, 8], [4, 4]], &[4, 8], &[]).unwrap();
        assert_eq!(none, found);
        // No area, and crossing sides.
        let flat = Quad::from_coordinates([1., 1., 2., 2., 3., 3., 4., 4.]).unwrap();
        assert_eq!(TargetObject::of_quad(&flat, 0, false), None);
        let straight = Quad::from_coordinates([2., 2., 12., 2., 12., 8., 2., 8.]).unwrap();
        let crossed = Quad::from_coordinates([2., 2., 12., 8., 12., 2., 2., 8.]).unwrap();
        let of = |quad| TargetObject::of_quad(quad, 0, false).unwrap().place;
        assert_eq!(of(&crossed).parameters(), of(&straight).parameters());
    }

    #[test]
    fn ignored_objects_are_neither_object_nor_background() {
        let mut objects = [
            object(16.0, 16.0, 16.0, 16.0, 0.0, 0),
            object(14.0, 14.0, 8.0, 8.0, 0.0, 0),
        ];
        objects[0].ignored = true;
        let found = assign(&two_levels(), 1, &[[8, 8], [4, 4]], &[4, 8], &objects).unwrap();
        assert_eq!(found.positives.iter().filter(|p| p.level == 0).count(), 1);
        assert_eq!(found.ignored.iter().filter(|&&at| at < 64).count(), 15);
        assert!(
            found
                .positives
                .iter()
                .all(|p| !found.ignored.contains(&p.location))
        );
    }

    #[test]
    fn settings_and_classes_out_of_range_are_errors() {
        let objects = [object(8.0, 8.0, 4.0, 4.0, 0.0, 3)];
        let label = assign(&two_levels(), 3, &[[4, 4], [2, 2]], &[4, 8], &objects).unwrap_err();
        assert!(matches!(
            label,
            HeadError::Label {
                row: 0,
                label: 3,
                classes: 3
            }
        ));
        for limits in [
            vec![],
            vec![8.0, 4.0],
            vec![f64::NAN],
            vec![0.0],
            vec![1.0, 2.0],
        ] {
            let config = AssignConfig {
                limits,
                center_radius: None,
            };
            assert!(assign(&config, 3, &[[4, 4], [2, 2]], &[4, 8], &[]).is_err());
        }
        let config = AssignConfig {
            center_radius: Some(0.0),
            ..two_levels()
        };
        assert!(assign(&config, 3, &[[4, 4], [2, 2]], &[4, 8], &[]).is_err());
    }
}
