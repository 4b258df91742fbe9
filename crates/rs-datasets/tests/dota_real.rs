//! The published DOTA images themselves; their folder is `RS_DATA_DIR`. Without it these tests are listed as ignored.

use std::path::PathBuf;

use rs_datasets::catalog::dota::{
    CropConfig, Dota, DotaConfig, DotaCrops, DotaTiles, OddQuads, TileConfig, source_image,
};
use rs_datasets::{Dataset, Label, ReadLimits};

fn data() -> PathBuf {
    std::env::var_os("RS_DATA_DIR")
        .expect("RS_DATA_DIR was set when the tests were built")
        .into()
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn six_images_hold_694_objects_and_none_needs_repair() {
    let strict = DotaConfig {
        odd: OddQuads::Refuse,
        ..DotaConfig::default()
    };
    let set = Dota::open(&data(), &strict, ReadLimits::default()).unwrap();
    assert_eq!((set.len(), set.unpaired_labels()), (6, 3));
    assert_eq!(set.counts().objects, 694);
    let ships = set.index_of("P0706").unwrap();
    let class = |name: &str| set.classes().iter().position(|c| c == name).unwrap();
    let count = |index: usize, name: &str| {
        let all = set.objects(index).unwrap();
        all.iter().filter(|o| o.class == class(name)).count()
    };
    assert_eq!(count(ships, "ship"), 531);
    let helicopters = set.index_of("P0168").unwrap();
    assert_eq!(count(helicopters, "helicopter"), 9);
    assert_eq!(set.extent(helicopters), (1792, 2304));
    for index in 0..set.len() {
        let sample = set.load(index).unwrap();
        let extent = (sample.image.height, sample.image.width);
        assert_eq!(extent, set.extent(index));
        assert!(matches!(sample.label, Label::Objects(all) if !all.is_empty()));
    }
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn tiles_and_crops_cover_all_objects() {
    let (config, limits) = (DotaConfig::default(), ReadLimits::default());
    let tiles = DotaTiles::open(&data(), &config, &TileConfig::default(), limits).unwrap();
    // One tile each for P0075 (451 x 839) and P1888; two to six for the others.
    let of = |id: &str| {
        (0..tiles.len())
            .filter(|&i| tiles.place(i).source == id)
            .count()
    };
    let found = ["P0075", "P1888", "P0706", "P0770", "P1088", "P0168"].map(of);
    assert_eq!(found, [1, 1, 4, 4, 6, 6]);
    let easy: usize = (0..tiles.len())
        .flat_map(|i| tiles.objects(i).unwrap())
        .filter(|o| !o.is_difficult())
        .count();
    assert!(easy > 694, "objects in overlaps are shown twice: {easy}");
    let tile = tiles.load(tiles.len() - 1).unwrap();
    assert_eq!((tile.image.height, tile.image.width), (1024, 1024));

    let crops = DotaCrops::open(&data(), &config, &CropConfig::default(), limits).unwrap();
    assert_eq!(crops.len() + crops.too_small(), 694);
    for index in (0..crops.len()).step_by(97) {
        let sample = crops.load(index).unwrap();
        assert_eq!((sample.image.height, sample.image.width), (512, 512));
        assert!(sample.image.data.iter().all(|v| (0.0..=255.0).contains(v)));
        assert!(source_image(&sample.id).starts_with('P'));
    }
}
