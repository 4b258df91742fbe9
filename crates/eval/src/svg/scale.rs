//! From values to pixels, and where the ticks go.

/// A linear scale from a domain of values to a range of pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    domain: (f64, f64),
    range: (f64, f64),
}

impl Linear {
    /// A scale that maps `domain` to `range`; an empty or inverted domain is widened so that its values fall in the middle.
    pub fn new(domain: (f64, f64), range: (f64, f64)) -> Self {
        let (low, high) = domain;
        let domain = if high > low && (high - low).is_finite() {
            domain
        } else {
            let middle = if low.is_finite() { low } else { 0.0 };
            let half = 0.5 * middle.abs().max(1.0);
            (middle - half, middle + half)
        };
        Self { domain, range }
    }

    /// A scale over `values` with `pad` of their span on either side (and at least `least` of span).
    pub fn over(
        values: impl Iterator<Item = f64>,
        pad: f64,
        least: f64,
        range: (f64, f64),
    ) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if low > high {
            return Self::new((0.0, 1.0), range);
        }
        let margin = pad * (high - low) + 0.5 * (least - (high - low)).max(0.0);
        Self::new((low - margin, high + margin), range)
    }

    /// Pixel of `value`.
    pub fn at(&self, value: f64) -> f64 {
        let (d, r) = (self.domain, self.range);
        r.0 + (value - d.0) / (d.1 - d.0) * (r.1 - r.0)
    }

    /// The domain.
    pub fn domain(&self) -> (f64, f64) {
        self.domain
    }
}

/// Round values (1, 2, 5 times a power of ten apart) inside `domain`, about `count` of them, and their distance.
pub fn ticks(domain: (f64, f64), count: usize) -> (Vec<f64>, f64) {
    let span = domain.1 - domain.0;
    if !(span > 0.0 && span.is_finite()) {
        return (vec![domain.0], 1.0);
    }
    let rough = span / count.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|m| m * power)
        .into_iter()
        .find(|s| *s >= rough)
        .unwrap_or(10.0 * power);
    let first = (domain.0 / step).ceil();
    let values = (0..=2 * count.max(1))
        .map(|i| (first + i as f64) * step)
        .take_while(|value| *value <= domain.1 + 1e-9 * step)
        .collect();
    (values, step)
}

/// The tick `value` with as many decimals as the distance `step` needs, and a true minus sign.
pub fn label_of_tick(value: f64, step: f64) -> String {
    let decimals = (-step.log10().floor()).clamp(0.0, 8.0) as usize;
    let text = format!("{value:.decimals$}");
    if text
        .trim_start_matches('-')
        .chars()
        .all(|c| c == '0' || c == '.')
    {
        return text.trim_start_matches('-').into();
    }
    text.replace('-', "\u{2212}")
}
