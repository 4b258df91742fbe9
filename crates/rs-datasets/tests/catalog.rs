//! The published data sets over small stand-ins in the real layouts.

mod common;

use std::fs;
use std::path::Path;

use common::{check_invariants, open, write};
use rs_datasets::catalog;
use rs_datasets::catalog::{
    OpenSarShip, OpenSarShipConfig, Polarisation, Product, ShipClasses, fake,
};
use rs_datasets::io::Samples;
use rs_datasets::{DataError, Dataset, InputUnit, ReadLimits};
use tempfile::tempdir;

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
fn an_unknown_data_set_lists_the_known_ones() {
    let error = open("eurosat", Path::new(".")).err().unwrap().to_string();
    assert!(
        catalog::DATASETS
            .iter()
            .all(|(name, _)| error.contains(name)),
        "{error}"
    );
}
