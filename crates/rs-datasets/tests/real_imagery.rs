//! Splits, rendering, statistics and loading over the published files (`RS_DATA_DIR`); listed as ignored without them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use rs_datasets::{
    Batch, Cached, Dataset, LabelTable, Loader, LoaderConfig, Order, Pipeline, Split,
    SyntheticScenes, catalog, compute_statistics, stratified,
};

fn data() -> PathBuf {
    std::env::var_os("RS_DATA_DIR")
        .expect("RS_DATA_DIR was set when the tests were built")
        .into()
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn the_rgb_rendering_is_that_of_the_published_pictures() {
    let rgb = catalog::open("eurosat_rgb", &data()).unwrap();
    let ms = catalog::open("eurosat_ms", &data()).unwrap();
    let at: HashMap<&str, usize> = (0..rgb.len()).map(|i| (rgb.id(i), i)).collect();
    let (mut sum, mut count) = (0f64, 0f64);
    for index in (0..ms.len()).step_by(9) {
        let ours = SyntheticScenes::render_rgb(ms.load(index).unwrap())
            .unwrap()
            .image;
        let theirs = rgb.load(at[ms.id(index)]).unwrap().image;
        for (a, b) in ours.data.iter().zip(&theirs.data) {
            sum += f64::from((a - b).abs());
            count += 1.0;
        }
    }
    // JPEG compression leaves two to four grey levels.
    assert!(sum / count < 4.0, "mean difference {}", sum / count);
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn the_published_split_has_216_and_54_samples() {
    let ms = catalog::open("eurosat_ms", &data()).unwrap();
    let split = Split::published(&*ms).unwrap();
    let counts: Vec<(&str, usize)> = split.parts().map(|(name, ids)| (name, ids.len())).collect();
    assert_eq!(counts, [("test", 54), ("train", 216)]);
}

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn pictures_load_the_same_on_any_number_of_threads() {
    let rgb: Arc<dyn Dataset> = Arc::from(catalog::open("eurosat_rgb", &data()).unwrap());
    let table = LabelTable::of(&*rgb).unwrap();
    let split = stratified(&table, "eurosat", &[("train", 0.8), ("test", 0.2)], 0).unwrap();
    assert_eq!(split.part("train").unwrap().len(), 21_600);
    let small = split.k_shot("train", &table, 30, 0).unwrap();
    let indices = small.indices("train", &*rgb).unwrap();

    // All training images have mean (.3444, .3803, .4078) and deviation (.2037, .1366, .1148).
    let statistics =
        compute_statistics(&*rgb, &small, "train", &Pipeline::default(), None).unwrap();
    for (band, (mean, std)) in [(0.3444, 0.2037), (0.3803, 0.1366), (0.4078, 0.1148)]
        .into_iter()
        .enumerate()
    {
        assert!((statistics.mean[band] / 255.0 - mean).abs() < 0.03);
        assert!((statistics.std[band] / 255.0 - std).abs() < 0.03);
    }
    let load = |dataset: Arc<dyn Dataset>, indices: Vec<usize>, threads| -> Vec<Batch> {
        let pipeline = Pipeline::from_toml(
            "steps = [{ step = 'random_dihedral' }, { step = 'resize', height = 32, width = 32, interpolation = 'bilinear' }]",
        );
        let config = LoaderConfig {
            threads,
            ..LoaderConfig::new(32, Order::Shuffled, 1)
        };
        let loader = Loader::new(dataset, indices, pipeline.unwrap(), config).unwrap();
        loader.epoch(0).collect::<Result<_, _>>().unwrap()
    };
    let one = load(rgb.clone(), indices.clone(), 1);
    assert_eq!(one, load(rgb.clone(), indices.clone(), 4));
    // 300 images of 64 x 64 x 3 bytes.
    let cached = Cached::subset(&*rgb, &indices, 300 * 12_288).unwrap();
    assert_eq!(one, load(Arc::new(cached), (0..300).collect(), 2));
}
