//! Images of one's own: class folders and manifests.

mod common;

use std::fs;

use common::{check_invariants, open, write};
use rs_datasets::catalog::fake;
use rs_datasets::io::{NpyArray, Samples, write_npy};
use rs_datasets::{DataError, InputUnit, Label, Task};
use tempfile::tempdir;

fn small_tiff(value: u8) -> Vec<u8> {
    fake::tiff(2, 2, 3, &Samples::U8(vec![value; 12]))
}

#[test]
fn class_folders_may_hold_any_format() {
    let folder = tempdir().unwrap();
    write(&folder, "lake/a.tif", &small_tiff(1));
    let array = NpyArray {
        shape: vec![2, 2, 3],
        samples: Samples::U8(vec![2; 12]),
    };
    fs::create_dir_all(folder.path().join("pond")).unwrap();
    write_npy(&folder.path().join("pond/a.npy"), &array).unwrap();
    write(&folder, "pond/notes.txt", b"ignored");
    write(&folder, ".hidden/b.tif", b"ignored");
    let set = open("folder", folder.path()).unwrap();
    check_invariants(&*set);
    assert_eq!(set.classes(), ["lake", "pond"]);
    assert_eq!(
        (0..2).map(|i| set.id(i)).collect::<Vec<_>>(),
        ["lake/a", "pond/a"]
    );
    assert_eq!(set.bands().names(), ["band_1", "band_2"]);
    assert_eq!(set.load(1).unwrap().image.data, vec![2.0; 12]);

    fs::create_dir(folder.path().join("river")).unwrap();
    let error = open("folder", folder.path()).err().unwrap();
    assert!(
        matches!(&error, DataError::EmptyClass { class, .. } if class == "river"),
        "{error}"
    );
    fs::remove_dir(folder.path().join("river")).unwrap();

    write(&folder, "stray.tif", &small_tiff(1));
    assert!(matches!(
        open("folder", folder.path()).err(),
        Some(DataError::Layout { .. })
    ));
}

