//! Which cut objects stay, by the rule of DOTA's development kit.

use oriented_boxes::{Bounds, OddPieces, cut_to_window};
use serde::{Deserialize, Serialize};

use super::OrientedObject;
use crate::DataError;

/// What becomes of an object of which too little is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remainder {
    /// It stays with difficulty 2, so that it is neither trained on nor background (the development kit).
    #[default]
    Difficult,
    /// It goes.
    Drop,
}

/// How objects are cut at the border of a window.
///
/// The default is the development kit's `ImgSplit`: an object stays as it was labelled when **more than** 0.7 of its area is inside, otherwise
/// it gets difficulty 2; the piece becomes a quadrilateral (of five corners the shortest side shrinks to a point), and a piece
/// of three or more than five corners is left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CutRule {
    /// Share of the area that must be exceeded, 0 to 1.
    pub min_share: f64,
    /// What becomes of the others.
    pub remainder: Remainder,
    /// Whether a piece that is no quadrilateral becomes its minimum-area rectangle instead of being left out.
    pub rectangles: bool,
}

impl Default for CutRule {
    fn default() -> Self {
        Self {
            min_share: 0.7,
            remainder: Remainder::Difficult,
            rectangles: false,
        }
    }
}

impl CutRule {
    /// That the share is one.
    ///
    /// # Errors
    /// [`DataError::Setting`].
    pub fn validate(&self) -> Result<(), DataError> {
        if (0.0..=1.0).contains(&self.min_share) {
            return Ok(());
        }
        Err(DataError::Setting {
            what: "cut of objects".into(),
            detail: format!("min_share {}; expected 0 to 1", self.min_share),
        })
    }

    /// The objects that a window shows, in pixels of the image that it is cut from.
    pub fn cut(&self, objects: &[OrientedObject], window: &Bounds) -> Vec<OrientedObject> {
        let odd = if self.rectangles {
            OddPieces::Rectangle
        } else {
            OddPieces::Drop
        };
        objects
            .iter()
            .filter_map(|object| {
                let piece = cut_to_window(&object.quad, window, odd);
                let quad = piece.quad?;
                let difficulty = match (piece.share > self.min_share, self.remainder) {
                    // Nothing was cut: a share of 1 stays whatever the limit.
                    _ if piece.share >= 1.0 => object.difficulty,
                    (true, _) => object.difficulty,
                    (false, Remainder::Difficult) => 2,
                    (false, Remainder::Drop) => return None,
                };
                Some(OrientedObject {
                    quad,
                    difficulty,
                    ..*object
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oriented_boxes::Quad;

    fn square(left: f64) -> OrientedObject {
        let quad = Quad::from_bounds(&Bounds {
            left,
            top: 2.0,
            right: left + 10.0,
            bottom: 8.0,
        });
        OrientedObject {
            quad: quad.unwrap(),
            class: 3,
            difficulty: 0,
        }
    }

    #[test]
    fn more_than_the_share_stays_and_less_is_difficult_or_dropped() {
        let window = Bounds::of_image(20, 10);
        let all = [
            square(12.5),
            square(13.0),
            square(14.0),
            square(20.0),
            square(5.0),
        ];
        let cut = |rule: CutRule| -> Vec<(f64, u8)> {
            rule.cut(&all, &window)
                .iter()
                .map(|o| (o.quad.bounds().left, o.difficulty))
                .collect()
        };
        // Shares 0.75, 0.7 (not more than 0.7), 0.6, 0, 1.
        assert_eq!(
            cut(CutRule::default()),
            [(12.5, 0), (13.0, 2), (14.0, 2), (5.0, 0)]
        );
        let drop = CutRule {
            remainder: Remainder::Drop,
            ..CutRule::default()
        };
        assert_eq!(cut(drop), [(12.5, 0), (5.0, 0)]);
        let bounds = CutRule::default().cut(&all[..1], &window)[0].quad.bounds();
        assert_eq!((bounds.right, bounds.bottom), (20.0, 8.0));
        let bad = CutRule {
            min_share: f64::NAN,
            ..CutRule::default()
        };
        assert!(bad.validate().is_err() && CutRule::default().validate().is_ok());
    }
}
