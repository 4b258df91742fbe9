//! How numbers are printed: the same in Markdown, HTML and figures. `MINUS` is the typographic minus sign.

use crate::metric::names::MetricStyle;

pub(super) const MINUS: char = '\u{2212}';
/// What stands for an absent value.
pub(super) const ABSENT: &str = "\u{2013}";

/// `1234567` as `1,234,567`.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share in percent with two or three significant digits, without the sign: `0`, `0.18`, `5.5`, `100`.
pub(super) fn share(percent: f64) -> String {
    match percent {
        0.0 => "0".into(),
        p if p < 0.0001 => "<0.0001".into(),
        p if p < 0.01 => format!("{p:.4}"),
        p if p < 1.0 => format!("{p:.2}"),
        p if p < 10.0 => format!("{p:.1}"),
        p => format!("{p:.0}"),
    }
}

fn decimals(style: &MetricStyle) -> usize {
    if style.percent { 1 } else { 3 }
}

fn scaled(value: f64, style: &MetricStyle) -> f64 {
    if style.percent { 100.0 * value } else { value }
}

/// A value of a metric, in percent when it is a fraction; without the percent sign, which stands in the column's title.
pub(super) fn score(value: f64, style: &MetricStyle) -> String {
    let text = format!("{:.*}", decimals(style), scaled(value, style));
    let zero = text
        .trim_start_matches('-')
        .chars()
        .all(|c| c == '0' || c == '.');
    if zero {
        text.trim_start_matches('-').into()
    } else {
        text.replace('-', &MINUS.to_string())
    }
}

/// `mean ± std`, or the mean alone.
pub(super) fn mean_std(mean: f64, std: Option<f64>, style: &MetricStyle) -> String {
    match std {
        Some(std) => format!("{} ± {}", score(mean, style), score(std, style)),
        None => score(mean, style),
    }
}

/// A difference with its sign: `+1.2`, `−0.3`, `0.0`.
pub(super) fn signed(value: f64, style: &MetricStyle) -> String {
    let text = score(value, style);
    let zero = text.chars().all(|c| c == '0' || c == '.');
    if zero || text.starts_with(MINUS) {
        text
    } else {
        format!("+{text}")
    }
}

/// `+1.2 [−0.3, +2.7]`, or the difference alone.
pub(super) fn difference(mean: f64, interval: Option<(f64, f64)>, style: &MetricStyle) -> String {
    match interval {
        Some((low, high)) => format!(
            "{} [{}, {}]",
            signed(mean, style),
            signed(low, style),
            signed(high, style)
        ),
        None => signed(mean, style),
    }
}

/// Bytes as `412 MiB` or `1.3 GiB`.
pub(super) fn bytes(n: u64) -> String {
    const MIB: f64 = 1_048_576.0;
    let mib = n as f64 / MIB;
    match mib {
        m if m < 10.0 => format!("{m:.1} MiB"),
        m if m < 1024.0 => format!("{m:.0} MiB"),
        m => format!("{:.1} GiB", m / 1024.0),
    }
}

/// Thousands of millions with about three significant digits, without unit.
pub(super) fn giga(n: u64) -> String {
    seconds_plain(n as f64 / 1e9)
}

/// Seconds with three significant digits, or minutes and hours.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{} s", seconds_plain(s)),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Seconds with about three significant digits, without unit.
pub(super) fn seconds_plain(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{s:.3}"),
        s if s < 10.0 => format!("{s:.2}"),
        s if s < 100.0 => format!("{s:.1}"),
        s => format!("{s:.0}"),
    }
}

/// The unit of a metric as it stands behind its title: `, %` or nothing.
pub(super) fn unit(style: &MetricStyle) -> &'static str {
    if style.percent { ", %" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::names::style;

    #[test]
    fn numbers_read_like_in_a_paper() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(
            [0.0, 0.0032, 0.1807, 5.466, 99.96].map(share),
            ["0", "0.0032", "0.18", "5.5", "100"]
        );
        let accuracy = style("accuracy");
        assert_eq!(mean_std(0.83, Some(0.0489), &accuracy), "83.0 ± 4.9");
        assert_eq!(mean_std(0.83, None, &accuracy), "83.0");
        assert_eq!(signed(-0.00001, &accuracy), "0.0");
        assert_eq!(
            difference(0.11, Some((-0.012, 0.159)), &accuracy),
            "+11.0 [−1.2, +15.9]"
        );
        assert_eq!(score(0.5123, &style("log_loss")), "0.512");
        assert_eq!(bytes(432_013_312), "412 MiB");
        assert_eq!(bytes(3 << 30), "3.0 GiB");
        assert_eq!(giga(512_300_000), "0.512");
        assert_eq!(giga(123_107_400_000), "123");
        assert_eq!(duration(90.0), "90.0 s");
        assert_eq!(duration(600.0), "10.0 min");
    }
}
