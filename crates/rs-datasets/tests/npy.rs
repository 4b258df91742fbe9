//! Arrays written by NumPy in every spelling of the format, compared value by value; `assets/golden/rs-datasets/export_npy.py`.

use std::path::Path;

use proptest::prelude::*;
use rs_datasets::io::{
    BandAxis, NpyArray, Samples, Source, decode_npy, encode_npy, read_npy, write_npy,
};
use rs_datasets::{DataError, ReadLimits};
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
    values: Vec<f64>,
}

fn as_f64(samples: &Samples) -> Vec<f64> {
    match samples {
        Samples::U8(v) => v.iter().map(|&v| v.into()).collect(),
        Samples::I8(v) => v.iter().map(|&v| v.into()).collect(),
        Samples::U16(v) => v.iter().map(|&v| v.into()).collect(),
        Samples::I16(v) => v.iter().map(|&v| v.into()).collect(),
        Samples::U32(v) => v.iter().map(|&v| v.into()).collect(),
        Samples::I32(v) => v.iter().map(|&v| v.into()).collect(),
        Samples::U64(v) => v.iter().map(|&v| v as f64).collect(),
        Samples::I64(v) => v.iter().map(|&v| v as f64).collect(),
        Samples::F32(v) => v.iter().map(|&v| v.into()).collect(),
        Samples::F64(v) => v.clone(),
    }
}

fn decode(bytes: &[u8]) -> Result<NpyArray, DataError> {
    decode_npy(bytes, Path::new("a.npy"), &ReadLimits::default())
}

#[test]
fn every_array_reads_as_numpy_wrote_it() {
    let zip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/golden/rs-datasets/npy.zip");
    let source = Source::open(&zip).unwrap();
    let golden: Golden = serde_json::from_slice(&source.read("cases.json").unwrap()).unwrap();
    assert!(golden.cases.len() > 40);
    for case in golden.cases {
        let array = decode(&source.read(&case.file).unwrap()).unwrap();
        assert_eq!(array.shape, case.shape, "{}", case.file);
        assert_eq!(array.samples.dtype().name(), case.dtype, "{}", case.file);
        assert_eq!(as_f64(&array.samples), case.values, "{}", case.file);
        // What we write reads back the same.
        assert_eq!(
            decode(&encode_npy(&array).unwrap()).unwrap(),
            array,
            "{}",
            case.file
        );
    }
}

#[test]
fn bands_are_taken_from_either_end() {
    let array = NpyArray {
        shape: vec![1, 3, 2],
        samples: Samples::I16(vec![1, 2, 3, 4, 5, 6]),
    };
    let path = Path::new("a.npy");
    let first = array.clone().into_raster(BandAxis::First, path).unwrap();
    assert_eq!((first.bands, first.height, first.width), (1, 3, 2));
    let last = array.into_raster(BandAxis::Last, path).unwrap();
    assert_eq!((last.bands, last.height, last.width), (2, 1, 3));
    assert_eq!(last.samples, Samples::I16(vec![1, 3, 5, 2, 4, 6]));
    for shape in [vec![6], vec![1, 1, 1, 6], vec![0, 3], vec![]] {
        let n = shape.iter().product();
        let array = NpyArray {
            shape,
            samples: Samples::U8(vec![0; n]),
        };
        assert!(matches!(
            array.into_raster(BandAxis::First, path),
            Err(DataError::Unsupported { .. })
        ));
    }
}

#[test]
fn files_are_written_whole_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.npy");
    let mask = NpyArray {
        shape: vec![2, 2],
        samples: Samples::U8(vec![0, 1, 2, 255]),
    };
    write_npy(&path, &mask).unwrap();
    assert_eq!(read_npy(&path, &ReadLimits::default()).unwrap(), mask);
    let wrong = NpyArray {
        shape: vec![3, 2],
        samples: Samples::U8(vec![0; 4]),
    };
    assert!(write_npy(&path, &wrong).is_err());
    assert_eq!(
        read_npy(&path, &ReadLimits::default()).unwrap(),
        mask,
        "a failed write must not touch the file"
    );
}

#[test]
fn types_that_are_no_numbers_are_refused_with_the_remedy() {
    for descr in ["'|O'", "'<f2'", "'<U4'", "'<c8'", "[('a', '<f4')]", "'=f4'"] {
        let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend([0; 8]);
        let error = decode(&bytes).unwrap_err();
        assert!(
            matches!(error, DataError::Unsupported { .. }),
            "{descr}: {error}"
        );
        assert!(
            error.to_string().contains("a.npy") && error.to_string().contains("astype"),
            "{error}"
        );
    }
}

#[test]
fn a_header_that_claims_too_much_is_refused_before_allocating() {
    let header = |shape: &str| {
        let text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend([0; 64]);
        bytes
    };
    assert!(matches!(
        decode(&header("(1000000, 1000000)")),
        Err(DataError::TooLarge { .. })
    ));
    assert!(matches!(
        decode(&header("(9999999999, 9999999999, 9999999999)")),
        Err(DataError::TooLarge { .. })
    ));
    assert!(matches!(
        decode(&header("(1000, 1000)")),
        Err(DataError::Corrupt { .. })
    ));
    assert!(
        matches!(decode(&header("(7,)")), Err(DataError::Corrupt { .. })),
        "bytes left over"
    );
    assert!(decode(&header("(8,)")).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        // The same cases on every run.
        rng_seed: proptest::test_runner::RngSeed::Fixed(20261122),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn written_arrays_read_back(shape in prop::collection::vec(0usize..5, 0..4), seed in any::<u64>()) {
        let n = shape.iter().product::<usize>();
        let values = (0..n as u64).map(|i| f64::from_bits(seed.wrapping_mul(i | 1)));
        let values: Vec<f64> = values.map(|v| if v.is_nan() { 0.0 } else { v }).collect();
        let array = NpyArray { shape, samples: Samples::F64(values) };
        prop_assert_eq!(decode(&encode_npy(&array).unwrap()).unwrap(), array);
    }

    #[test]
    fn damaged_arrays_never_panic(at in 0usize..200, byte in any::<u8>(), cut in 0usize..200) {
        let array = NpyArray { shape: vec![3, 4], samples: Samples::F32(vec![1.0; 12]) };
        let mut bytes = encode_npy(&array).unwrap();
        if let Some(target) = bytes.get_mut(at) {
            *target = byte;
        }
        bytes.truncate(cut);
        let _ = decode(&bytes);
    }
}
