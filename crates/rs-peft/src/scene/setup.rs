//! What is settled before the first window is read: whether model, scene and options go together, and what will be written.

use rs_datasets::InputUnit;
use rs_datasets::io::{Dtype, GeoTags, GeoTiffSpec, SceneFile};
use sha2::{Digest, Sha256};

use super::mosaic::Plan;
use super::reading::Windows;
use super::rows::{Files, NO_CLASS};
use super::{MapKind, MapOptions, SceneError, WindowModel};

/// Bands and unit of the scene's values.
pub(super) fn windows_of<'a>(
    model: &dyn WindowModel,
    scene: &'a SceneFile,
    options: &MapOptions,
) -> Result<Windows<'a>, SceneError> {
    let bands = options.bands.clone().unwrap_or_else(|| model.bands());
    if bands.len() != scene.bands() {
        return Err(SceneError::Bands {
            path: scene.path().into(),
            found: scene.bands(),
            expected: bands.len(),
            names: bands.names().join(", "),
        });
    }
    let unit = model.unit();
    let float = matches!(scene.dtype(), Dtype::F32 | Dtype::F64);
    // The file does not say what its values mean; some types cannot hold them.
    let possible = match unit {
        InputUnit::Uint8 => scene.dtype() == Dtype::U8,
        InputUnit::DigitalNumber { .. } => scene.dtype() != Dtype::U8,
        InputUnit::Reflectance | InputUnit::Sigma0Linear | InputUnit::Standardised => float,
        InputUnit::Sigma0Db => float || scene.dtype() == Dtype::I16,
    };
    if !possible {
        return Err(SceneError::Unit {
            path: scene.path().into(),
            found: scene.dtype().name(),
            expected: match unit {
                InputUnit::Uint8 => "8-bit values (uint8)".into(),
                InputUnit::DigitalNumber { scale, offset } => format!(
                    "digital numbers of more than 8 bits (reflectance = {scale} x value + {offset})"
                ),
                InputUnit::Reflectance => "reflectance (float32)".into(),
                InputUnit::Sigma0Linear => "sigma nought, linear (float32)".into(),
                InputUnit::Sigma0Db => "sigma nought in decibels (float32)".into(),
                InputUnit::Standardised => "standardised values (float32)".into(),
            },
        });
    }
    Ok(Windows {
        scene,
        bands,
        unit,
        window: model.window(),
    })
}

/// Where windows lie.
pub(super) fn plan(
    model: &dyn WindowModel,
    scene: &SceneFile,
    options: &MapOptions,
) -> Result<Plan, SceneError> {
    let window = model.window();
    let bad = |what, detail| Err(SceneError::Setting { what, detail });
    let side = window[0].min(window[1]);
    if side == 0 {
        return bad("window", format!("{window:?} pixels"));
    }
    if options.batch == 0 {
        return bad(
            "batch",
            "expected at least one window per forward pass".into(),
        );
    }
    let classes = model.classes().len();
    if !(1..=usize::from(NO_CLASS)).contains(&classes) {
        return bad("classes", format!("{classes}; a map holds 1 to 255"));
    }
    if options.colours.0.len() != classes {
        let detail = format!("{} colours for {classes} classes", options.colours.0.len());
        return bad("colours", detail);
    }
    let step = match (model.kind(), options.overlap, options.stride) {
        (MapKind::Pixels, _, Some(_)) => {
            return bad(
                "stride",
                "the model says something about each pixel; set the overlap of its windows instead"
                    .into(),
            );
        }
        (MapKind::Windows, Some(_), _) => {
            return bad(
                "overlap",
                "the model says one thing about a window; set the stride instead".into(),
            );
        }
        (MapKind::Pixels, overlap, None) => overlap.unwrap_or(side / 4),
        (MapKind::Windows, None, stride) => stride.unwrap_or(side),
    };
    let range = match model.kind() {
        MapKind::Pixels => 0..side,
        MapKind::Windows => 1..side + 1,
    };
    if !range.contains(&step) {
        let what = match model.kind() {
            MapKind::Pixels => "overlap",
            MapKind::Windows => "stride",
        };
        return bad(
            what,
            format!(
                "{step} pixels; windows have {} x {}, so it may be {} to {}",
                window[0],
                window[1],
                range.start,
                range.end - 1
            ),
        );
    }
    let extent = [scene.height(), scene.width()];
    Ok(Plan::new(model.kind(), window, extent, step))
}

