//! The published sets with a class per pixel over stand-ins in the real layouts, and over the real chips where they are.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::{check_invariants, open, write};
use rs_datasets::catalog::{MADOS_CLASSES, fake};
use rs_datasets::io::{NpyArray, Samples, encode_npy};
use rs_datasets::split::train_test_split;
use rs_datasets::{DataError, Dataset, InputUnit, Label};
use tempfile::tempdir;

fn classes(set: &dyn Dataset, index: usize) -> Vec<i32> {
    match set.load(index).unwrap().label {
        Label::Segmentation { classes, .. } => classes,
        other => panic!("no mask but {other:?}"),
    }
}

fn parts(set: &dyn Dataset) -> BTreeMap<String, usize> {
    let mut parts = BTreeMap::new();
    for index in 0..set.len() {
        let part = set.published_split(index).unwrap_or("none");
        *parts.entry(part.to_owned()).or_default() += 1;
    }
    parts
}

#[test]
fn burn_scars_are_read_and_divided_as_the_benchmark_does() {
    let folder = tempdir().unwrap();
    fake::write_burn_scars(folder.path(), 20, 3, 5).unwrap();
    let set = open("hls_burn_scars", folder.path()).unwrap();
    check_invariants(&*set);
    let count = |part: &str| parts(&*set)[part];
    assert_eq!((count("train"), count("val"), count("test")), (18, 2, 3));
    // The rows that scikit-learn draws, over the sorted files of the training folder.
    let (_, val) = train_test_split(20, 0.1, 23);
    for row in 0..20 {
        let id = format!("subsetted_512x512_HLS.S30.T10SDH.{}.v1.4", 2_018_000 + row);
        let part = set.published_split(set.index_of(&id).unwrap()).unwrap();
        assert_eq!(part == "val", val.contains(&row), "{id}");
    }
    assert_eq!(
        set.bands().names(),
        ["B02", "B03", "B04", "B8A", "B11", "B12"]
    );
    assert_eq!(set.bands().as_slice()[3].gsd_m, Some(30.0));
    let sample = set.load(0).unwrap();
    assert_eq!(sample.image.unit, InputUnit::Reflectance);
    let valid = sample.valid.unwrap().valid;
    assert!(!valid[0] && valid[1..].iter().all(|&valid| valid));
    let labels = classes(&*set, 0);
    assert_eq!(&labels[..2], [-1, -1]);
    assert!(labels.contains(&0) && labels.contains(&1));
}

#[test]
fn mados_bands_come_by_wavelength_from_three_pixel_sizes() {
    let folder = tempdir().unwrap();
    fake::write_mados(folder.path(), 2, 4, 5).unwrap();
    let set = open("mados", folder.path()).unwrap();
    check_invariants(&*set);
    assert_eq!(set.len(), 8);
    let count = |part: &str| parts(&*set)[part];
    assert_eq!((count("train"), count("val"), count("test")), (2, 2, 4));
    assert_eq!(set.classes().len(), 15);
    for index in 0..set.len() {
        let sample = set.load(index).unwrap();
        assert_eq!((sample.image.height, sample.image.width), (24, 24));
        assert_eq!(sample.image.unit, InputUnit::Reflectance);
        // B01 has pixels of 60 m: six times six of them are equal.
        let coarse = sample.image.band(0);
        assert!((0..6).all(|row| {
            coarse[row * 24..row * 24 + 6]
                .iter()
                .all(|v| *v == coarse[0])
        }));
        // B03 was not measured in its second pixel.
        let valid = sample.valid.unwrap().valid;
        assert!(!valid[1] && valid[0]);
        let labels = classes(&*set, index);
        assert_eq!(&labels[..2], [-1, -1], "0 in the file is unlabelled");
        assert!(labels[2..].iter().all(|class| (0..15).contains(class)));
        // The level of a class and a band is the generator's, so bands stand in their order.
        let (at, class) = (2, labels[2] + 1);
        for band in [1, 3, 10] {
            let level = 0.05 + 0.04 * ((class as usize * 7 + band * 3) % 10) as f32;
            let found = sample.image.band(band)[if band == 10 { 50 } else { at }];
            let class_there = labels[if band == 10 { 50 } else { at }] + 1;
            assert!(
                class_there != class || (0.0..0.03).contains(&(found - level)),
                "{band}"
            );
        }
    }
    assert_eq!(set.classes()[6], MADOS_CLASSES[6]);
}

