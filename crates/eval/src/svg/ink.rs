//! Colours, safe for colour-blind readers, for a page with a light and a dark side and for a file that stands alone.

/// Where a figure will be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Inside the report page: colours are its CSS variables, so that the figure follows the light or dark side.
    Page,
    /// A file of its own: literal colours on a white ground.
    Standalone,
}

/// A colour by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Text and data outlines.
    Text,
    /// Secondary text.
    Muted,
    /// Grid lines.
    Grid,
    /// Ground.
    Surface,
    /// The baseline method.
    Baseline,
    /// A method, by index; repeats after [`SERIES`].
    Series(usize),
    /// A literal colour.
    Rgb(u8, u8, u8),
}

/// How many series colours there are.
pub const SERIES: usize = 7;

/// Light-ground and dark-ground colours of the series: Okabe and Ito (2008) without black and yellow, with brown added; the
/// dark side is the same hues, lighter.
const SERIES_COLOURS: [(&str, &str); SERIES] = [
    ("#0072b2", "#4aa8e0"),
    ("#d55e00", "#ff8f45"),
    ("#009e73", "#2fc79b"),
    ("#b0548f", "#e08bc0"),
    ("#b37700", "#e8b13d"),
    ("#3d9bd1", "#8fd0f5"),
    ("#8a5a44", "#c99a83"),
];

const NAMED: [(&str, &str, &str); 5] = [
    ("text", "#1c2430", "#e6e9ee"),
    ("muted", "#5b6675", "#a3adba"),
    ("grid", "#dde2e8", "#333c48"),
    ("surface", "#ffffff", "#171c23"),
    ("baseline", "#6b7480", "#9aa4b1"),
];

impl Ink {
    /// The value of a `fill` or `stroke` attribute.
    pub fn css(self, theme: Theme) -> String {
        let (name, light): (String, &str) = match self {
            Self::Rgb(r, g, b) => return format!("#{r:02x}{g:02x}{b:02x}"),
            Self::Series(i) => (format!("s{}", i % SERIES), SERIES_COLOURS[i % SERIES].0),
            Self::Text => ("text".into(), NAMED[0].1),
            Self::Muted => ("muted".into(), NAMED[1].1),
            Self::Grid => ("grid".into(), NAMED[2].1),
            Self::Surface => ("surface".into(), NAMED[3].1),
            Self::Baseline => ("baseline".into(), NAMED[4].1),
        };
        match theme {
            Theme::Page => format!("var(--{name})"),
            Theme::Standalone => light.into(),
        }
    }

    /// CSS declarations of all variables, for the light or the dark side of a page.
    pub fn variables(dark: bool) -> String {
        let named = NAMED
            .iter()
            .map(|&(name, light, night)| (name.to_string(), light, night));
        let series = SERIES_COLOURS
            .iter()
            .enumerate()
            .map(|(i, &(light, night))| (format!("s{i}"), light, night));
        named
            .chain(series)
            .map(|(name, light, night)| format!("--{name}:{};", if dark { night } else { light }))
            .collect()
    }
}

/// Black or white, whichever has the higher WCAG 2 contrast on `(r, g, b)`.
pub fn readable_on((r, g, b): (u8, u8, u8)) -> Ink {
    let linear = |channel: u8| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    };
    let luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    // Equal contrast with black and white: (L + 0.05)^2 = 0.05 * 1.05.
    if luminance > 0.179 {
        Ink::Rgb(0x11, 0x18, 0x22)
    } else {
        Ink::Rgb(255, 255, 255)
    }
}
