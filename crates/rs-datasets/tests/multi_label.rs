//! Images with several classes: BigEarthNet over stand-ins in its layout and over the real patch, and manifests of one's own.

mod common;

use std::fs;

use common::{check_invariants, open, write};
use rs_datasets::catalog::{BIGEARTHNET_CLASSES, fake};
use rs_datasets::io::Samples;
use rs_datasets::{Batch, DataError, InputUnit, Label, Task};
use tempfile::tempdir;

#[test]
fn patches_have_bands_of_three_sizes_and_all_their_classes() {
    let folder = tempdir().unwrap();
    fake::write_bigearthnet(folder.path(), 4, 5).unwrap();
    let set = open("bigearthnet", folder.path()).unwrap();
    check_invariants(&*set);
    assert_eq!((set.len(), set.classes().len()), (4, 43));
    assert_eq!(set.info().task, Task::MultiLabel);
    let samples: Vec<_> = (0..4).map(|index| set.load(index).unwrap()).collect();
    for (number, sample) in samples.iter().enumerate() {
        let expected: Vec<usize> = (number..=number + number % 2).collect();
        assert_eq!(sample.label, Label::Classes(expected));
        let image = &sample.image;
        assert_eq!((image.height, image.width, image.bands.len()), (12, 12, 12));
        assert_eq!(image.unit, InputUnit::SENTINEL2_DN);
        for (place, band) in image.bands.as_slice().iter().enumerate() {
            let level = (300 + 250 * ((number * 7 + place * 3) % 10)) as f32;
            let values = image.band(place);
            assert!(values.iter().all(|v| (0.0..100.0).contains(&(v - level))));
            // Six times six pixels of 10 m are one of 60 m.
            if band.gsd_m == Some(60.0) {
                let rows = (0..6).flat_map(|row| &values[row * 12..row * 12 + 6]);
                assert!(rows.into_iter().all(|v| *v == values[0]), "{}", band.name);
            }
        }
    }
    let batch = Batch::new(samples).unwrap();
    assert_eq!(batch.label_sets.unwrap()[1], [1, 2]);
    assert!(batch.labels.is_empty() && batch.masks.is_none());
}

#[test]
fn what_is_missing_or_unknown_is_named() {
    let folder = tempdir().unwrap();
    fake::write_bigearthnet(folder.path(), 2, 5).unwrap();
    let id = open("bigearthnet", folder.path()).unwrap().id(0).to_owned();
    let labels = format!("bigearthnet/{id}/{id}_labels_metadata.json");
    write(&folder, &labels, br#"{"labels": ["Ice cream parlours"]}"#);
    let load = || open("bigearthnet", folder.path()).unwrap().load(0);
    assert!(
        matches!(load(), Err(DataError::UnknownLabel { label, .. }) if label == "Ice cream parlours")
    );
    write(&folder, &labels, b"{\"labels\": ");
    assert!(matches!(load(), Err(DataError::Manifest { .. })));
    let band = folder.path().join(format!("bigearthnet/{id}/{id}_B8A.tif"));
    let wrong = fake::tiff(1, 7, 7, &Samples::U16(vec![0; 49]));
    fs::write(&band, wrong).unwrap();
    assert!(matches!(load(), Err(DataError::Extent { .. })));
    fs::remove_file(&band).unwrap();
    let failed = open("bigearthnet", folder.path()).map(|_| ()).unwrap_err();
    assert!(failed.to_string().contains("B8A"), "{failed}");
    let empty = tempdir().unwrap();
    assert!(matches!(
        open("bigearthnet", empty.path()),
        Err(DataError::Layout { .. })
    ));
}

#[test]
fn a_manifest_lists_several_classes_with_semicolons() {
    let folder = tempdir().unwrap();
    for name in ["a.tif", "b.tif"] {
        write(
            &folder,
            name,
            &fake::tiff(3, 2, 2, &Samples::U8(vec![7; 12])),
        );
    }
    write(
        &folder,
        "dataset.toml",
        b"[dataset]\ntask = \"multi_label\"\n",
    );
    write(
        &folder,
        "manifest.csv",
        b"path,label\na.tif,water; forest\nb.tif,forest\n",
    );
    let set = open("manifest", folder.path()).unwrap();
    check_invariants(&*set);
    assert_eq!(set.classes(), ["forest", "water"]);
    assert_eq!(set.load(0).unwrap().label, Label::Classes(vec![0, 1]));
    assert_eq!(set.load(1).unwrap().label, Label::Classes(vec![0]));
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn the_real_patch_is_arable_land_and_pasture() {
    let root =
        std::env::var_os("RS_DATA_DIR").expect("RS_DATA_DIR was set when the tests were built");
    let set = open("bigearthnet", root.as_ref()).unwrap();
    check_invariants(&*set);
    let sample = set.load(0).unwrap();
    assert_eq!(sample.id, "S2A_MSIL2A_20170617T113321_36_85");
    assert_eq!((sample.image.height, sample.image.width), (120, 120));
    let Label::Classes(classes) = sample.label else {
        panic!("no set of classes");
    };
    let names: Vec<&str> = classes
        .iter()
        .map(|&class| BIGEARTHNET_CLASSES[class])
        .collect();
    assert_eq!(names, ["Non-irrigated arable land", "Pastures"]);
    // What the label file says of the place.
    let geo = sample.geo.unwrap();
    assert_eq!(geo.epsg, Some(32_629));
    assert_eq!(
        (geo.transform[0], geo.transform[3]),
        (643_200.0, 5_798_040.0)
    );
}
