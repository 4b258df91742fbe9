//! Polygons from GeoJSON (RFC 7946).

use std::path::Path;

use geojson::{GeoJson, Geometry, GeometryValue, JsonValue};

use super::features::ring;
use super::{Feature, Features, Polygon, VectorError};

/// Reads a feature collection, or a single feature. Geometries other than polygons are an error.
///
/// RFC 7946 knows WGS 84 alone; files of its predecessor name another system in the member `crs`, which GDAL writes still.
pub(super) fn read(bytes: &[u8], path: &Path, property: &str) -> Result<Features, VectorError> {
    let bad = |detail: String| VectorError::Corrupt {
        path: path.into(),
        format: "GeoJSON",
        detail,
    };
    let parsed: GeoJson = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
    let (features, members) = match parsed {
        GeoJson::FeatureCollection(all) => (all.features, all.foreign_members),
        GeoJson::Feature(one) => {
            let members = one.foreign_members.clone();
            (vec![one], members)
        }
        GeoJson::Geometry(_) => {
            return Err(bad(
                "a geometry without properties has no class; expected features".into(),
            ));
        }
    };
    let crs = members.as_ref().and_then(|members| members.get("crs"));
    let epsg = match crs {
        None | Some(JsonValue::Null) => Some(4326),
        Some(crs) => {
            let name = crs.pointer("/properties/name").and_then(JsonValue::as_str);
            Some(name.and_then(code).ok_or_else(|| {
                bad(format!(
                    "its `crs` {crs} is not one of the form urn:ogc:def:crs:EPSG::32633"
                ))
            })?)
        }
    };
    let mut found = Vec::new();
    for (at, feature) in features.into_iter().enumerate() {
        let value = feature
            .properties
            .as_ref()
            .and_then(|all| all.get(property));
        let class = match value {
            Some(JsonValue::String(class)) => class.clone(),
            Some(value @ (JsonValue::Number(_) | JsonValue::Bool(_))) => value.to_string(),
            _ => {
                let names = feature
                    .properties
                    .as_ref()
                    .map(|all| all.keys().cloned().collect::<Vec<_>>().join(", "));
                return Err(VectorError::NoClass {
                    path: path.into(),
                    feature: at + 1,
                    property: property.into(),
                    available: names
                        .filter(|names| !names.is_empty())
                        .unwrap_or("none".into()),
                });
            }
        };
        let mut polygons = Vec::new();
        if let Some(geometry) = &feature.geometry {
            collect(geometry, &mut polygons).map_err(|kind| VectorError::Unsupported {
                path: path.into(),
                detail: format!(
                    "feature {} is a {kind}; labels are polygons, so draw its outline (or buffer it)",
                    at + 1
                ),
            })?;
        }
        if polygons
            .iter()
            .flatten()
            .flatten()
            .flatten()
            .any(|number| !number.is_finite())
        {
            return Err(bad(format!(
                "feature {} has a coordinate that is no number",
                at + 1
            )));
        }
        found.push(Feature { class, polygons });
    }
    Ok(Features {
        epsg,
        features: found,
    })
}

/// The polygons of a geometry; `Err` names another kind of geometry.
fn collect(geometry: &Geometry, polygons: &mut Vec<Polygon>) -> Result<(), &'static str> {
    let mut polygon = |coordinates: &Vec<Vec<geojson::Position>>| -> Result<(), &'static str> {
        let mut rings = Polygon::new();
        for points in coordinates {
            let points = points.iter().map(|position| match position.as_slice() {
                [x, y, ..] => Ok([*x, *y]),
                _ => Err("polygon with a position of one number"),
            });
            rings.extend(ring(points.collect::<Result<_, _>>()?));
        }
        polygons.push(rings);
        Ok(())
    };
    match &geometry.value {
        GeometryValue::Polygon { coordinates } => polygon(coordinates),
        GeometryValue::MultiPolygon { coordinates } => coordinates.iter().try_for_each(polygon),
        GeometryValue::GeometryCollection { geometries } => geometries
            .iter()
            .try_for_each(|geometry| collect(geometry, polygons)),
        GeometryValue::Point { .. } | GeometryValue::MultiPoint { .. } => Err("point"),
        GeometryValue::LineString { .. } | GeometryValue::MultiLineString { .. } => Err("line"),
    }
}

/// EPSG code in the name of a system; CRS84 is WGS 84 with the same order of coordinates as here.
fn code(name: &str) -> Option<u32> {
    if name.to_ascii_uppercase().ends_with("CRS84") {
        return Some(4326);
    }
    let upper = name.to_ascii_uppercase();
    let after = upper.split_once("EPSG")?.1;
    after.rsplit(':').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_systems() {
        assert_eq!(code("urn:ogc:def:crs:EPSG::32633"), Some(32633));
        assert_eq!(code("EPSG:3857"), Some(3857));
        assert_eq!(code("urn:ogc:def:crs:OGC:1.3:CRS84"), Some(4326));
        assert_eq!(code("local"), None);
    }
}
