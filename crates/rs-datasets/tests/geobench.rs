//! HDF5 as h5py writes it, and the GEO-Bench sets that are made of such files.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{check_invariants, open, write};
use rs_datasets::catalog::{BandNaming, GeoBench, GeoBenchName, fake};
use rs_datasets::io::{Hdf5, Pickled, Samples, Source, bytes_literal};
use rs_datasets::{DataError, Dataset, InputUnit, Label, ReadLimits};
use tempfile::tempdir;

fn golden(name: &str) -> Vec<u8> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/golden/rs-datasets/hdf5.zip");
    Source::open(&path).unwrap().read(name).unwrap()
}

fn parse(bytes: Vec<u8>) -> Result<Hdf5, DataError> {
    Hdf5::open(bytes, Path::new("golden.h5"), &ReadLimits::default())
}

#[test]
fn files_of_h5py_are_read_in_every_type() {
    let file = parse(golden("types.h5")).unwrap();
    let expected: Vec<f32> = (0..6).map(|i| (7 * i + 1) as f32).collect();
    let mut bands = 0;
    for name in file.names().filter(|name| name.ends_with(" band")) {
        let array = file.read(name).unwrap();
        assert_eq!(array.shape, [2, 3], "{name}");
        assert_eq!(array.samples.clone().into_f32(), expected, "{name}");
        let dtype = name.trim_end_matches(" band").trim_start_matches('>');
        let dtype = match dtype {
            "i2" => "int16",
            "f4" => "float32",
            other => other,
        };
        assert_eq!(array.samples.dtype().name(), dtype);
        bands += 1;
    }
    assert_eq!(bands, 12);
    let single = file.read("single").unwrap();
    assert_eq!(
        (single.shape.len(), single.samples),
        (0, Samples::F32(vec![0.5]))
    );
    assert_eq!(file.read("cube").unwrap().shape, [2, 3, 4]);
    let error = file.read("nothing").unwrap_err().to_string();
    assert!(
        error.contains("golden.h5") && error.contains("cube"),
        "{error}"
    );

    let many = parse(golden("many.h5")).unwrap();
    assert_eq!(many.names().count(), 300);
    assert_eq!(many.read("217").unwrap().samples, Samples::I16(vec![217]));
}

#[test]
fn text_attributes_and_the_pickle_in_one_are_read() {
    let file = parse(golden("sample.h5")).unwrap();
    assert_eq!(
        file.attribute("fixed").unwrap().as_deref(),
        Some("fixed text")
    );
    assert_eq!(file.attribute("nothing").unwrap(), None);
    assert!(matches!(
        file.attribute("number"),
        Err(DataError::Unsupported { .. })
    ));
    let text = file.attribute("pickle").unwrap().unwrap();
    let found = Pickled::read(&bytes_literal(&text).unwrap(), Path::new("golden.h5")).unwrap();
    assert_eq!(found.get("label").unwrap().integer(), Some(4));
    let names = ["02 - Blue", "04 - Red"].map(|name| Pickled::Text(name.into()));
    assert_eq!(
        found.get("bands_order"),
        Some(&Pickled::List(names.to_vec()))
    );
    let transform = Pickled::List(vec![Pickled::Float(1.5), Pickled::Int(-2)]);
    assert_eq!(
        found.get("02 - Blue").unwrap().get("transform"),
        Some(&transform)
    );
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    for (name, word) in [
        ("latest", "newer"),
        ("chunks", "chunks"),
        ("gzip", "compressed"),
        ("half", "numbers of 2 bytes"),
        ("text", "class 9"),
    ] {
        let file = parse(golden(&format!("refused/{name}.h5")));
        let error = file
            .and_then(|file| file.read("x"))
            .unwrap_err()
            .to_string();
        // A file of the newest layout is refused when it is opened, by its superblock.
        assert!(
            error.contains(word) || error.contains("superblock"),
            "{name}: {error}"
        );
        assert!(
            error.contains("golden.h5") && error.contains("h5py"),
            "{error}"
        );
    }
    assert!(matches!(
        parse(b"no HDF5 at all".to_vec()),
        Err(DataError::Corrupt { .. })
    ));
}

/// Reads everything, whatever it gives.
fn read_all(bytes: Vec<u8>) {
    if let Ok(file) = parse(bytes) {
        let _ = file.attribute("pickle").map(|text| {
            let bytes = text.as_deref().and_then(bytes_literal);
            bytes.map(|bytes| Pickled::read(&bytes, Path::new("golden.h5")).is_ok())
        });
        let names: Vec<String> = file.names().map(String::from).collect();
        for name in names {
            let _ = file.read(&name);
        }
    }
}

#[test]
fn damaged_files_are_errors_and_nothing_worse() {
    let bands = [
        ("02 - Blue", Samples::I16(vec![1; 16])),
        ("04 - Red", Samples::F32(vec![0.5; 16])),
    ];
    let good = fake::hdf5(&bands, [4, 4], "b'abc'");
    let file = parse(good.clone()).unwrap();
    assert_eq!(file.attribute("pickle").unwrap().as_deref(), Some("b'abc'"));
    assert_eq!(
        file.read("04 - Red").unwrap().samples,
        Samples::F32(vec![0.5; 16])
    );
    for end in (0..good.len()).step_by(7) {
        read_all(good[..end].to_vec());
    }
    // Every byte of the structure, with the values that hurt most.
    for at in (0..good.len()).filter(|&at| good[at] != 0 || at < 600) {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bad = good.clone();
            bad[at] = value;
            read_all(bad);
        }
    }
}

