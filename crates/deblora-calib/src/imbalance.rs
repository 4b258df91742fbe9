//! How imbalanced a class is, how far it is moved because of that, and which classes are tail.

use crate::error::CalibError;

/// The imbalance ratio `ir` of a class. The paper does not define it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImbalanceRatio {
    /// Rows of the largest class over rows of this one.
    #[default]
    LargestClass,
    /// Mean rows of the head classes ([`thirds`]) over rows of this one.
    HeadMean,
    /// Mean rows of all classes that have rows over rows of this one.
    ClassMean,
    /// Rows of the largest class over rows of the smallest one that has any: the same for every class.
    WholeSet,
}

impl ImbalanceRatio {
    /// The ratio of every class, from rows per class; infinite for a class without rows.
    ///
    /// # Errors
    /// When no class has rows.
    pub fn of(self, sizes: &[usize]) -> Result<Vec<f64>, CalibError> {
        let present: Vec<usize> = sizes.iter().copied().filter(|&n| n > 0).collect();
        let (Some(&largest), Some(&smallest)) = (present.iter().max(), present.iter().min()) else {
            return Err(CalibError::Empty {
                what: "the list of classes",
            });
        };
        let mean = |counts: &[usize]| counts.iter().sum::<usize>() as f64 / counts.len() as f64;
        let reference = match self {
            Self::LargestClass | Self::WholeSet => largest as f64,
            Self::ClassMean => mean(&present),
            Self::HeadMean => {
                let head: Vec<usize> = thirds(sizes).head.iter().map(|&c| sizes[c]).collect();
                // Fewer than three classes have no head third; the largest class stands for it.
                if head.is_empty() {
                    largest as f64
                } else {
                    mean(&head)
                }
            }
        };
        let ratio = |&n: &usize| match (n, self) {
            (0, _) => f64::INFINITY,
            (_, Self::WholeSet) => reference / smallest as f64,
            (n, _) => reference / n as f64,
        };
        Ok(sizes.iter().map(ratio).collect())
    }
}

/// `α = max(floor, min(1, numerator / ir))`: how much of a row stays. The paper has numerator 10 and no floor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlphaRule {
    /// Classes with an imbalance ratio up to this stay as they are; finite, above 0.
    pub numerator: f64,
    /// No class is moved further than this leaves of it; 0 to 1.
    pub floor: f64,
}

impl Default for AlphaRule {
    fn default() -> Self {
        Self {
            numerator: 10.0,
            floor: 0.0,
        }
    }
}

impl AlphaRule {
    /// α for an imbalance ratio; never rises with it, 0 at infinity unless there is a floor.
    ///
    /// # Errors
    /// When an option is outside its range, or the ratio is NaN or not above 0.
    pub fn alpha(&self, ratio: f64) -> Result<f64, CalibError> {
        let value = |name, expected, found: f64| CalibError::Value {
            name,
            expected,
            found: found.to_string(),
        };
        if !(self.numerator.is_finite() && self.numerator > 0.0) {
            return Err(value(
                "numerator",
                "a finite number above 0",
                self.numerator,
            ));
        }
        if !(0.0..=1.0).contains(&self.floor) {
            return Err(value("floor", "0 to 1", self.floor));
        }
        if ratio.is_nan() || ratio <= 0.0 {
            return Err(value("the imbalance ratio", "above 0", ratio));
        }
        Ok((self.numerator / ratio).min(1.0).max(self.floor))
    }
}

/// Classes by size: a third each, the larger thirds last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thirds {
    /// The largest classes.
    pub head: Vec<usize>,
    /// Those between.
    pub middle: Vec<usize>,
    /// The smallest classes.
    pub tail: Vec<usize>,
}

/// Splits the classes that have rows into thirds by size, largest first, equal ones by number. Of ten classes three are head, three
/// middle, four tail.
pub fn thirds(sizes: &[usize]) -> Thirds {
    let mut order: Vec<usize> = (0..sizes.len()).filter(|&c| sizes[c] > 0).collect();
    order.sort_by_key(|&c| (std::cmp::Reverse(sizes[c]), c));
    let third = order.len() / 3;
    let tail_starts = third + (order.len() - third) / 2;
    Thirds {
        head: order[..third].to_vec(),
        middle: order[third..tail_starts].to_vec(),
        tail: order[tail_starts..].to_vec(),
    }
}

/// Which classes are tail.
#[derive(Debug, Clone, PartialEq)]
pub enum Tail {
    /// Classes with an imbalance ratio above this.
    Imbalance {
        /// The bound.
        above: f64,
    },
    /// These classes.
    Classes(Vec<usize>),
    /// The tail of [`thirds`].
    SmallestThird,
    /// Classes with fewer rows than this (long-tailed benchmarks of natural images: 20).
    FewerThan(usize),
}

