//! The files to try the program on are read by the readers that people's own files are read by.

use rs_datasets::catalog::{self, sample};
use rs_datasets::io::{SceneFile, SceneLimits};
use rs_datasets::synthetic::{LANDSCAPE_CLASSES, Landscape};
use rs_datasets::{InputUnit, Label, ReadLimits, Split};

#[test]
fn chips_and_multispectral_chips_are_a_folder_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    sample::write_chips(&folder.path().join("chips"), 4, 0).unwrap();
    sample::write_multispectral(&folder.path().join("ms"), 4, 0).unwrap();
    for (name, bands, unit) in [
        ("chips", 3, InputUnit::Uint8),
        ("ms", 13, InputUnit::SENTINEL2_DN),
    ] {
        let set = catalog::open("folder", &folder.path().join(name)).unwrap();
        assert_eq!(
            (set.len(), set.classes().len(), set.bands().len()),
            (40, 10, bands)
        );
        let split = Split::published(set.as_ref()).unwrap();
        assert_eq!(split.indices("test", set.as_ref()).unwrap().len(), 10);
        let first = set.load(0).unwrap();
        assert_eq!((first.image.height, first.image.unit), (64, unit));
    }
    assert!(sample::write_chips(folder.path(), 1, 0).is_err());
}

#[test]
fn the_areas_of_the_scene_have_its_true_land_use() {
    let folder = tempfile::tempdir().unwrap();
    sample::write_scene(folder.path(), 384, 0).unwrap();
    let truth = Landscape::new(384, 0).unwrap();
    let file = SceneFile::open(&folder.path().join("scene.tif"), SceneLimits::default()).unwrap();
    let geo = file.geo().unwrap();
    assert_eq!((geo.epsg, geo.transform[0]), (Some(32633), 500_000.0));
    let other = SceneFile::open(&folder.path().join("other.tif"), SceneLimits::default()).unwrap();
    assert_eq!(other.geo().unwrap().transform[0], 503_840.0);

    let set = catalog::open_with(
        "scene",
        &folder.path().join("scene.toml"),
        ReadLimits::default(),
    )
    .unwrap();
    assert_eq!(set.classes(), LANDSCAPE_CLASSES);
    let mut labelled = [0; 5];
    for index in 0..set.len() {
        let sample = set.load(index).unwrap();
        let geo = sample.geo.unwrap();
        let column = ((geo.transform[0] - 500_000.0) / 10.0).round() as usize;
        let row = ((5_800_000.0 - geo.transform[3]) / 10.0).round() as usize;
        let Label::Segmentation { width, classes, .. } = sample.label else {
            panic!("no class per pixel")
        };
        for (at, class) in classes.iter().enumerate() {
            let place = (row + at / width) * 384 + column + at % width;
            assert_eq!(sample.image.data[at], truth.image.data[place]);
            if *class >= 0 {
                assert_eq!(*class, i32::from(truth.classes[place]));
                labelled[*class as usize] += 1;
            }
        }
    }
    assert!(labelled.iter().all(|&pixels| pixels > 500), "{labelled:?}");
    let whole = catalog::open("scene", &folder.path().join("other.toml")).unwrap();
    assert_eq!(whole.len(), 36);
}
