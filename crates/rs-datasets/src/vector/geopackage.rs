//! Polygons from a GeoPackage (OGC 12-128r19), read through SQLite.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::wkb;
use super::{Feature, Features, VectorError};

/// Reads the layer of this name, or the only one.
pub(super) fn read(
    path: &Path,
    layer: Option<&str>,
    property: &str,
) -> Result<Features, VectorError> {
    let bad = |detail: String| VectorError::Corrupt {
        path: path.into(),
        format: "GeoPackage",
        detail,
    };
    let sql = |error: rusqlite::Error| bad(error.to_string());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(path, flags).map_err(sql)?;
    let mut layers = file
        .prepare(
            "SELECT table_name, column_name, srs_id FROM gpkg_geometry_columns ORDER BY table_name",
        )
        .map_err(sql)?;
    let layers: Vec<(String, String, i64)> = layers
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .and_then(Iterator::collect)
        .map_err(sql)?;
    let names = layers
        .iter()
        .map(|(name, ..)| name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let (table, column, srs) = match (layer, layers.as_slice()) {
        (None, [only]) => only,
        (None, _) => {
            return Err(bad(format!(
                "it has the layers {names}; name one in `layer`"
            )));
        }
        (Some(layer), all) => all
            .iter()
            .find(|(name, ..)| name == layer)
            .ok_or_else(|| bad(format!("no layer `{layer}`; there are: {names}")))?,
    };
    let system: Option<(String, i64)> = file
        .query_row(
            "SELECT organization, organization_coordsys_id FROM gpkg_spatial_ref_sys WHERE srs_id = ?1",
            [srs],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(sql)?;
    let epsg = system
        .filter(|(organisation, _)| organisation.eq_ignore_ascii_case("epsg"))
        .and_then(|(_, code)| u32::try_from(code).ok());
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let all = format!("SELECT * FROM {}", quoted(table));
    let mut statement = file.prepare(&all).map_err(sql)?;
    let columns: Vec<String> = statement.column_names().map(String::from).collect();
    let at = |wanted: &str| columns.iter().position(|name| name == wanted);
    let geometry_at = at(column).ok_or_else(|| bad(format!("no column `{column}`")))?;
    let Some(class_at) = at(property) else {
        let others = columns.iter().filter(|name| *name != column);
        return Err(VectorError::NoClass {
            path: path.into(),
            feature: 1,
            property: property.into(),
            available: others.cloned().collect::<Vec<_>>().join(", "),
        });
    };
    let mut rows = statement.query([]).map_err(sql)?;
    let mut features = Vec::new();
    while let Some(row) = rows.next().map_err(sql)? {
        let feature = features.len() + 1;
        let class = match row.get_ref(class_at).map_err(sql)? {
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Null | ValueRef::Blob(_) => {
                return Err(VectorError::NoClass {
                    path: path.into(),
                    feature,
                    property: property.into(),
                    available: columns.join(", "),
                });
            }
        };
        let polygons = match row.get_ref(geometry_at).map_err(sql)? {
            ValueRef::Null => Vec::new(),
            ValueRef::Blob(blob) => well_known(blob)
                .and_then(|binary| binary.map_or(Ok(Vec::new()), wkb::polygons))
                .map_err(|detail| bad(format!("feature {feature}: {detail}")))?,
            _ => {
                return Err(bad(format!(
                    "feature {feature} has no geometry in `{column}`"
                )));
            }
        };
        features.push(Feature { class, polygons });
    }
    Ok(Features { epsg, features })
}

/// The well-known binary behind a GeoPackage's header; `None` where the geometry is empty.
fn well_known(blob: &[u8]) -> Result<Option<&[u8]>, String> {
    let [b'G', b'P', _, flags, ..] = blob else {
        return Err("its geometry does not begin as one of a GeoPackage".into());
    };
    let envelope = match flags >> 1 & 7 {
        0 => 0,
        1 => 32,
        2 | 3 => 48,
        4 => 64,
        other => return Err(format!("envelope {other}")),
    };
    if flags & 16 != 0 {
        return Ok(None);
    }
    blob.get(8 + envelope..)
        .map(Some)
        .ok_or_else(|| "its geometry ends early".into())
}
