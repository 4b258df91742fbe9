//! Labels from polygons and masks on a scene, and the data set of its windows.

mod chips;
#[allow(
    dead_code,
    reason = "the other helpers are for data sets with files of their own"
)]
#[path = "../common/mod.rs"]
mod common;
mod polygons;

use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../assets/golden/rs-datasets")
        .join(name)
}

fn collection(features: Vec<serde_json::Value>, crs: Option<&str>) -> String {
    let mut all = serde_json::json!({ "type": "FeatureCollection", "features": features });
    if let Some(name) = crs {
        all["crs"] = serde_json::json!({ "type": "name", "properties": { "name": name } });
    }
    all.to_string()
}

fn feature(geometry: &serde_json::Value, class: impl Into<serde_json::Value>) -> serde_json::Value {
    let class = class.into();
    serde_json::json!({ "type": "Feature", "properties": { "crop": class, "note": null }, "geometry": geometry })
}
