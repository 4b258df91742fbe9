//! The published files themselves; their folder is `RS_DATA_DIR`. Without it these tests are listed as ignored.

use std::path::PathBuf;

use rs_datasets::catalog::{
    self, OpenSarShip, OpenSarShipConfig, Polarisation, Product, ShipClasses,
};
use rs_datasets::io::{BandAxis, Dtype, Source, read_raster};
use rs_datasets::{Dataset, InputUnit, Label, ReadLimits};

fn data() -> PathBuf {
    std::env::var_os("RS_DATA_DIR")
        .expect("RS_DATA_DIR was set when the tests were built")
        .into()
}

fn counts(set: &dyn Dataset) -> Vec<usize> {
    let mut counts = vec![0; set.classes().len()];
    (0..set.len())
        .filter_map(|index| set.class_of(index))
        .for_each(|class| counts[class] += 1);
    counts
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn eurosat_rgb_is_complete_in_its_zip() {
    let set = catalog::open("eurosat_rgb", &data()).unwrap();
    assert_eq!(set.len(), 27_000);
    assert_eq!(set.info().expected, Some(set.len()));
    // Helber et al. 2019, in the order of the classes.
    assert_eq!(
        counts(&*set),
        [3000, 3000, 3000, 2500, 2500, 2000, 2500, 3000, 2500, 3000]
    );
    for index in (0..set.len()).step_by(271) {
        let sample = set.load(index).unwrap();
        assert_eq!(
            (sample.image.height, sample.image.width, sample.image.unit),
            (64, 64, InputUnit::Uint8)
        );
        assert!(
            sample
                .image
                .data
                .iter()
                .all(|value| (0.0..=255.0).contains(value))
        );
        assert_eq!(sample.valid, None);
        assert_eq!(sample.label, Label::Class(set.class_of(index).unwrap()));
    }
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn eurosat_ms_pairs_with_the_pictures() {
    let rgb = catalog::open("eurosat_rgb", &data()).unwrap();
    let ms = catalog::open("eurosat_ms", &data()).unwrap();
    let count = |split| {
        (0..ms.len())
            .filter(|&i| ms.published_split(i) == Some(split))
            .count()
    };
    assert_eq!((ms.len(), count("train"), count("test")), (270, 216, 54));
    for index in 0..ms.len() {
        let pair = rgb.index_of(ms.id(index)).unwrap();
        assert_eq!(rgb.class_of(pair), ms.class_of(index), "{}", ms.id(index));
        let wide = ms.load(index).unwrap();
        assert_eq!(
            (wide.image.height, wide.image.width, wide.image.bands.len()),
            (64, 64, 13)
        );
        let geo = wide.geo.as_ref().unwrap();
        // UTM, 10 m pixels give or take the grid of the patches.
        assert!(
            geo.epsg
                .is_some_and(|code| (32_601..=32_660).contains(&code)),
            "{geo:?}"
        );
        assert!((geo.transform[1] - 10.0).abs() < 0.5, "{geo:?}");
    }
    // The picture is a rendering of the same patch: where the red band is brighter, so is the picture.
    let mut correlated = 0;
    for index in (0..ms.len()).step_by(9) {
        let wide = ms.load(index).unwrap().image;
        let picture = rgb.load(rgb.index_of(ms.id(index)).unwrap()).unwrap().image;
        let red = wide.band(wide.bands.index_of("B04").unwrap());
        correlated += usize::from(correlation(red, picture.band(0)) > 0.8);
    }
    assert!(correlated >= 27, "{correlated} of 30");
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn the_last_band_of_eurosat_ms_is_b8a() {
    let ms = catalog::open("eurosat_ms", &data()).unwrap();
    let (mut as_b8a, mut as_b12) = (0.0, 0.0);
    for index in (0..ms.len()).step_by(5) {
        let image = ms.load(index).unwrap().image;
        let band = |name: &str| image.band(image.bands.index_of(name).unwrap());
        // B08 covers the same near infrared as B8A; B12 is 1300 nm away.
        as_b8a += correlation(band("B08"), band("B8A"));
        as_b12 += correlation(band("B08"), band("B12"));
    }
    assert!(
        as_b8a / 54.0 > 0.85 && as_b12 / 54.0 < 0.5,
        "{as_b8a} {as_b12}"
    );
}

fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |x: &[f32]| x.iter().map(|&v| f64::from(v)).sum::<f64>() / x.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| {
        a.iter()
            .zip(b)
            .map(|(&x, &y)| f(f64::from(x) - ma, f64::from(y) - mb))
            .sum::<f64>()
    };
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt().max(1e-12)
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn opensarship_in_all_its_forms() {
    let root = data();
    let open = |product, polarisation| {
        let config = OpenSarShipConfig {
            product,
            polarisation,
            classes: ShipClasses::CargoTankerOther,
        };
        OpenSarShip::open(&root, config, ReadLimits::default()).unwrap()
    };
    let vv = open(Product::Sigma0, Polarisation::Vv);
    assert_eq!(
        (vv.len(), vv.left_out(), counts(&vv)),
        (351, 0, vec![194, 112, 45])
    );
    let both = open(Product::Sigma0, Polarisation::Both);
    assert_eq!((both.len(), both.left_out()), (171, 180));
    let pictures = open(Product::Uint8, Polarisation::Both);
    assert_eq!(pictures.len(), 171);
    let mut edges = (usize::MAX, 0);
    for index in 0..vv.len() {
        let image = vv.load(index).unwrap().image;
        edges = (edges.0.min(image.height), edges.1.max(image.height));
        assert_eq!(image.unit, InputUnit::Sigma0Linear);
        assert!(image.data.iter().all(|&value| value >= 0.0));
    }
    // Most are between 29 and 125 pixels; these are the extremes.
    assert_eq!(edges, (13, 185));
    for index in 0..both.len() {
        let (image, picture) = (
            both.load(index).unwrap().image,
            pictures.load(index).unwrap().image,
        );
        assert_eq!((image.height, image.width), (picture.height, picture.width));
        for band in 0..2 {
            // The pictures, whose names say the polarisation, are stretched amplitudes: the order of the bands is right when
            // each fits its own.
            let amplitude = |band: usize| {
                image
                    .band(band)
                    .iter()
                    .map(|value| value.sqrt())
                    .collect::<Vec<_>>()
            };
            let own = correlation(&amplitude(band), picture.band(band));
            let other = correlation(&amplitude(1 - band), picture.band(band));
            assert!(
                own > 0.98 && own > other,
                "{}: band {band} {own} {other}",
                both.id(index)
            );
        }
    }
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn sen1floods11_chips_and_masks_are_read() {
    let source = Source::open(&data().join("sen1floods11")).unwrap();
    let limits = ReadLimits::default();
    let (mut chips, mut all_nan) = (0, Vec::new());
    for name in source
        .list()
        .unwrap()
        .iter()
        .filter(|name| name.ends_with(".tif"))
    {
        let raster = read_raster(&source.path_of(name), BandAxis::First, &limits).unwrap();
        assert_eq!((raster.height, raster.width), (512, 512));
        assert_eq!(raster.geo.as_ref().unwrap().epsg, Some(4326), "{name}");
        if name.starts_with("S1/") {
            chips += 1;
            assert_eq!((raster.bands, raster.dtype()), (2, Dtype::F32));
            if raster
                .valid
                .as_ref()
                .is_some_and(|valid| !valid.contains(&true))
            {
                all_nan.push(name.clone());
            }
        } else if name.starts_with("Labels/") {
            let classes = raster.samples.to_i32().unwrap();
            assert!(
                classes.iter().all(|class| (-1..=1).contains(class)),
                "{name}"
            );
        } else {
            assert_eq!(
                (raster.bands, raster.dtype(), raster.nodata),
                (13, Dtype::I16, Some(0.0)),
                "{name}"
            );
        }
    }
    assert_eq!(chips, 13);
    assert!(
        all_nan.len() == 1 && all_nan[0].contains("Paraguay_34417"),
        "{all_nan:?}"
    );
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn eo_learn_arrays_are_read() {
    let all = catalog::open("eo_learn_dates", &data()).unwrap();
    assert_eq!(all.bands().len(), 5 * 13);
    let one = catalog::open("eo_learn", &data()).unwrap().load(0).unwrap();
    let stacked = all.load(0).unwrap();
    assert_eq!((one.image.height, one.image.width), (101, 100));
    assert_eq!(one.image.band(7), stacked.image.band(2 * 13 + 7));
    // Vegetation in summer: the near infrared is far above the red.
    let mean = |band: usize| one.image.band(band).iter().sum::<f32>() / (101.0 * 100.0);
    assert!(mean(7) > 3.0 * mean(3), "{} {}", mean(7), mean(3));
    let Label::Segmentation { classes, .. } = one.label else {
        panic!("no mask");
    };
    let count = |class: i32| classes.iter().filter(|&&c| c == class).count();
    let found = [-1, 0, 1, 2, 3, 7].map(count);
    assert_eq!(found, [155, 11, 7601, 1777, 358, 198]);
    assert_eq!(found.iter().sum::<usize>(), classes.len());
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn bands_of_a_bigearthnet_patch_are_read() {
    let source = Source::open(&data().join("bigearthnet")).unwrap();
    let mut sizes = Vec::new();
    for name in source
        .list()
        .unwrap()
        .iter()
        .filter(|name| name.ends_with(".tif"))
    {
        let raster = read_raster(
            &source.path_of(name),
            BandAxis::First,
            &ReadLimits::default(),
        )
        .unwrap();
        assert_eq!((raster.bands, raster.dtype()), (1, Dtype::U16));
        sizes.push(raster.height);
    }
    sizes.sort_unstable();
    assert_eq!(sizes, [20, 20, 60, 60, 60, 60, 60, 60, 120, 120, 120, 120]);
}
