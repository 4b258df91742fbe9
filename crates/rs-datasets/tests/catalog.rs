//! The data sets over small stand-ins in the real layouts.

use std::fs;
use std::path::Path;

use rs_datasets::catalog::{
    self, OpenSarShip, OpenSarShipConfig, Polarisation, Product, ShipClasses, fake,
};
use rs_datasets::io::{NpyArray, Samples, write_npy};
use rs_datasets::{DataError, Dataset, InputUnit, Label, ReadLimits, Task};
use tempfile::{TempDir, tempdir};

fn open(name: &str, root: &Path) -> Result<Box<dyn Dataset>, DataError> {
    catalog::open(name, root)
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn small_tiff(value: u8) -> Vec<u8> {
    fake::tiff(2, 2, 3, &Samples::U8(vec![value; 12]))
}

/// What holds for every data set.
fn check_invariants(set: &dyn Dataset) {
    assert!(!set.is_empty());
    let mut last = "";
    for index in 0..set.len() {
        let id = set.id(index);
        assert!(last < id, "ids are unique and sorted: {last} {id}");
        last = id;
        let sample = set.load(index).unwrap();
        assert_eq!(sample.id, id);
        assert_eq!(&*sample.image.bands, set.bands());
        if let Label::Class(class) = sample.label {
            assert_eq!(set.class_of(index), Some(class));
            assert!(class < set.classes().len());
        }
        assert_eq!(set.index_of(id).unwrap(), index);
    }
    assert!(matches!(
        set.load(set.len()),
        Err(DataError::IndexOutOfRange { .. })
    ));
    assert!(matches!(
        set.index_of("no such id"),
        Err(DataError::UnknownId { .. })
    ));
    let info = set.info();
    assert_eq!(set.name(), info.name);
    assert!(!info.licence.is_empty() && !info.citation.is_empty() && !info.source.is_empty());
}

#[test]
fn eurosat_rgb_is_the_same_from_folder_and_zip() {
    let (folder, zip) = (tempdir().unwrap(), tempdir().unwrap());
    fake::write_eurosat_rgb(folder.path(), 3, 7).unwrap();
    fake::write_eurosat_rgb_zip(zip.path(), 3, 7).unwrap();
    let a = open("eurosat_rgb", folder.path()).unwrap();
    check_invariants(&*a);
    assert_eq!(
        (a.len(), a.classes().len(), a.name()),
        (30, 10, "eurosat_rgb")
    );
    assert_eq!(a.bands().names(), ["B04", "B03", "B02"]);
    assert_eq!(a.info().expected, Some(27_000));
    for root in [zip.path().to_path_buf(), zip.path().join("EuroSAT_RGB.zip")] {
        let b = open("eurosat_rgb", &root).unwrap();
        assert_eq!(b.len(), 30);
        for index in 0..b.len() {
            assert_eq!(a.load(index).unwrap(), b.load(index).unwrap());
        }
    }
    // The class folders themselves may be given too.
    assert_eq!(
        open("eurosat_rgb", &folder.path().join("EuroSAT_RGB"))
            .unwrap()
            .len(),
        30
    );
    let sample = a.load(a.index_of("River_2").unwrap()).unwrap();
    assert_eq!(sample.image.unit, InputUnit::Uint8);
    assert_eq!(
        a.classes()[a.class_of(a.index_of("River_2").unwrap()).unwrap()],
        "River"
    );
}

#[test]
fn eurosat_ms_pairs_with_rgb_and_knows_its_split() {
    let folder = tempdir().unwrap();
    fake::write_eurosat_rgb(folder.path(), 3, 7).unwrap();
    fake::write_eurosat_ms(folder.path(), 2, 1, 7).unwrap();
    let (rgb, ms) = (
        open("eurosat_rgb", folder.path()).unwrap(),
        open("eurosat_ms", folder.path()).unwrap(),
    );
    check_invariants(&*ms);
    let count = |split| {
        (0..ms.len())
            .filter(|&i| ms.published_split(i) == Some(split))
            .count()
    };
    assert_eq!((count("train"), count("test")), (20, 10));
    assert_eq!(ms.bands().names().last(), Some(&"B8A"));
    for index in 0..ms.len() {
        let other = rgb.index_of(ms.id(index)).unwrap();
        assert_eq!(rgb.class_of(other), ms.class_of(index));
        // Bands are found by name: the picture's red is B04.
        let (wide, picture) = (
            ms.load(index).unwrap().image,
            rgb.load(other).unwrap().image,
        );
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
        for name in ["B04", "B03", "B02"] {
            let expected = mean(wide.band(wide.bands.index_of(name).unwrap())) / 12.0;
            let found = mean(picture.band(picture.bands.index_of(name).unwrap()));
            assert!((expected - found).abs() < 6.0, "{name}: {expected} {found}");
        }
    }
    assert_eq!(ms.load(0).unwrap().image.unit, InputUnit::SENTINEL2_DN);
    // The layout without split folders.
    let flat = open("eurosat_ms", &folder.path().join("eurosat_ms/train")).unwrap();
    assert_eq!((flat.len(), flat.published_split(0)), (20, None));
}

#[test]
fn eurosat_refuses_what_is_not_eurosat() {
    let folder = tempdir().unwrap();
    assert!(matches!(
        open("eurosat_rgb", &folder.path().join("nowhere")),
        Err(DataError::Missing { .. })
    ));
    assert!(matches!(
        open("eurosat_rgb", folder.path()),
        Err(DataError::Layout { .. })
    ));
    fake::write_eurosat_rgb(folder.path(), 1, 7).unwrap();
    let root = folder.path().join("EuroSAT_RGB");
    let picture = fs::read(root.join("Forest/Forest_1.jpg")).unwrap();

    write(&folder, "EuroSAT_RGB/Forrest/Forrest_1.jpg", &picture);
    let error = open("eurosat_rgb", folder.path()).err().unwrap();
    assert!(
        matches!(&error, DataError::UnknownLabel { label, .. } if label == "Forrest"),
        "{error}"
    );
    fs::remove_dir_all(root.join("Forrest")).unwrap();

    write(&folder, "EuroSAT_RGB/River/Forest_1.jpg", &picture);
    let error = open("eurosat_rgb", folder.path()).err().unwrap();
    assert!(
        matches!(&error, DataError::DuplicateId { id, .. } if id == "Forest_1"),
        "{error}"
    );
    fs::remove_file(root.join("River/Forest_1.jpg")).unwrap();

    fs::remove_file(root.join("River/River_1.jpg")).unwrap();
    let error = open("eurosat_rgb", folder.path()).err().unwrap();
    assert!(
        matches!(&error, DataError::EmptyClass { class, .. } if class == "River"),
        "{error}"
    );
}

#[test]
fn a_file_of_another_kind_is_refused_when_it_is_read() {
    let folder = tempdir().unwrap();
    fake::write_eurosat_ms(folder.path(), 1, 0, 7).unwrap();
    let name = "eurosat_ms/train/Forest/Forest_1.tif";
    let load = || {
        let set = open("eurosat_ms", folder.path()).unwrap();
        let index = set.index_of("Forest_1").unwrap();
        set.load(index).err().unwrap()
    };
    write(
        &folder,
        name,
        &fake::tiff(12, 4, 4, &Samples::U16(vec![0; 192])),
    );
    let error = load();
    assert!(
        matches!(&error, DataError::BandCount { found: 12, .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("Forest_1.tif") && error.to_string().contains("B8A"),
        "{error}"
    );
    write(
        &folder,
        name,
        &fake::tiff(13, 4, 4, &Samples::F32(vec![0.0; 208])),
    );
    let error = load();
    assert!(matches!(&error, DataError::Dtype { .. }), "{error}");
    assert!(
        error.to_string().contains("uint16") && error.to_string().contains("float32"),
        "{error}"
    );
    write(&folder, name, b"no image");
    assert!(matches!(load(), DataError::Corrupt { .. }));
    // The others are as they were.
    let set = open("eurosat_ms", folder.path()).unwrap();
    assert!(set.load(set.index_of("River_1").unwrap()).is_ok());
}

#[test]
fn ships_come_by_polarisation_product_and_class() {
    let folder = tempdir().unwrap();
    fake::write_opensarship(folder.path(), 2, 5).unwrap();
    let ships = |product, polarisation, classes| {
        let config = OpenSarShipConfig {
            product,
            polarisation,
            classes,
        };
        OpenSarShip::open(folder.path(), config, ReadLimits::default()).unwrap()
    };
    for product in [Product::Sigma0, Product::Uint8] {
        let vv = ships(product, Polarisation::Vv, ShipClasses::CargoTankerOther);
        let vh = ships(product, Polarisation::Vh, ShipClasses::CargoTankerOther);
        let both = ships(product, Polarisation::Both, ShipClasses::CargoTankerOther);
        for (set, len) in [(&vv, 12), (&vh, 6), (&both, 6)] {
            check_invariants(set);
            assert_eq!((set.len(), set.left_out()), (len, 12 - len));
        }
        assert_eq!(both.bands().names(), ["VV", "VH"]);
        for index in 0..both.len() {
            let whole = both.load(index).unwrap().image;
            let id = both.id(index);
            let of = |set: &OpenSarShip| set.load(set.index_of(id).unwrap()).unwrap().image;
            assert_eq!(whole.band(0), of(&vv).band(0), "VV of {id}");
            assert_eq!(whole.band(1), of(&vh).band(0), "VH of {id}");
        }
        let unit = if product == Product::Sigma0 {
            InputUnit::Sigma0Linear
        } else {
            InputUnit::Uint8
        };
        assert_eq!(vv.load(0).unwrap().image.unit, unit);
    }
    let two = ships(Product::Sigma0, Polarisation::Vv, ShipClasses::CargoTanker);
    assert_eq!(
        (two.len(), two.left_out(), two.classes()),
        (8, 4, &["Cargo".to_string(), "Tanker".into()][..])
    );
    // VV is the brighter one: the order of the file, VH first, was undone.
    let both = ships(
        Product::Sigma0,
        Polarisation::Both,
        ShipClasses::CargoTankerOther,
    );
    let image = both.load(0).unwrap().image;
    assert!(image.band(0).iter().sum::<f32>() > 3.0 * image.band(1).iter().sum::<f32>());
}

#[test]
fn a_ship_table_with_mistakes_is_refused_by_line() {
    let folder = tempdir().unwrap();
    fake::write_opensarship(folder.path(), 1, 5).unwrap();
    let table = fs::read_to_string(folder.path().join("opensarship/labels.csv")).unwrap();
    let open_with = |text: String| {
        write(&folder, "opensarship/labels.csv", text.as_bytes());
        open("opensarship", folder.path())
            .err()
            .map(|error| (error.to_string(), error))
    };
    let (text, error) = open_with(table.replacen(",Cargo\n", ",Cargoo\n", 1)).unwrap();
    assert!(
        matches!(error, DataError::UnknownLabel { .. }) && text.contains("line 2"),
        "{text}"
    );
    let (text, error) =
        open_with(table.clone() + "S1A_IW_GRDH_1SSV_x,Cargo_x9_y9.tif,Cargo\n").unwrap();
    assert!(
        matches!(error, DataError::Missing { .. }) && text.contains("line 8"),
        "{text}"
    );
    let (text, error) =
        open_with(table.clone() + "S1A_EW_GRDM_1SDH_x,Cargo_x9_y9.tif,Cargo\n").unwrap();
    assert!(
        matches!(error, DataError::Manifest { .. }) && text.contains("1SDV"),
        "{text}"
    );
    let (text, error) = open_with(table.replace("scene", "place")).unwrap();
    assert!(matches!(error, DataError::Manifest { .. }), "{text}");
    let line = table.lines().nth(1).unwrap();
    let (text, error) = open_with(format!("{table}{line}\n")).unwrap();
    assert!(matches!(error, DataError::DuplicateId { .. }), "{text}");
    let without = table
        .lines()
        .filter(|line| !line.ends_with("Tanker"))
        .collect::<Vec<_>>()
        .join("\n");
    let (text, error) = open_with(without).unwrap();
    assert!(
        matches!(error, DataError::EmptyClass { .. }) && text.contains("Tanker"),
        "{text}"
    );
    assert!(open_with(table).is_none());
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

#[test]
fn an_unknown_data_set_lists_the_known_ones() {
    let error = open("eurosat", Path::new(".")).err().unwrap().to_string();
    assert!(
        catalog::DATASETS
            .iter()
            .all(|(name, _)| error.contains(name)),
        "{error}"
    );
}
