//! From a precision-recall curve to a number.

use serde::{Deserialize, Serialize};

use super::Curve;

/// How the curve is averaged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApMethod {
    /// Mean of the best precision at recalls of at least 0, 0.1, ... 1 (PASCAL VOC 2007; what DOTA reports).
    #[default]
    Voc07,
    /// Area under the curve made falling (PASCAL VOC 2010 to 2012).
    Area,
}

/// Average precision of a class, 0 to 1; `None` when no object was asked for, 0 when nothing was detected.
pub fn average_precision(curve: &Curve, method: ApMethod) -> Option<f64> {
    if curve.positives() == 0 {
        return None;
    }
    let (recall, mut best) = (curve.recall(), curve.precision());
    // The best precision at this recall or a larger one. Recall never falls along the curve, so a suffix maximum does it.
    for at in (1..best.len()).rev() {
        best[at - 1] = best[at - 1].max(best[at]);
    }
    Some(match method {
        ApMethod::Voc07 => {
            let reached = |wanted: f64| {
                let at = recall.partition_point(|&r| r < wanted);
                best.get(at).copied().unwrap_or(0.0)
            };
            // As the published code writes them: 3 * 0.1 is more than 0.3, so a recall of 3 in 10 does not reach it.
            (0..11).map(|k| reached(f64::from(k) * 0.1)).sum::<f64>() / 11.0
        }
        ApMethod::Area => {
            let mut before = 0.0;
            let mut area = 0.0;
            for (&recall, &precision) in recall.iter().zip(&best) {
                area += (recall - before) * precision;
                before = recall;
            }
            area
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oriented::CurveCounts;

    fn curve(positives: usize, rights: &[bool]) -> Curve {
        let mut curve = Curve::new(positives, rights.len());
        let mut counts = CurveCounts::default();
        for (at, &right) in rights.iter().enumerate() {
            counts.right += usize::from(right);
            counts.wrong += usize::from(!right);
            curve.push(1.0 - at as f64, counts);
        }
        curve
    }

    #[test]
    fn hand_computed_curves() {
        let both = |c: &Curve| {
            [ApMethod::Voc07, ApMethod::Area].map(|method| average_precision(c, method).unwrap())
        };
        let near = |found: [f64; 2], expected: [f64; 2]| {
            assert!(
                found
                    .iter()
                    .zip(expected)
                    .all(|(a, b)| (a - b).abs() < 1e-12),
                "{found:?}"
            );
        };
        near(both(&curve(2, &[true, true])), [1.0, 1.0]);
        // Right, wrong, right: precision 1 up to recall 1/2, then 2/3.
        near(
            both(&curve(2, &[true, false, true])),
            [(6.0 + 5.0 * 2.0 / 3.0) / 11.0, 0.5 + 0.5 * 2.0 / 3.0],
        );
        // Recall 3 of 10 does not reach 3 * 0.1.
        near(both(&curve(10, &[true; 3])), [3.0 / 11.0, 0.3]);
        near(both(&curve(3, &[])), [0.0, 0.0]);
        near(both(&curve(3, &[false, false])), [0.0, 0.0]);
        assert_eq!(average_precision(&curve(0, &[false]), ApMethod::Area), None);
    }
}
