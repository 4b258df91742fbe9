//! DOTA over stand-ins in its layout: whole images, tiles, object crops, splits, and files that are wrong.

#[allow(dead_code)] // every test uses its own part
mod common;

use std::collections::HashSet;
use std::path::Path;

use common::check_invariants;
use oriented_boxes::{Quad, iou};
use rs_datasets::catalog::dota::{
    CropConfig, CropShape, Dota, DotaConfig, DotaCrops, DotaTiles, OddQuads, TileConfig, TilePlace,
    source_image, write_dota_layout,
};
use rs_datasets::catalog::{self, fake};
use rs_datasets::{
    AerialConfig, AerialScenes, CutRule, DataError, Dataset, Label, LabelTable, OrientedObject,
    ReadLimits, Sample, stratified_groups,
};

fn objects(sample: &Sample) -> &[OrientedObject] {
    match &sample.label {
        Label::Objects(objects) => objects,
        other => panic!("{other:?}"),
    }
}

fn dota(root: &Path, config: &DotaConfig) -> Result<Dota, DataError> {
    Dota::open(root, config, ReadLimits::default())
}

#[test]
fn the_stand_in_is_read_whole_in_tiles_and_by_object() {
    let folder = tempfile::tempdir().unwrap();
    fake::write_dota(folder.path(), 4, 11).unwrap();
    let set = dota(folder.path(), &DotaConfig::default()).unwrap();
    check_invariants(&set);
    assert_eq!(
        (set.len(), set.classes().len(), set.id(0)),
        (4, 15, "P0001")
    );
    assert_eq!(set.extent(0), (256, 256));
    assert!(objects(&set.load(3).unwrap()).is_empty());
    let total: usize = (0..4).map(|k| set.objects(k).unwrap().len()).sum();
    assert!(total >= 9 && set.counts().objects == total, "{total}");
    // The scenes themselves, before they were written.
    let scenes = AerialScenes::new(AerialConfig {
        scenes: 1,
        seed: 11,
        size: 256,
        objects: [4, 12],
        imbalance_factor: 4.0,
        empty_share: 0.0,
        ..AerialConfig::default()
    })
    .unwrap();
    let (read, made) = (set.load(0).unwrap(), scenes.load(0).unwrap());
    assert_eq!(read.image.data, made.image.data);
    for (a, b) in objects(&read).iter().zip(objects(&made)) {
        assert_eq!(a.quad, b.quad);
        assert_eq!(set.classes()[a.class], scenes.classes()[b.class]);
    }

    let crops = catalog::open("dota_crops", folder.path()).unwrap();
    check_invariants(&*crops);
    assert_eq!(crops.len(), total);
    let sample = crops.load(0).unwrap();
    assert_eq!((sample.image.height, sample.image.width), (512, 512));
    let tiles = catalog::open("dota_tiles", folder.path()).unwrap();
    // Smaller than a tile: one padded tile per image.
    assert_eq!(tiles.len(), 4);
    let tile = tiles.load(0).unwrap();
    assert_eq!((tile.image.height, tile.image.width), (1024, 1024));
    let mask = tile.valid.as_ref().unwrap();
    assert_eq!(mask.valid.iter().filter(|&&v| v).count(), 256 * 256);
    assert_eq!(objects(&tile), objects(&set.load(0).unwrap()));
    // The same from the folder itself.
    assert_eq!(
        catalog::open("dota", &folder.path().join("dota"))
            .unwrap()
            .len(),
        4
    );
}

fn small_tiles() -> TileConfig {
    TileConfig {
        size: 100,
        overlap: 30,
        scales: vec![1.0, 0.5],
        ..TileConfig::default()
    }
}

fn open_tiles(root: &Path, tiles: &TileConfig) -> DotaTiles {
    DotaTiles::open(root, &DotaConfig::default(), tiles, ReadLimits::default()).unwrap()
}