#[test]
fn class_folders_below_splits_and_with_a_description() {
    let folder = tempdir().unwrap();
    for (name, value) in [("train/lake/1", 1), ("train/pond/1", 2), ("test/lake/1", 3)] {
        let samples = Samples::I16(vec![value; 12]);
        write(
            &folder,
            &format!("{name}.tif"),
            &fake::tiff(2, 2, 3, &samples),
        );
    }
    let error = open("folder", folder.path()).err().unwrap();
    assert!(matches!(&error, DataError::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("unit"), "{error}");
    let description = r#"
        [dataset]
        name = "waters"
        licence = "CC0"
        classes = ["pond", "lake"]
        unit = { digital_number = { scale = 0.0001, offset = -0.1 } }
        bands = [{ name = "red", sensor = "drone" }, { name = "nir", sensor = "drone", wavelength_nm = 840.0 }]
    "#;
    write(&folder, "dataset.toml", description.as_bytes());
    let set = open("folder", folder.path()).unwrap();
    check_invariants(&*set);
    assert_eq!(
        (set.name(), set.classes()),
        ("waters", &["pond".to_string(), "lake".into()][..])
    );
    assert_eq!(set.bands().names(), ["red", "nir"]);
    assert_eq!(
        set.load(0).unwrap().image.unit,
        InputUnit::DigitalNumber {
            scale: 1e-4,
            offset: -0.1
        }
    );
    let splits: Vec<_> = (0..3)
        .map(|i| (set.id(i), set.published_split(i), set.class_of(i)))
        .collect();
    assert_eq!(
        splits,
        [
            ("test/lake/1", Some("test"), Some(1)),
            ("train/lake/1", Some("train"), Some(1)),
            ("train/pond/1", Some("train"), Some(0)),
        ]
    );

    let open_with = |text: &str| {
        write(&folder, "dataset.toml", text.as_bytes());
        open("folder", folder.path()).err().unwrap()
    };
    let error = open_with("[dataset]\nclases = [\"pond\"]\n");
    assert!(matches!(&error, DataError::Manifest { .. }), "{error}");
    assert!(
        error.to_string().contains("clases") && error.to_string().contains("dataset.toml"),
        "{error}"
    );
    let error = open_with("[dataset]\nunit = \"reflectance\"\nclasses = [\"pond\"]\n");
    assert!(matches!(&error, DataError::UnknownLabel { .. }), "{error}");
    let error =
        open_with("[dataset]\nunit = \"reflectance\"\nclasses = [\"lake\", \"pond\", \"sea\"]\n");
    assert!(matches!(&error, DataError::EmptyClass { .. }), "{error}");
}

#[test]
fn manifests_in_csv_and_toml_agree() {
    let folder = tempdir().unwrap();
    write(&folder, "images/one, with comma.tif", &small_tiff(1));
    write(&folder, "images/two.tif", &small_tiff(2));
    write(
        &folder,
        "m.csv",
        b"label,path,split\r\nwet,\"images/one, with comma.tif\",train\r\ndry,images/two.tif,\r\n",
    );
    write(
        &folder,
        "m.toml",
        br#"
            [[sample]]
            path = "images/one, with comma.tif"
            label = "wet"
            split = "train"
            [[sample]]
            path = "images/two.tif"
            label = "dry"
        "#,
    );
    for name in ["m.csv", "m.toml"] {
        let set = open("manifest", &folder.path().join(name)).unwrap();
        check_invariants(&*set);
        assert_eq!(set.classes(), ["dry", "wet"]);
        assert_eq!(set.id(0), "images/one, with comma");
        assert_eq!((set.class_of(0), set.class_of(1)), (Some(1), Some(0)));
        assert_eq!(
            (set.published_split(0), set.published_split(1)),
            (Some("train"), None)
        );
        assert_eq!(set.load(1).unwrap().image.data, vec![2.0; 12]);
    }
}

#[test]
fn a_manifest_without_labels_can_be_predicted_on() {
    let folder = tempdir().unwrap();
    write(&folder, "a.tif", &small_tiff(1));
    write(&folder, "manifest.csv", b"path\na.tif\n");
    write(
        &folder,
        "dataset.toml",
        b"[dataset]\nclasses = [\"dry\", \"wet\"]\n",
    );
    let set = open("manifest", folder.path()).unwrap();
    check_invariants(&*set);
    assert_eq!(
        (set.class_of(0), set.load(0).unwrap().label),
        (None, Label::None)
    );
    assert_eq!(set.classes().len(), 2);
}

#[test]
fn masks_become_segmentation_labels() {
    let folder = tempdir().unwrap();
    write(
        &folder,
        "a.tif",
        &fake::tiff(
            1,
            2,
            3,
            &Samples::F32(vec![1.0, f32::NAN, 1.0, 1.0, 1.0, 1.0]),
        ),
    );
    write(
        &folder,
        "mask.tif",
        &fake::tiff(1, 2, 3, &Samples::I16(vec![0, 1, 1, -1, 9, 0])),
    );
    let manifest = |mask: &str| {
        format!(
            "[dataset]\ntask = \"segmentation\"\nclasses = [\"dry\", \"wet\"]\nignore = [9]\nunit = \"sigma0_db\"\n\
             [[sample]]\npath = \"a.tif\"\nlabel = \"{mask}\"\n"
        )
    };
    write(&folder, "m.toml", manifest("mask.tif").as_bytes());
    let set = open("manifest", &folder.path().join("m.toml")).unwrap();
    check_invariants(&*set);
    assert_eq!(
        (set.info().task, set.class_of(0)),
        (Task::Segmentation, None)
    );
    let sample = set.load(0).unwrap();
    assert_eq!(
        sample.valid.unwrap().valid,
        [true, false, true, true, true, true]
    );
    // -1 and 9 are ignored as asked for, and so is the pixel that was not measured.
    assert_eq!(
        sample.label,
        Label::Segmentation {
            height: 2,
            width: 3,
            classes: vec![0, -1, 1, -1, -1, 0]
        }
    );

    let load = |samples: Samples, height: usize| {
        write(&folder, "mask.tif", &fake::tiff(1, height, 3, &samples));
        set.load(0).err().unwrap()
    };
    let error = load(Samples::U8(vec![0, 0, 0, 0, 2, 0]), 2);
    assert!(matches!(&error, DataError::UnknownLabel { .. }), "{error}");
    assert!(
        error.to_string().contains("row 1, column 1") && error.to_string().contains("mask.tif"),
        "{error}"
    );
    let error = load(Samples::F32(vec![0.0, 0.0, 0.5, 0.0, 0.0, 0.0]), 2);
    assert!(matches!(&error, DataError::UnknownLabel { .. }), "{error}");
    assert!(matches!(
        load(Samples::U8(vec![0; 9]), 3),
        DataError::Extent { .. }
    ));
    write(&folder, "m.toml", manifest("gone.tif").as_bytes());
    let error = open("manifest", &folder.path().join("m.toml"))
        .err()
        .unwrap();
    assert!(
        matches!(&error, DataError::Missing { .. }) && error.to_string().contains("sample 1"),
        "{error}"
    );
}

#[test]
fn mistakes_in_a_manifest_name_file_and_line() {
    let folder = tempdir().unwrap();
    write(&folder, "a.tif", &small_tiff(1));
    write(&folder, "b.tif", &small_tiff(2));
    let open_csv = |text: &str| {
        write(&folder, "manifest.csv", text.as_bytes());
        let error = open("manifest", folder.path()).err().unwrap();
        (error.to_string(), error)
    };
    for (table, part) in [
        ("", "line 1"),
        ("path,label\n", "no sample"),
        ("label\nx\n", "`path` is missing"),
        ("path,labels\na.tif,x\n", "`labels` is unknown"),
        ("path,label\na.tif\n", "line 2"),
        ("path,label\na.tif,x\nb.tif,\n", "line 3"),
        ("path,label\na.tif,\"x\n", "not closed"),
        ("path,label\na.tif,x\ngone.tif,x\n", "line 3"),
        ("path,label\na.tif,x\na.tif,x\n", "twice"),
    ] {
        let (text, _) = open_csv(table);
        assert!(
            text.contains(part) && text.contains("manifest.csv"),
            "{table:?}: {text}"
        );
    }
    write(&folder, "dataset.toml", b"[dataset]\nclasses = [\"x\"]\n");
    let (text, error) = open_csv("path,label\na.tif,x\nb.tif,y\n");
    assert!(
        matches!(error, DataError::UnknownLabel { .. }) && text.contains("line 3"),
        "{text}"
    );
    write(
        &folder,
        "dataset.toml",
        b"[dataset]\nclasses = [\"x\", \"z\"]\n",
    );
    let (text, error) = open_csv("path,label\na.tif,x\nb.tif,x\n");
    assert!(matches!(error, DataError::EmptyClass { .. }), "{text}");
    fs::write(folder.path().join("manifest.csv"), [b'p', 0xff]).unwrap();
    assert!(
        open("manifest", folder.path())
            .err()
            .unwrap()
            .to_string()
            .contains("UTF-8")
    );
}

#[test]
fn images_of_one_set_have_one_kind() {
    let folder = tempdir().unwrap();
    write(&folder, "x/a.tif", &small_tiff(1));
    write(
        &folder,
        "x/b.tif",
        &fake::tiff(2, 2, 3, &Samples::U16(vec![1; 12])),
    );
    write(
        &folder,
        "x/c.tif",
        &fake::tiff(1, 2, 3, &Samples::U8(vec![1; 6])),
    );
    let set = open("folder", folder.path()).unwrap();
    assert!(set.load(0).is_ok());
    assert!(matches!(set.load(1).err(), Some(DataError::Dtype { .. })));
    assert!(matches!(
        set.load(2).err(),
        Some(DataError::BandCount { .. })
    ));
}