#[test]
fn floods_come_by_sensor() {
    let folder = tempdir().unwrap();
    fake::write_sen1floods11(folder.path(), 8, 5).unwrap();
    let radar = open("sen1floods11_s1", folder.path()).unwrap();
    let optical = open("sen1floods11_s2", folder.path()).unwrap();
    for set in [&radar, &optical] {
        check_invariants(&**set);
        assert_eq!(
            parts(&**set).values().copied().collect::<Vec<_>>(),
            [2, 2, 2, 2]
        );
        assert!(parts(&**set).contains_key("bolivia"));
    }
    assert_eq!(radar.bands().names(), ["VV", "VH"]);
    assert_eq!(optical.bands().len(), 13);
    let (a, b) = (radar.load(0).unwrap(), optical.load(0).unwrap());
    assert_eq!(a.label, b.label);
    assert_eq!(a.image.unit, InputUnit::Sigma0Db);
    assert_eq!(b.image.unit, InputUnit::SENTINEL2_DN);
    assert!(!a.valid.unwrap().valid[5] && !b.valid.unwrap().valid[7]);
    // A chip without an image of the sensor is left out.
    fs::remove_file(folder.path().join("sen1floods11/S2/Ghana_1000_S2Hand.tif")).unwrap();
    assert_eq!(open("sen1floods11_s2", folder.path()).unwrap().len(), 7);
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let folder = tempdir().unwrap();
    for name in [
        "hls_burn_scars",
        "mados",
        "sen1floods11_s1",
        "sen1floods11_s2",
    ] {
        let error = open(name, folder.path()).err().unwrap();
        assert!(matches!(error, DataError::Layout { .. }), "{error}");
    }
    fake::write_mados(folder.path(), 1, 2, 5).unwrap();
    let failed = |name: &str| open(name, folder.path()).err().unwrap().to_string();
    let band = folder
        .path()
        .join("MADOS/Scene_0/20/Scene_0_L2R_rhorc_1614_1.tif");
    let bytes = fs::read(&band).unwrap();
    fs::remove_file(&band).unwrap();
    assert!(failed("mados").contains("Scene_0_L2R_cl_1.tif"));
    fs::write(&band, bytes).unwrap();
    write(&folder, "MADOS/splits/test_X.txt", b"Scene_0_0\n");
    assert!(failed("mados").contains("train"));
    write(&folder, "MADOS/splits/test_X.txt", b"Scene_9_9\n");
    assert!(failed("mados").contains("Scene_9_9"));
    write(&folder, "MADOS/splits/test_X.txt", b"");
    // A class that there is not, and a band of another extent.
    let labels = fake::tiff(1, 24, 24, &Samples::U8(vec![16; 576]));
    write(&folder, "MADOS/Scene_0/10/Scene_0_L2R_cl_1.tif", &labels);
    let set = open("mados", folder.path()).unwrap();
    let error = set.load(1).unwrap_err().to_string();
    assert!(
        error.contains("`16") && error.contains("1 to 15"),
        "{error}"
    );
    let odd = fake::tiff(1, 7, 7, &Samples::F32(vec![0.1; 49]));
    write(
        &folder,
        "MADOS/Scene_0/60/Scene_0_L2R_rhorc_443_0.tif",
        &odd,
    );
    let error = set.load(0).unwrap_err();
    assert!(matches!(error, DataError::Extent { .. }), "{error}");

    fake::write_burn_scars(folder.path(), 2, 1, 5).unwrap();
    let root = folder.path().join("hls_burn_scars");
    let scene = "subsetted_512x512_HLS.S30.T10SDH.2018000.v1.4";
    for ending in ["_merged.tif", ".mask.tif"] {
        let file = format!("{scene}{ending}");
        let copy = root.join("validation").join(&file);
        fs::copy(root.join("training").join(&file), copy).unwrap();
    }
    assert!(failed("hls_burn_scars").contains("twice"));
    fs::remove_dir_all(root.join("validation")).unwrap();
    let scene = "hls_burn_scars/training/subsetted_512x512_HLS.S30.T10SDH.2018000.v1.4";
    let integers = fake::tiff(6, 24, 24, &Samples::I16(vec![1; 6 * 576]));
    write(&folder, &format!("{scene}_merged.tif"), &integers);
    let set = open("hls_burn_scars", folder.path()).unwrap();
    let error = set.load(0).unwrap_err();
    assert!(matches!(error, DataError::Dtype { .. }), "{error}");
    fs::remove_file(folder.path().join(format!("{scene}.mask.tif"))).unwrap();
    assert!(failed("hls_burn_scars").contains("mask"));

    fake::write_sen1floods11(folder.path(), 4, 5).unwrap();
    let table = b"Ghana_1000_S1Hand.tif,x\nGhana_1000_S1Hand.tif,x\n";
    write(&folder, "sen1floods11/splits/flood_train_data.csv", table);
    assert!(failed("sen1floods11_s1").contains("Ghana_1000"));
    write(
        &folder,
        "sen1floods11/splits/flood_train_data.csv",
        b"Ghana\n",
    );
    assert!(failed("sen1floods11_s1").contains("line 1"));
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn the_real_flood_chips_are_read() {
    let root = std::path::PathBuf::from(std::env::var_os("RS_DATA_DIR").unwrap());
    let radar = open("sen1floods11_s1", &root).unwrap();
    assert_eq!(radar.len(), 13);
    let mut with_both = 0;
    for index in 0..radar.len() {
        let sample = radar.load(index).unwrap();
        assert_eq!((sample.image.height, sample.image.width), (512, 512));
        let labels = classes(&*radar, index);
        with_both += usize::from(labels.contains(&0) && labels.contains(&1));
        if sample.id == "Ghana_83483" {
            assert!(labels.iter().all(|class| *class == -1));
        }
        if sample.id == "Paraguay_34417" {
            assert!(sample.valid.unwrap().valid.iter().all(|valid| !valid));
        }
    }
    assert!(with_both >= 9, "{with_both}");
    let optical = open("sen1floods11_s2", &root).unwrap();
    assert_eq!((optical.len(), optical.id(0)), (1, "Spain_7370579"));
    let image = optical.load(0).unwrap().image;
    let near = image.band(image.bands.index_of("B08").unwrap());
    let mean = near.iter().sum::<f32>() / near.len() as f32;
    assert!((500.0..5000.0).contains(&mean), "{mean}");
}

#[test]
fn the_example_patch_of_eo_learn_has_one_date_or_all() {
    let folder = tempdir().unwrap();
    fake::write_eo_learn(folder.path(), 4, 5).unwrap();
    let one = open("eo_learn", folder.path()).unwrap();
    let all = open("eo_learn_dates", folder.path()).unwrap();
    check_invariants(&*one);
    check_invariants(&*all);
    assert_eq!((one.bands().len(), all.bands().len()), (13, 52));
    assert_eq!(all.bands().names()[2 * 13 + 3], "B04@2");
    let (one, all) = (one.load(0).unwrap(), all.load(0).unwrap());
    assert_eq!(one.image.unit, InputUnit::Reflectance);
    for band in 0..13 {
        assert_eq!(
            one.image.band(band),
            all.image.band(2 * 13 + band),
            "the third date"
        );
    }
    assert_eq!(one.label, all.label);
    let Label::Segmentation { classes, .. } = one.label else {
        panic!("no mask");
    };
    assert_eq!(&classes[..2], [-1, -1]);
    let places: Vec<usize> = (2..classes.len()).filter(|&at| classes[at] == 1).collect();
    assert!(classes[2..].iter().all(|class| [1, 2].contains(class)));
    // The generator's level of class 2 in the file, band B04, third date.
    let level = 0.05 + 0.04 * ((2 * 7 + (3 + 2) * 3) % 10) as f32;
    assert!(
        places
            .iter()
            .all(|&at| (0.0..0.03).contains(&(one.image.band(3)[at] - level)))
    );
}

#[test]
fn arrays_of_another_shape_are_no_example_patch() {
    let folder = tempdir().unwrap();
    fake::write_eo_learn(folder.path(), 2, 5).unwrap();
    // The third of two dates.
    assert!(matches!(
        open("eo_learn", folder.path()),
        Err(DataError::Setting { .. })
    ));
    let array = NpyArray {
        shape: vec![2, 24, 24],
        samples: Samples::F32(vec![0.0; 2 * 24 * 24]),
    };
    let bytes = encode_npy(&array).unwrap();
    write(&folder, "eo_learn/REFERENCE_SCENES.npy", &bytes);
    let failed = open("eo_learn_dates", folder.path())
        .map(|_| ())
        .unwrap_err();
    assert!(failed.to_string().contains("[2, 24, 24]"), "{failed}");
    fs::remove_file(folder.path().join("eo_learn/LULC.npy")).unwrap();
    let failed = open("eo_learn_dates", folder.path())
        .map(|_| ())
        .unwrap_err();
    assert!(failed.to_string().contains("LULC.npy"), "{failed}");
}