#[test]
fn tiles_show_their_part_of_the_image() {
    let folder = tempfile::tempdir().unwrap();
    fake::write_dota(folder.path(), 2, 5).unwrap();
    let set = dota(folder.path(), &DotaConfig::default()).unwrap();
    let tiles = open_tiles(folder.path(), &small_tiles());
    check_invariants(&tiles);
    let whole = set.load(0).unwrap();
    let mut seen = HashSet::new();
    for index in 0..tiles.len() {
        let (sample, place) = (tiles.load(index).unwrap(), tiles.place(index));
        assert_eq!(TilePlace::parse(&sample.id).as_ref(), Some(place));
        assert_eq!(source_image(&sample.id), place.source);
        assert_eq!((sample.image.height, sample.image.width), (100, 100));
        assert!(objects(&sample).iter().all(|o| {
            let b = o.quad.bounds();
            b.left > -1e-9 && b.top > -1e-9 && b.right < 100.0 + 1e-9 && b.bottom < 100.0 + 1e-9
        }));
        if place.source != "P0001" || place.scale != 1.0 {
            continue;
        }
        for (row, column) in [(0, 0), (50, 20), (99, 99)] {
            let at = (place.top + row) * 256 + place.left + column;
            let (tile, image) = (sample.image.band(1), whole.image.band(1));
            assert_eq!(tile[row * 100 + column], image[at]);
        }
        // Objects that the tile shows whole are the image's, moved.
        for object in objects(&sample) {
            let moved = object
                .quad
                .map(|p| p.moved(place.left as f64, place.top as f64));
            let moved = moved.unwrap();
            let best = objects(&whole)
                .iter()
                .map(|o| iou(&o.quad, &moved))
                .fold(0.0, f64::max);
            if object.difficulty == 0 {
                // The share is above 0.7; of a piece of five corners a side is lost.
                assert!(best > 0.5, "{best}");
                seen.insert(object.class);
            } else {
                assert!(best > 0.0 && best <= 0.7 + 1e-9, "{best}");
            }
        }
    }
    assert!(!seen.is_empty());
    // Every object is shown whole or nearly so by one tile, as far as it is smaller than the overlap.
    let all: Vec<(usize, Quad)> = (0..tiles.len())
        .filter(|&i| tiles.place(i).source == "P0001" && tiles.place(i).scale == 1.0)
        .flat_map(|i| {
            let (left, top) = (tiles.place(i).left as f64, tiles.place(i).top as f64);
            let shown = tiles.objects(i).unwrap().to_vec();
            shown
                .into_iter()
                .map(move |o| (o.class, o.quad.map(|p| p.moved(left, top)).unwrap()))
        })
        .collect();
    for object in objects(&whole) {
        let bounds = object.quad.bounds();
        if bounds.width().max(bounds.height()) <= 30.0 {
            let found = all
                .iter()
                .any(|(class, quad)| *class == object.class && iou(quad, &object.quad) > 0.999_999);
            assert!(found, "{object:?}");
        }
    }
    // Half size: places are halved.
    let half = (0..tiles.len())
        .find(|&i| tiles.id(i) == "P0001__0.5__28___28")
        .unwrap();
    assert_eq!(tiles.load(half).unwrap().image.height, 100);
    let without_empty = TileConfig {
        keep_empty: false,
        ..small_tiles()
    };
    let fewer = open_tiles(folder.path(), &without_empty);
    assert!(fewer.len() < tiles.len());
    assert!((0..fewer.len()).all(|i| !fewer.objects(i).unwrap().is_empty()));
    // Written out, the tiles are a data set of their own.
    let out = tempfile::tempdir().unwrap();
    write_dota_layout(out.path(), &fewer, None).unwrap();
    let again = dota(out.path(), &DotaConfig::default()).unwrap();
    assert_eq!(again.len(), fewer.len());
    assert_eq!(again.load(0).unwrap().image, fewer.load(0).unwrap().image);
    assert_eq!(again.objects(0).unwrap(), fewer.objects(0).unwrap());
}

