//! GeoTIFFs written by GDAL, in every layout that is read, compared value by value; `assets/golden/rs-datasets/export_tiff.py`.

use std::path::Path;

use rs_datasets::ReadLimits;
use rs_datasets::io::{NpyArray, Samples, Source, decode_geotiff, decode_npy};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    file: String,
    shape: Vec<usize>,
    dtype: String,
    exact: bool,
    expected: String,
    valid: Option<String>,
    transform: Option<[f64; 6]>,
    epsg: Option<u32>,
}

fn golden() -> (Source, Golden) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/golden/rs-datasets/tiff.zip");
    let source = Source::open(&path).unwrap();
    let cases = serde_json::from_slice(&source.read("cases.json").unwrap()).unwrap();
    (source, cases)
}

/// Equal values, where NaN equals NaN.
fn equal(found: &Samples, expected: &Samples) -> bool {
    match (found, expected) {
        (Samples::F32(a), Samples::F32(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        }
        (Samples::F64(a), Samples::F64(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        }
        _ => found == expected,
    }
}

#[test]
fn every_file_reads_as_gdal_reads_it() {
    let (source, golden) = golden();
    let limits = ReadLimits::default();
    let mut wrong = Vec::new();
    for case in &golden.cases {
        let path = source.path_of(&case.file);
        let found = match decode_geotiff(source.read(&case.file).unwrap(), &path, &limits) {
            Ok(raster) => raster,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        let expected: NpyArray =
            decode_npy(&source.read(&case.expected).unwrap(), &path, &limits).unwrap();
        let mut complain = |what: String| wrong.push(format!("{}: {what}", case.file));
        if vec![found.bands, found.height, found.width] != case.shape
            || expected.shape != case.shape
        {
            complain(format!(
                "{} x {} x {}",
                found.bands, found.height, found.width
            ));
        }
        if found.dtype().name() != case.dtype {
            complain(format!("type {}", found.dtype()));
        }
        if case.exact && !equal(&found.samples, &expected.samples) {
            complain(format!(
                "values {:?}\n   expected {:?}",
                found.samples, expected.samples
            ));
        }
        if !case.exact {
            let (found, expected) = (
                found.samples.clone().into_f32(),
                expected.samples.into_f32(),
            );
            let worst = found
                .iter()
                .zip(&expected)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            // A lossy decoder may round each of its steps (inverse transform, upsampling, colours) the other way.
            if worst > 4.0 {
                complain(format!("differs by {worst}"));
            }
        }
        let valid = found.valid.map(|valid| {
            valid
                .iter()
                .map(|&v| if v { '1' } else { '0' })
                .collect::<String>()
        });
        if valid != case.valid {
            complain(format!("valid pixels {valid:?}, expected {:?}", case.valid));
        }
        let same = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
        let transform = found.geo.as_ref().map(|geo| geo.transform);
        match (transform, case.transform) {
            (None, None) => {}
            (Some(a), Some(b)) if a.iter().zip(&b).all(same) => {}
            (a, b) => complain(format!("transform {a:?}, expected {b:?}")),
        }
        if found.geo.and_then(|geo| geo.epsg) != case.epsg {
            complain(format!("code, expected {:?}", case.epsg));
        }
    }
    assert!(
        golden.cases.len() > 150,
        "only {} cases",
        golden.cases.len()
    );
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        golden.cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn nodata_reaches_the_mask_and_not_the_values() {
    let (source, _) = golden();
    let bytes = source.read("nodata_zero.tif").unwrap();
    let raster = decode_geotiff(bytes, Path::new("a.tif"), &ReadLimits::default()).unwrap();
    assert_eq!(raster.nodata, Some(0.0));
    // One band that is missing is enough.
    assert!(!raster.valid.as_ref().unwrap()[5]);
    let Samples::U16(values) = &raster.samples else {
        panic!("{:?}", raster.dtype())
    };
    assert!(values[5] != 0 && values[raster.height * raster.width + 5] == 0);
}