#[test]
fn sets_are_read_by_their_right_names_or_by_the_published_ones() {
    let folder = tempdir().unwrap();
    for (set, name, classes, bands) in [
        (GeoBenchName::So2Sat, "geobench_so2sat", 17, 10),
        (GeoBenchName::BrickKiln, "geobench_brick_kiln", 2, 10),
        (GeoBenchName::ForestNet, "geobench_forestnet", 12, 6),
        (GeoBenchName::EuroSat, "geobench_eurosat", 10, 13),
    ] {
        fake::write_geobench(folder.path(), set, 4, 5).unwrap();
        let found = open(name, folder.path()).unwrap();
        check_invariants(&*found);
        assert_eq!(
            (found.len(), found.classes().len()),
            (4 * classes, classes),
            "{name}"
        );
        assert_eq!(found.bands().len(), bands, "{name}");
        let count = |part| {
            let parts = (0..found.len()).filter(|&i| found.published_split(i) == Some(part));
            parts.count()
        };
        assert_eq!(
            (count("train"), count("valid"), count("test")),
            (2 * classes, classes, classes)
        );
        // Without the table, the labels in the samples say the same.
        let table = folder
            .path()
            .join("classification_v1.0")
            .join(name.replace("geobench_", "m-").replace('_', "-"))
            .join("label_map.json");
        fs::remove_file(&table).unwrap_or_else(|e| panic!("{}: {e}", table.display()));
        let again = open(name, folder.path()).unwrap();
        for index in 0..found.len() {
            assert_eq!(found.class_of(index), again.class_of(index));
        }
    }
    // The same file: what is stored as "12" is B8A, and published as B12.
    let truth = open("geobench_eurosat", folder.path()).unwrap();
    let published = open("geobench_eurosat_published", folder.path()).unwrap();
    let (a, b) = (
        truth.load(3).unwrap().image,
        published.load(3).unwrap().image,
    );
    assert_eq!(a.unit, InputUnit::SENTINEL2_DN);
    let band = |image: &rs_datasets::Image, name: &str| {
        image.band(image.bands.index_of(name).unwrap()).to_vec()
    };
    assert_eq!(band(&a, "B8A"), band(&b, "B12"));
    assert_eq!(band(&a, "B09"), band(&b, "B8A"));
    assert_eq!(band(&a, "B04"), band(&b, "B04"));
    let kilns = open("geobench_brick_kiln_published", folder.path()).unwrap();
    assert_eq!(kilns.bands().len(), 13);
    let forest = open("geobench_forestnet", folder.path()).unwrap();
    assert_eq!(forest.load(0).unwrap().image.unit, InputUnit::Uint8);
}

#[test]
fn mistakes_in_tables_and_samples_are_named() {
    let folder = tempdir().unwrap();
    let set = "classification_v1.0/m-brick-kiln";
    let failed = || {
        open("geobench_brick_kiln", folder.path())
            .err()
            .unwrap()
            .to_string()
    };
    fs::create_dir_all(folder.path().join(set)).unwrap();
    assert!(failed().contains("id>.hdf5"));
    fake::write_geobench(folder.path(), GeoBenchName::BrickKiln, 1, 5).unwrap();
    let put = |name: &str, bytes: &[u8]| write(&folder, &format!("{set}/{name}"), bytes);
    let labels = b"{\"0\": [\"id_0000\"], \"1\": [\"id_0001\"]}";
    for (table, words) in [
        (&b"{\"0\": [\"id_0000\"]}"[..], "id_0001.hdf5"),
        (b"{\"0\": [\"id_0000\"], \"7\": [\"id_0001\"]}", "`7`"),
        (b"{\"0\": [\"id_0000\", \"id_0000\"]}", "already"),
        (b"{\"0\": [\"id_0000\", \"id_9999\"]}", "id_9999.hdf5"),
        (b"[1]", "label_map.json"),
    ] {
        put("label_map.json", table);
        let error = failed();
        assert!(error.contains(words), "{words}: {error}");
    }
    put("label_map.json", labels);
    let bands = [("02 - Blue", Samples::I16(vec![1; 16]))];
    put("id_0000.hdf5", &fake::hdf5(&bands, [4, 4], "b'abc'"));
    let kilns = open("geobench_brick_kiln", folder.path()).unwrap();
    let error = kilns.load(0).unwrap_err().to_string();
    assert!(
        error.contains("01 - Coastal aerosol") && error.contains("02 - Blue"),
        "{error}"
    );
    assert!(kilns.load(1).is_ok());
    fs::remove_file(folder.path().join(set).join("label_map.json")).unwrap();
    assert!(failed().contains("id_0000.hdf5"));
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn the_real_sample_is_read() {
    let root = PathBuf::from(std::env::var_os("RS_DATA_DIR").unwrap());
    let load = |naming| {
        let limits = ReadLimits::default();
        let set = GeoBench::open(&root, GeoBenchName::EuroSat, naming, limits).unwrap();
        assert_eq!(
            (set.len(), set.id(0), set.published_split(0)),
            (1, "id_1905", None)
        );
        set.load(0).unwrap()
    };
    let sample = load(BandNaming::Corrected);
    assert_eq!(sample.label, Label::Class(1));
    assert_eq!((sample.image.height, sample.image.width), (64, 64));
    let mean = |image: &rs_datasets::Image, name: &str| {
        let band = image.band(image.bands.index_of(name).unwrap());
        band.iter().sum::<f32>() / band.len() as f32
    };
    // Forest: near infrared is bright and B8A resembles B08; the cirrus band holds next to nothing.
    let image = sample.image;
    let (near, narrow) = (mean(&image, "B08"), mean(&image, "B8A"));
    assert!((0.7..1.5).contains(&(narrow / near)), "{near} {narrow}");
    assert!(mean(&image, "B10") < 100.0, "{}", mean(&image, "B10"));
    let published = load(BandNaming::Published).image;
    assert_eq!(mean(&published, "B12"), narrow);
}