#[test]
fn crops_show_their_object() {
    let folder = tempfile::tempdir().unwrap();
    fake::write_dota(folder.path(), 2, 5).unwrap();
    let set = dota(folder.path(), &DotaConfig::default()).unwrap();
    let open = |crops: CropConfig| {
        let config = DotaConfig::default();
        DotaCrops::open(folder.path(), &config, &crops, ReadLimits::default())
    };
    let bounds = open(CropConfig {
        shape: CropShape::Bounds,
        size: 64,
        ..CropConfig::default()
    })
    .unwrap();
    assert_eq!(bounds.len(), set.objects(0).unwrap().len());
    for index in 0..bounds.len() {
        let id = bounds.id(index);
        assert_eq!(source_image(id), "P0001");
        let corners: Vec<f64> = id.split('_').skip(1).map(|n| n.parse().unwrap()).collect();
        let object = set.objects(0).unwrap().iter().find(|o| {
            let b = o.quad.bounds();
            [
                b.left.floor(),
                b.top.floor(),
                b.right.ceil(),
                b.bottom.ceil(),
            ] == corners[..4]
        });
        assert_eq!(bounds.class_of(index), object.map(|o| o.class), "{id}");
        let sample = bounds.load(index).unwrap();
        assert_eq!((sample.image.height, sample.image.width), (64, 64));
        // Resizing keeps the mean colour of the part.
        let whole = set.load(0).unwrap();
        let (mut sum, mut count) = (0.0, 0.0);
        for row in corners[1] as usize..corners[3] as usize {
            for column in corners[0] as usize..corners[2] as usize {
                sum += f64::from(whole.image.band(0)[row * 256 + column]);
                count += 1.0;
            }
        }
        let mean = sample
            .image
            .band(0)
            .iter()
            .map(|&v| f64::from(v))
            .sum::<f64>()
            / 4096.0;
        assert!(
            (mean - sum / count).abs() < 15.0,
            "{id}: {mean} {}",
            sum / count
        );
    }
    let large = open(CropConfig {
        min_side: 20,
        context: 1.5,
        ..CropConfig::default()
    })
    .unwrap();
    assert_eq!(large.len() + large.too_small(), bounds.len());
    for bad in [
        CropConfig {
            size: 0,
            ..CropConfig::default()
        },
        CropConfig {
            context: 0.5,
            ..CropConfig::default()
        },
    ] {
        assert!(matches!(open(bad), Err(DataError::Setting { .. })));
    }
    let none = CropConfig {
        min_side: 10_000,
        ..CropConfig::default()
    };
    assert!(matches!(open(none), Err(DataError::Layout { .. })));
}

#[test]
fn splits_do_not_divide_a_source_image() {
    let folder = tempfile::tempdir().unwrap();
    fake::write_dota(folder.path(), 6, 2).unwrap();
    let crops = catalog::open("dota_crops", folder.path()).unwrap();
    let tiles = open_tiles(folder.path(), &small_tiles());
    let table = |set: &dyn Dataset, classed: bool| {
        let table = if classed {
            LabelTable::of(set).unwrap()
        } else {
            LabelTable::unlabelled(set).unwrap()
        };
        table.with_groups(|id| source_image(id).to_owned())
    };
    for table in [table(&*crops, true), table(&tiles, false)] {
        let parts = [("train", 0.6), ("val", 0.4)];
        let split = stratified_groups(&table, "dota", &parts, 3).unwrap();
        let sources = |part: &str| -> HashSet<&str> {
            let ids = split.part(part).unwrap();
            ids.iter().map(|id| source_image(id)).collect()
        };
        let (train, val) = (sources("train"), sources("val"));
        assert!(!train.is_empty() && !val.is_empty());
        assert!(train.is_disjoint(&val), "{train:?} {val:?}");
        let all: usize = split.parts().map(|(_, ids)| ids.len()).sum();
        assert_eq!(all, table.len());
    }
}

#[test]
fn published_parts_are_folders_and_tests_have_no_labels() {
    let folder = tempfile::tempdir().unwrap();
    for (part, seed) in [("train", 1), ("val", 2), ("test", 3)] {
        let config = AerialConfig {
            scenes: 1,
            seed,
            size: 128,
            ..AerialConfig::default()
        };
        let scenes = AerialScenes::new(config).unwrap();
        let root = folder.path().join("dota").join(part);
        write_dota_layout(&root, &scenes, None).unwrap();
        let id = format!("P000{seed}");
        for (kind, ending) in [("images", "png"), ("labelTxt", "txt")] {
            let file = |name: &str| root.join(kind).join(format!("{name}.{ending}"));
            std::fs::rename(file("Aerial_0000000"), file(&id)).unwrap();
        }
    }
    let root = folder.path().join("dota");
    std::fs::remove_dir_all(root.join("test/labelTxt")).unwrap();
    // Version 1.5 keeps its labels in a folder of its own, one level deeper.
    let deep = root.join("val/labelTxt-v1.5/DOTA-v1.5_val");
    std::fs::create_dir_all(deep.parent().unwrap()).unwrap();
    std::fs::rename(root.join("val/labelTxt"), &deep).unwrap();
    let error = dota(&root, &DotaConfig::default()).unwrap_err();
    assert!(matches!(error, DataError::Missing { .. }), "{error}");
    let config = DotaConfig {
        version: catalog::dota::DotaVersion::V1_5,
        ..DotaConfig::default()
    };
    let set = dota(&root, &config).unwrap();
    let parts: Vec<_> = (0..3).map(|k| set.published_split(k).unwrap()).collect();
    assert_eq!(parts, ["train", "val", "test"]);
    assert_eq!(set.classes().len(), 16);
    assert_eq!(set.load(2).unwrap().label, Label::None);
    assert_eq!(set.objects(2), None);
}