/// What is written.
pub(super) fn files(
    model: &dyn WindowModel,
    scene: &SceneFile,
    options: &MapOptions,
    plan: &Plan,
) -> Result<Files, SceneError> {
    let tags = match (plan.kind, scene.geo()) {
        (MapKind::Pixels, _) => scene.geo_tags().clone(),
        (MapKind::Windows, Some(geo)) => {
            let [x, a, b, y, c, d] = geo.transform;
            let side = plan.step as f64;
            let cells = [x, a * side, b * side, y, c * side, d * side];
            scene.geo_tags().with_transform(cells)
        }
        (MapKind::Windows, None) => GeoTags::default(),
    };
    let classes = model.classes();
    let [height, width] = plan.map_extent();
    let named = |(class, name): (usize, &String)| (format!("CLASS_{class}"), name.clone());
    let metadata: Vec<(String, String)> = classes.iter().enumerate().map(named).collect();
    let map = GeoTiffSpec {
        height,
        width,
        bands: 1,
        dtype: Dtype::U8,
        palette: Some(options.colours.0.clone()),
        nodata: Some(f64::from(NO_CLASS)),
        tags: tags.clone(),
        predictor: false,
        band_names: vec!["class".into()],
        metadata,
    };
    let percent = options
        .probabilities
        .as_ref()
        .is_some_and(|file| file.percent);
    let probabilities = options.probabilities.as_ref().map(|_| GeoTiffSpec {
        bands: classes.len(),
        dtype: if percent { Dtype::U8 } else { Dtype::F32 },
        palette: None,
        nodata: Some(if percent {
            f64::from(NO_CLASS)
        } else {
            f64::NAN
        }),
        predictor: true,
        band_names: classes.to_vec(),
        metadata: Vec::new(),
        ..map.clone()
    });
    Ok(Files {
        map,
        probabilities,
        percent,
        classes: classes.len(),
    })
}

/// Text that is the same only if the rows of two attempts are.
pub(super) fn identity(
    model: &dyn WindowModel,
    scene: &SceneFile,
    options: &MapOptions,
    windows: &Windows<'_>,
) -> Result<String, SceneError> {
    let path = scene.path();
    let about = std::fs::metadata(path).map_err(SceneError::io("read", path))?;
    let modified = about.modified().ok();
    let modified = modified.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let text = serde_json::json!({
        "format": 1,
        "scene": {
            "path": path.canonicalize().map_err(SceneError::io("read", path))?,
            "bytes": about.len(),
            "modified_ns": modified.map(|since| since.as_nanos().to_string()),
        },
        "bands": windows.bands.names(),
        "unit": windows.unit,
        "model": model.identity(),
        "classes": model.classes(),
        "window": model.window(),
        "overlap": options.overlap,
        "stride": options.stride,
        "batch": options.batch,
        "colours": options.colours.0,
        "probabilities": options.probabilities.as_ref().map(|file| (&file.path, file.percent)),
    })
    .to_string();
    let hash = Sha256::digest(text.as_bytes());
    Ok(format!("{text}\n{}\n", crate::hex::hex(&hash)))
}

/// What the reader of the map should know.
pub(super) fn notes(scene: &SceneFile, plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    if scene.geo_tags().is_empty() {
        notes.push(format!(
            "{} says not where it lies; the map has no georeference either",
            scene.path().display()
        ));
    }
    let [height, width] = plan.window;
    if plan.extent[0] < height || plan.extent[1] < width {
        notes.push(format!(
            "the scene ({} x {} pixels) is smaller than a window ({height} x {width}), which was filled up with missing pixels",
            plan.extent[0], plan.extent[1]
        ));
    }
    notes
}
