//! `rs-peft inspect` of an image.

use std::path::Path;

use anyhow::Context;
use rs_peft::rs_datasets::io::{BandAxis, SceneFile, SceneLimits, read_raster};
use rs_peft::rs_datasets::{GeoReference, ReadLimits};
use serde_json::{Value, json};

use super::facts::Facts;

/// What a header says.
struct Header {
    format: &'static str,
    bands: usize,
    height: usize,
    width: usize,
    dtype: String,
    nodata: Option<f64>,
    geo: Option<GeoReference>,
    /// Rows and columns of a tile or strip.
    block: Option<[usize; 2]>,
    /// Pixels without a measurement, where the file had to be decoded anyway.
    missing: Option<usize>,
}

pub(super) fn run(path: &Path, json: bool) -> anyhow::Result<()> {
    let found = read(path)?;
    let bytes = std::fs::metadata(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .len();
    if json {
        let value = json!({
            "kind": "image",
            "path": path,
            "format": found.format,
            "bytes": bytes,
            "bands": found.bands,
            "height": found.height,
            "width": found.width,
            "dtype": found.dtype,
            "nodata": found.nodata.map(number),
            "missing": found.missing,
            "block": found.block,
            "georeference": found.geo.as_ref().map(|geo| {
                json!({ "transform": geo.transform, "epsg": geo.epsg, "corners": corners(geo, &found) })
            }),
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(());
    }
    let mut facts = Facts::of(format!("{} ({})", path.display(), found.format));
    facts
        .add(
            "size",
            format!(
                "{} rows x {} columns, {bytes} bytes",
                found.height, found.width
            ),
        )
        .add("bands", found.bands)
        .add("type", &found.dtype);
    if let Some([rows, columns]) = found.block {
        facts.add("blocks", format!("{rows} x {columns}"));
    }
    facts.add(
        "no data",
        found
            .nodata
            .map_or("not named".into(), |value| value.to_string()),
    );
    if let Some(missing) = found.missing {
        facts.add("missing", format!("{missing} pixels"));
    }
    match &found.geo {
        None => facts.add("georeference", "none"),
        Some(geo) => {
            let epsg = geo
                .epsg
                .map_or("without an EPSG code".into(), |code| format!("EPSG:{code}"));
            let [left, column, _, top, _, row] = geo.transform;
            let [_, [right, bottom]] = corners(geo, &found);
            facts
                .add("georeference", epsg)
                .add("pixel", format!("{} x {}", column.abs(), row.abs()))
                .add("from", format!("{left}, {top}"))
                .add("to", format!("{right}, {bottom}"))
        }
    };
    facts.print();
    Ok(())
}

/// JSON has no NaN.
fn number(value: f64) -> Value {
    match value.is_finite() {
        true => json!(value),
        false => json!(value.to_string()),
    }
}

/// Ground coordinates of the first corner and of the opposite one.
fn corners(geo: &GeoReference, header: &Header) -> [[f64; 2]; 2] {
    let [x, a, b, y, c, d] = geo.transform;
    let (columns, rows) = (header.width as f64, header.height as f64);
    [
        [x, y],
        [x + a * columns + b * rows, y + c * columns + d * rows],
    ]
}

fn read(path: &Path) -> anyhow::Result<Header> {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    let format = match ending.as_deref() {
        // Only the header: a scene may be larger than memory.
        Some("tif" | "tiff") => {
            let scene = SceneFile::open(path, SceneLimits::default())?;
            return Ok(Header {
                format: "TIFF",
                bands: scene.bands(),
                height: scene.height(),
                width: scene.width(),
                dtype: scene.dtype().to_string(),
                nodata: scene.nodata(),
                geo: scene.geo().cloned(),
                block: Some(scene.block()),
                missing: None,
            });
        }
        Some("png") => "PNG",
        Some("npy") => "npy",
        _ => "JPEG",
    };
    let raster = read_raster(path, BandAxis::default(), &ReadLimits::default())?;
    let missing = raster
        .valid
        .as_ref()
        .map_or(0, |valid| valid.iter().filter(|valid| !**valid).count());
    Ok(Header {
        format,
        bands: raster.bands,
        height: raster.height,
        width: raster.width,
        dtype: raster.dtype().to_string(),
        nodata: raster.nodata,
        block: None,
        missing: Some(missing),
        geo: raster.geo,
    })
}