impl Default for Tail {
    /// Imbalance above 10: the classes that the paper's α moves.
    fn default() -> Self {
        Self::Imbalance { above: 10.0 }
    }
}

impl Tail {
    /// The tail classes in ascending order. Classes without rows are never among them, unless they were listed.
    ///
    /// # Errors
    /// When a listed class does not exist or has no rows, or no class has rows.
    pub fn of(&self, sizes: &[usize], ratio: ImbalanceRatio) -> Result<Vec<usize>, CalibError> {
        let ratios = ratio.of(sizes)?;
        let present = (0..sizes.len()).filter(|&c| sizes[c] > 0);
        let mut tail: Vec<usize> = match self {
            Self::Imbalance { above } => present.filter(|&c| ratios[c] > *above).collect(),
            Self::FewerThan(rows) => present.filter(|&c| sizes[c] < *rows).collect(),
            Self::SmallestThird => thirds(sizes).tail,
            Self::Classes(list) => {
                for (row, &class) in list.iter().enumerate() {
                    match sizes.get(class) {
                        None => {
                            return Err(CalibError::Label {
                                what: "tail class",
                                row,
                                label: class,
                                count: sizes.len(),
                            });
                        }
                        Some(0) => {
                            return Err(CalibError::EmptyClass {
                                class,
                                what: "the training set",
                            });
                        }
                        Some(_) => {}
                    }
                }
                list.clone()
            }
        };
        tail.sort_unstable();
        tail.dedup();
        Ok(tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_by_every_definition() {
        let sizes = [1000, 500, 100, 50, 20, 10, 0];
        let of = |r: ImbalanceRatio| r.of(&sizes).unwrap();
        assert_eq!(
            of(ImbalanceRatio::LargestClass)[..6],
            [1.0, 2.0, 10.0, 20.0, 50.0, 100.0]
        );
        assert_eq!(of(ImbalanceRatio::HeadMean)[5], 75.0);
        assert_eq!(of(ImbalanceRatio::ClassMean)[5], 28.0);
        assert_eq!(of(ImbalanceRatio::WholeSet)[..6], [100.0; 6]);
        assert!(of(ImbalanceRatio::LargestClass)[6].is_infinite());
        assert!(ImbalanceRatio::default().of(&[0, 0]).is_err());
        assert_eq!(ImbalanceRatio::HeadMean.of(&[4, 2]).unwrap(), [1.0, 2.0]);
    }

    /// Ten classes of EuroSAT cut to an imbalance of 50.
    #[test]
    fn alphas_of_a_known_case() {
        let sizes = [1000, 647, 419, 271, 176, 114, 74, 48, 31, 20];
        let ratios = ImbalanceRatio::default().of(&sizes).unwrap();
        let alphas: Vec<f64> = ratios
            .iter()
            .map(|&r| AlphaRule::default().alpha(r).unwrap())
            .collect();
        assert_eq!(alphas[..6], [1.0; 6]);
        for (found, wanted) in alphas[6..].iter().zip([0.74, 0.48, 0.31, 0.20]) {
            assert!((found - wanted).abs() < 1e-12);
        }
        assert_eq!(thirds(&sizes).tail, [6, 7, 8, 9]);
        let tail = Tail::default()
            .of(&sizes, ImbalanceRatio::default())
            .unwrap();
        assert_eq!(tail, [6, 7, 8, 9]);
        let fewer = Tail::FewerThan(48).of(&sizes, ImbalanceRatio::default());
        assert_eq!(fewer.unwrap(), [8, 9]);
        let list = Tail::Classes(vec![3, 1, 3]).of(&sizes, ImbalanceRatio::default());
        assert_eq!(list.unwrap(), [1, 3]);
    }

    #[test]
    fn options_outside_their_range() {
        let rule = |numerator, floor| AlphaRule { numerator, floor };
        assert!(rule(0.0, 0.0).alpha(1.0).is_err());
        assert!(rule(f64::NAN, 0.0).alpha(1.0).is_err());
        assert!(rule(10.0, 1.1).alpha(1.0).is_err());
        assert!(rule(10.0, 0.0).alpha(0.0).is_err());
        assert_eq!(rule(10.0, 0.0).alpha(f64::INFINITY).unwrap(), 0.0);
        assert_eq!(rule(10.0, 0.3).alpha(1000.0).unwrap(), 0.3);
        let ratio = ImbalanceRatio::default();
        assert!(Tail::Classes(vec![5]).of(&[1, 2], ratio).is_err());
        assert!(Tail::Classes(vec![0]).of(&[0, 2], ratio).is_err());
    }
}
