//! A picture as on the paper's slides: a tail class and the head class nearest to it, before and after the tail is moved.

use std::path::Path;

use clustering::pca::{Components, Pca, PcaParams};
use clustering::rows::Matrix;
use deblora_calib::{Classes, Features};
use eval::plot::{ScatterPlot, ScatterSeries, ScatterWeight};
use eval::record::write_atomically;
use eval::svg::Theme;
use rs_datasets::stream;

use super::centres::{cluster, debiased};
use super::fit::Parts;
use super::rows::{Labelled, calibration_of};
use crate::experiment::{LongTailProbe, TailRows};
use crate::run::RunError;

/// Most points of one kind; a picture of more says nothing more.
const MOST: usize = 250;

/// Draws the two classes into `path`. `mapped` are training and validation rows behind a learned map; without one the tail's rows are
/// those that the recipe calibrates. A recipe that moves nothing gives one panel.
pub(super) fn draw(
    recipe: &LongTailProbe,
    parts: &Parts,
    mapped: Option<&[Labelled; 2]>,
    seed: u64,
    path: &Path,
) -> Result<(), RunError> {
    let Some((tail, head)) = pair(parts) else {
        return Ok(());
    };
    let shown = |part: &Labelled, class: usize| -> Vec<f32> {
        let rows = part.of_class(class).into_iter().take(MOST);
        rows.flat_map(|row| part.row(row).iter().copied()).collect()
    };
    let dim = parts.train.dim;
    // Axes from held-out rows of both classes, as many of either: the few rows of the tail decide nothing.
    let mut ground = shown(&parts.validation, head);
    ground.extend(shown(&parts.validation, tail));
    let pca = PcaParams::new(Components::Count(2))
        .check()?
        .fit(&Matrix::new(&ground, dim)?)?;

    let config = match (&recipe.learned, &recipe.tail_rows) {
        (Some(learned), _) => Some(&learned.targets),
        (None, TailRows::Calibrated(config)) => Some(config),
        _ => None,
    };
    let mut landmarks = vec![
        landmark(
            &format!("{}, mean of validation rows", parts.classes[tail]),
            &mean(&parts.validation, tail),
            2,
            &pca,
        )?,
        landmark(
            &format!("{}, mean of training rows", parts.classes[tail]),
            &mean(&parts.train, tail),
            4,
            &pca,
        )?,
    ];
    let mut calibrated = None;
    if let Some(config) = config {
        let features = Features::new("the training features", &parts.train.values, dim)?;
        let classes = Classes::new(&parts.train.labels, parts.classes.len())?;
        let clusters = cluster(config, &features, &classes, seed)?;
        let centres = debiased(&clusters, &features, &classes)?;
        if let Some(centre) = centres.of(tail) {
            landmarks.push(landmark(
                &format!("{}, de-biased centre", parts.classes[tail]),
                centre,
                3,
                &pca,
            )?);
        }
        let mut rng = stream(&["calibration", &seed.to_string()]);
        let targets =
            calibration_of(config, &parts.tail).targets(&features, &classes, &centres, &mut rng)?;
        let rows = (0..targets.rows()).filter(|&row| targets.classes[row] == tail);
        let values: Vec<f32> = rows
            .flat_map(|row| targets.values[row * dim..(row + 1) * dim].iter().copied())
            .collect();
        calibrated = Some(values);
    }
    let names = (&parts.classes[tail], &parts.classes[head]);
    let panel = |train: Vec<f32>, validation: &Labelled, head_rows: Vec<f32>| {
        let series = |label: String, values: &[f32], colour, weight| {
            Ok::<_, RunError>(ScatterSeries {
                label,
                points: projected(values, &pca)?,
                colour,
                weight,
            })
        };
        let held_out = |class: usize| shown(validation, class);
        let mut all = vec![
            series(
                format!("{}, validation", names.1),
                &held_out(head),
                5,
                ScatterWeight::Ground,
            )?,
            series(
                format!("{}, validation", names.0),
                &held_out(tail),
                1,
                ScatterWeight::Ground,
            )?,
            series(
                format!("{}, training", names.1),
                &head_rows,
                0,
                ScatterWeight::Point,
            )?,
        ];
        all.extend(landmarks.iter().cloned());
        // The few rows that it is about lie on top.
        all.push(series(
            format!("{}, training", names.0),
            &train,
            6,
            ScatterWeight::Point,
        )?);
        Ok::<_, RunError>(all)
    };
    let before = panel(
        shown(&parts.train, tail),
        &parts.validation,
        shown(&parts.train, head),
    )?;
    let mut panels = vec![("as the backbone gives them".to_owned(), before)];
    if let Some([train, validation]) = mapped {
        let labelled = |part: &Labelled, like: &Labelled| Labelled {
            labels: like.labels.clone(),
            ..part.clone()
        };
        let (train, validation) = (
            labelled(train, &parts.train),
            labelled(validation, &parts.validation),
        );
        let after = panel(shown(&train, tail), &validation, shown(&train, head))?;
        panels.push(("behind the learned map".into(), after));
    } else if let Some(values) = calibrated {
        let after = panel(values, &parts.validation, shown(&parts.train, head))?;
        panels.push(("the tail's training rows calibrated".into(), after));
    }
    let shares = pca.explained_variance_ratio();
    let axis = |at: usize| {
        let share = 100.0 * shares.get(at).copied().unwrap_or(0.0);
        format!("component {} ({share:.0} % of the variance)", at + 1)
    };
    let plot = ScatterPlot {
        title: format!(
            "{} ({} training images) and {}, the nearest head class, seed {seed}",
            names.0,
            parts.train.of_class(tail).len(),
            names.1
        ),
        panels,
        axes: [axis(0), axis(1)],
    };
    Ok(write_atomically(
        path,
        plot.draw(Theme::Standalone).as_bytes(),
    )?)
}

/// The rarest tail class, and the head class whose validation mean is nearest to its own.
fn pair(parts: &Parts) -> Option<(usize, usize)> {
    let counts = parts.train.counts(parts.classes.len());
    let tail = *parts.tail.iter().min_by_key(|&&class| counts[class])?;
    let own = mean(&parts.validation, tail);
    let distance = |class: usize| -> f64 {
        let pairs = own.iter().zip(mean(&parts.validation, class));
        pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum()
    };
    let head = parts.head.iter().copied();
    let head = head.min_by(|&a, &b| distance(a).total_cmp(&distance(b)))?;
    Some((tail, head))
}

/// Mean of the rows of a class; zeros without rows.
fn mean(part: &Labelled, class: usize) -> Vec<f32> {
    let rows = part.of_class(class);
    let mut sum = vec![0.0_f64; part.dim];
    for &row in &rows {
        sum.iter_mut()
            .zip(part.row(row))
            .for_each(|(s, v)| *s += f64::from(*v));
    }
    let count = rows.len().max(1) as f64;
    sum.into_iter().map(|s| (s / count) as f32).collect()
}

fn projected(values: &[f32], pca: &Pca) -> Result<Vec<[f64; 2]>, RunError> {
    let flat = pca.transform(values)?;
    let pairs = flat.chunks_exact(2);
    Ok(pairs.map(|p| [f64::from(p[0]), f64::from(p[1])]).collect())
}

fn landmark(label: &str, at: &[f32], shape: usize, pca: &Pca) -> Result<ScatterSeries, RunError> {
    Ok(ScatterSeries {
        label: label.into(),
        points: projected(at, pca)?,
        colour: shape,
        weight: ScatterWeight::Landmark(shape - 2),
    })
}
