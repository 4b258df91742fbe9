//! Student's t distribution, for intervals of the mean of a few seeds.

use super::incomplete_beta;

/// Student's t distribution with a given number of degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudentT {
    df: f64,
}

impl StudentT {
    /// The distribution with `df > 0` degrees of freedom; `None` otherwise.
    pub fn new(df: f64) -> Option<Self> {
        (df > 0.0 && df.is_finite()).then_some(Self { df })
    }

    /// P(T > t).
    pub fn tail(&self, t: f64) -> f64 {
        if t.is_nan() {
            return f64::NAN;
        }
        if t < 0.0 {
            return 1.0 - self.tail(-t);
        }
        if t.is_infinite() {
            return 0.0;
        }
        // P(|T| > t) = I_{df/(df+t^2)}(df/2, 1/2). For small t the argument rounds to 1, so the complement is used there;
        // for large t the complement would cancel. At t^2 = 3 the tail is still about 0.04, so both are good.
        let t2 = t * t;
        if t2 < 3.0 {
            0.5 - 0.5 * incomplete_beta(0.5, 0.5 * self.df, t2 / (self.df + t2))
        } else {
            0.5 * incomplete_beta(0.5 * self.df, 0.5, self.df / (self.df + t2))
        }
    }

    /// P(T <= t).
    pub fn cdf(&self, t: f64) -> f64 {
        self.tail(-t)
    }

    /// The t with P(T <= t) = p; infinite for p = 0 and p = 1, NaN outside 0..=1.
    pub fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        if p < 0.5 {
            return -self.upper(p);
        }
        self.upper(1.0 - p)
    }

    /// The t >= 0 with P(T > t) = q, for q <= 1/2, by bisection: the tail falls monotonically, and a hundred or two halvings
    /// reach the last bit without the derivative that heavy tails make unreliable.
    fn upper(&self, q: f64) -> f64 {
        if q <= 0.0 {
            return f64::INFINITY;
        }
        let (mut low, mut high) = (0.0, 1.0);
        while self.tail(high) > q {
            low = high;
            high *= 2.0;
            if high > 1e150 {
                return f64::INFINITY;
            }
        }
        loop {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                return middle;
            }
            if self.tail(middle) > q {
                low = middle
            } else {
                high = middle
            }
        }
    }
}