/// A stand-in with one image whose label file is `text`.
fn with_labels(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fake::write_dota(folder.path(), 1, 1).unwrap();
    std::fs::write(folder.path().join("dota/labelTxt/P0001.txt"), text).unwrap();
    folder
}

#[test]
fn odd_labels_are_repaired_and_counted_or_refused_by_line() {
    let header = "imagesource:GoogleEarth\ngsd:0.1\n";
    let cases = [
        ("10 10 30 20 30 10 10 20 ship 0", "sides cross"),
        ("10 10 20 10 30 10 40 10 ship 0", "no area"),
        ("10 10 10 10 10 10 10 10 ship 0", "no area"),
        ("300 10 320 10 320 20 300 20 ship 0", "outside the image"),
        ("-40 10 -20 10 -20 20 -40 20 ship 0", "outside the image"),
    ];
    let text: String = cases.iter().map(|(line, _)| format!("{line}\n")).collect();
    let good = "250 10 270 10 270 20 250 20 plane 1\n";
    let folder = with_labels(&format!("{header}{text}{good}"));
    let set = dota(folder.path(), &DotaConfig::default()).unwrap();
    let counts = set.counts();
    assert_eq!(
        (
            counts.objects,
            counts.untangled,
            counts.degenerate,
            counts.outside,
            counts.difficult
        ),
        (2, 1, 2, 2, 1)
    );
    assert!((set.objects(0).unwrap()[0].quad.area() - 200.0).abs() < 1e-9);
    // Beyond the border, but not outside: as labelled.
    assert_eq!(set.objects(0).unwrap()[1].quad.bounds().right, 270.0);
    assert_eq!(set.gsd(0), Some(0.1));
    let refuse = DotaConfig {
        odd: OddQuads::Refuse,
        ..DotaConfig::default()
    };
    for (line, words) in cases {
        let folder = with_labels(&format!("{header}{line}\n"));
        let error = dota(folder.path(), &refuse).unwrap_err().to_string();
        assert!(error.contains("P0001.txt, line 3"), "{error}");
        assert!(error.contains(words), "{error}");
    }
    // Such objects are cut like all others, and turned without harm.
    let tiles = open_tiles(folder.path(), &small_tiles());
    assert!((0..tiles.len()).all(|i| tiles.load(i).is_ok()));
}

#[test]
fn malformed_files_are_named_by_line() {
    for (text, words) in [
        (
            "gsd:0.1\n10 10 30 20 30 x 10 20 ship 0\n",
            "line 2: expected a number for y3",
        ),
        ("10 10 30 20 30 10 10 20\n", "line 1: expected x1"),
        (
            "10 10 30 10 30 20 10 20 submarine 0\n",
            "line 1: label `submarine`",
        ),
    ] {
        let folder = with_labels(text);
        let error = dota(folder.path(), &DotaConfig::default()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let folder = with_labels("10 10 30 10 30 20 10 20 submarine 0\n");
    let skip = DotaConfig {
        skip_unknown: true,
        ..DotaConfig::default()
    };
    let set = dota(folder.path(), &skip).unwrap();
    assert_eq!((set.counts().unknown, set.counts().objects), (1, 0));
    std::fs::write(
        folder.path().join("dota/labelTxt/P0001.txt"),
        [0xff, 0xfe, 0x00],
    )
    .unwrap();
    let error = dota(folder.path(), &skip).unwrap_err();
    assert!(matches!(error, DataError::Corrupt { .. }), "{error}");
    std::fs::write(folder.path().join("dota/images/P0001.png"), b"no picture").unwrap();
    assert!(dota(folder.path(), &skip).is_err());
    std::fs::remove_dir_all(folder.path().join("dota/images")).unwrap();
    let error = dota(folder.path(), &skip).unwrap_err();
    assert!(matches!(error, DataError::Layout { .. }), "{error}");
}

#[test]
fn tile_settings_out_of_range_are_refused() {
    let bad_tiles = [
        TileConfig {
            size: 8,
            ..TileConfig::default()
        },
        TileConfig {
            overlap: 1024,
            ..TileConfig::default()
        },
        TileConfig {
            scales: vec![],
            ..TileConfig::default()
        },
        TileConfig {
            scales: vec![1.0, f64::NAN],
            ..TileConfig::default()
        },
        TileConfig {
            scales: vec![0.5, 0.5],
            ..TileConfig::default()
        },
        TileConfig {
            cut: CutRule {
                min_share: 2.0,
                ..CutRule::default()
            },
            ..TileConfig::default()
        },
    ];
    assert!(bad_tiles.iter().all(|config| config.validate().is_err()));
}
