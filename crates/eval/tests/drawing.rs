//! The SVG writer and the plots at their edges.

use eval::metric::ConfusionMatrix;
use eval::plot::{
    Colour, CurvePlot, CurveSeries, DifferencePlot, DifferenceRow, ParameterPlot, ParameterPoint,
    heatmap,
};
use eval::svg::{
    Anchor, Canvas, Ink, Linear, Stroke, Text, Theme, escape, label_of_tick, readable_on, ticks,
};

#[test]
fn ticks_are_round_inside_and_few() {
    let (values, step) = ticks((0.13, 0.87), 5);
    assert_eq!(step, 0.2);
    assert_eq!(
        values
            .iter()
            .map(|v| label_of_tick(*v, step))
            .collect::<Vec<_>>(),
        ["0.2", "0.4", "0.6", "0.8"]
    );
    let (values, step) = ticks((-25.0, 26.0), 5);
    assert_eq!(
        values
            .iter()
            .map(|v| label_of_tick(*v, step))
            .collect::<Vec<_>>(),
        ["\u{2212}20", "0", "20"]
    );
    for domain in [
        (0.0, 0.0),
        (1.0, f64::INFINITY),
        (f64::NAN, 1.0),
        (1e300, 1e300),
        (0.0, 5e-324),
    ] {
        assert!(ticks(domain, 5).0.len() < 20, "{domain:?}");
    }
}

#[test]
fn scales_never_divide_by_nothing() {
    for domain in [
        (3.0, 3.0),
        (f64::INFINITY, f64::NEG_INFINITY),
        (f64::NAN, 1.0),
        (2.0, 1.0),
    ] {
        let scale = Linear::new(domain, (0.0, 100.0));
        assert!(scale.at(0.5).is_finite(), "{domain:?}");
    }
    let scale = Linear::over([1.0, 3.0, f64::NAN].into_iter(), 0.0, 0.0, (0.0, 10.0));
    assert_eq!((scale.at(1.0), scale.at(3.0)), (0.0, 10.0));
    assert!(
        Linear::over(std::iter::empty(), 0.1, 0.0, (0.0, 1.0))
            .at(0.5)
            .is_finite()
    );
}

#[test]
fn text_is_escaped_and_numbers_are_finite() {
    assert_eq!(
        escape("a<b>&\"'\u{1}\n"),
        "a&lt;b&gt;&amp;&quot;&#39;\u{fffd}\n"
    );
    let mut canvas = Canvas::new(Theme::Standalone, 10.0, 10.0, "<t>", "d");
    canvas.line((f64::NAN, 0.0), (1.0, 1.0), Stroke::solid(Ink::Text, 1.0));
    canvas.rect(0.0, 0.0, -1.0, 1.0, Ink::Text, None);
    canvas.polyline(
        &[(0.0, 0.0), (f64::INFINITY, 1.0), (2.0, 1.0 / 3.0)],
        Stroke::solid(Ink::Text, 1.0),
        None,
    );
    canvas.text(
        (1.0, f64::NAN),
        "lost",
        Text::new(10.0, Anchor::Start, Ink::Text),
    );
    let svg = canvas.finish();
    assert!(
        !svg.contains("NaN")
            && !svg.contains("inf")
            && !svg.contains("lost")
            && !svg.contains("<line")
    );
    assert!(svg.contains("points=\"0,0 2,0.33\"") && svg.contains("aria-label=\"&lt;t&gt;\""));
}

#[test]
fn cell_text_has_the_better_contrast() {
    assert_eq!(readable_on((255, 255, 255)), Ink::Rgb(0x11, 0x18, 0x22));
    assert_eq!(readable_on((8, 48, 107)), Ink::Rgb(255, 255, 255));
}

#[test]
fn plots_take_empty_single_and_extreme_input() {
    let plot = |parameters: &[u64], score: f64| {
        let point = |&parameters: &u64| ParameterPoint {
            label: "m".into(),
            parameters,
            score,
            error: Some(0.0),
            colour: Colour::Method(9),
        };
        let points = parameters.iter().map(point).collect();
        ParameterPlot {
            title: "t".into(),
            score_label: "s".into(),
            points,
        }
        .draw(Theme::Page)
    };
    for svg in [
        plot(&[], 1.0),
        plot(&[0], 1.0),
        plot(&[5], 1.0),
        plot(&[0, 1, u64::MAX], 80.0),
        plot(&[3], f64::NAN),
    ] {
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("NaN"));
    }
    let row = DifferenceRow {
        label: "a name that is much too long for the margin of the plot".into(),
        mean: 0.0,
        interval: None,
        singles: vec![],
        text: "0.0".into(),
        colour: Colour::Baseline,
    };
    let svg = DifferencePlot {
        title: "t".into(),
        axis: "x".into(),
        rows: vec![row],
    }
    .draw(Theme::Standalone);
    assert!(svg.contains('\u{2026}') && !svg.contains("NaN"));
    let series = CurveSeries {
        label: "one epoch".into(),
        colour: Colour::Method(0),
        points: vec![(1.0, 2.0, 2.0, 2.0)],
    };
    for series in [vec![], vec![series]] {
        let svg = CurvePlot {
            title: "t".into(),
            x_label: "x".into(),
            y_label: "y".into(),
            series,
        }
        .draw(Theme::Page);
        assert!(!svg.contains("NaN"));
    }
}

#[test]
fn heat_maps_scale_with_the_number_of_classes() {
    for n in [1usize, 2, 10, 45, 100, 101] {
        let names: Vec<String> = (0..n).map(|i| format!("class {i}")).collect();
        let all: Vec<usize> = (0..n).collect();
        let svg = heatmap(
            &ConfusionMatrix::from_labels(&names, &all, &all).unwrap(),
            "t",
            "n",
            Theme::Page,
        );
        assert_eq!(svg.is_some(), n <= 100, "{n}");
        assert!(svg.is_none_or(|svg| svg.matches("<rect").count() == n * n));
    }
}
