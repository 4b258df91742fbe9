//! The loader: the same batches on any number of threads, bounded memory, errors that name the sample, no thread left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rs_datasets::{
    Band, BandSet, Batch, Cached, DataError, Dataset, DatasetInfo, FillInvalid, Image, InputUnit, Label, Loader,
    LoaderConfig, Mask, Order, Pipeline, Sample, Split, Step, Task, compute_statistics,
};

/// Twelve-pixel images of two bands; sample i belongs to class i % 3 below 30 and to class 0 above.
struct Memory {
    info: DatasetInfo,
    classes: Vec<String>,
    bands: BandSet,
    ids: Vec<String>,
    /// Sample that fails, and how.
    broken: Option<(usize, Broken)>,
    loaded: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Broken {
    Error,
    Panic,
    Nan,
    Shape,
}

impl Memory {
    fn new(len: usize, broken: Option<(usize, Broken)>) -> Arc<Self> {
        Arc::new(Self {
            info: DatasetInfo {
                name: "memory".into(),
                licence: String::new(),
                citation: String::new(),
                source: String::new(),
                task: Task::Classification,
                expected: None,
            },
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            bands: BandSet::new(["x", "y"].map(|name| Band::other(name, "test", None)).to_vec()).unwrap(),
            ids: (0..len).map(|i| format!("id{i:03}")).collect(),
            broken,
            loaded: AtomicUsize::new(0),
        })
    }
}

impl Dataset for Memory {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn bands(&self) -> &BandSet {
        &self.bands
    }

    fn len(&self) -> usize {
        self.ids.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.ids[index]
    }

    fn class_of(&self, index: usize) -> Option<usize> {
        Some(if index < 30 { index % 3 } else { 0 })
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        self.loaded.fetch_add(1, Ordering::SeqCst);
        // Later samples are quicker, so that threads finish out of order.
        std::thread::sleep(std::time::Duration::from_micros((index % 5) as u64 * 300));
        let mut data: Vec<f32> = (0..24).map(|i| (i * 7 % 11) as f32 + index as f32 * 0.25).collect();
        let mut height = 3;
        if let Some((at, how)) = self.broken
            && at == index
        {
            match how {
                Broken::Error => {
                    return Err(DataError::Corrupt { path: "x.tif".into(), format: "TIFF", detail: "cut off".into() });
                }
                Broken::Panic => panic!("the decoder fell over"),
                Broken::Nan => data[17] = f32::NAN,
                Broken::Shape => height = 2,
            }
        }
        let image = Image::new(Arc::new(self.bands.clone()), InputUnit::Reflectance, height, 24 / 2 / height, data)?;
        let label = Label::Class(self.class_of(index).unwrap());
        Ok(Sample { image, valid: None, label, id: self.ids[index].clone(), geo: None })
    }
}

fn augmented() -> Pipeline {
    Pipeline::from_toml(
        "steps = [{ step = 'random_dihedral' }, { step = 'random_crop', height = 2, width = 3 }]",
    )
    .unwrap()
}

fn run(order: &Order, threads: usize, prefetch: usize, epoch: u64) -> Vec<Batch> {
    let config = LoaderConfig { threads, prefetch, ..LoaderConfig::new(7, order.clone(), 5) };
    let loader = Loader::new(Memory::new(40, None), (0..40).collect(), augmented(), config).unwrap();
    let batches: Vec<Batch> = loader.epoch(epoch).collect::<Result<_, _>>().unwrap();
    assert_eq!(batches.len(), loader.batches_per_epoch());
    let ids: Vec<String> = batches.iter().flat_map(|batch| batch.ids.clone()).collect();
    let expected: Vec<String> = loader.order(epoch).iter().map(|i| format!("id{i:03}")).collect();
    assert_eq!(ids, expected);
    batches
}

#[test]
fn batches_do_not_depend_on_threads() {
    for order in [Order::Sequential, Order::Shuffled, Order::ClassBalanced] {
        let reference = run(&order, 1, 1, 2);
        for (threads, prefetch) in [(2, 2), (4, 3), (4, 9)] {
            assert_eq!(run(&order, threads, prefetch, 2), reference, "{order:?} on {threads} threads");
        }
        assert_ne!(run(&order, 2, 2, 3), reference, "another epoch has other crops");
    }
}

#[test]
fn orders_and_last_batches() {
    let loader = |order, drop_last| {
        let config = LoaderConfig { drop_last, ..LoaderConfig::new(16, order, 1) };
        Loader::new(Memory::new(90, None), (0..90).collect(), Pipeline::default(), config).unwrap()
    };
    let sequential = loader(Order::Sequential, false);
    assert_eq!(sequential.order(0), (0..90).collect::<Vec<_>>());
    let sizes: Vec<usize> = sequential.epoch(0).map(|batch| batch.unwrap().len()).collect();
    assert_eq!(sizes, [16, 16, 16, 16, 16, 10]);
    assert_eq!(loader(Order::Sequential, true).epoch(0).count(), 5);

    let shuffled = loader(Order::Shuffled, false);
    let mut order = shuffled.order(0);
    assert_ne!(order, shuffled.order(1));
    order.sort_unstable();
    assert_eq!(order, (0..90).collect::<Vec<_>>());

    // 70 of class 0 and 10 each of the others: balanced draws bring them level.
    let counts = |order: Order| {
        let loader = loader(order, false);
        let mut counts = [0usize; 3];
        for epoch in 0..20 {
            loader.order(epoch).iter().for_each(|&i| counts[if i < 30 { i % 3 } else { 0 }] += 1);
        }
        counts
    };
    let balanced = counts(Order::ClassBalanced);
    assert!(balanced.iter().all(|&count| count.abs_diff(600) < 90), "{balanced:?}");
    let weighted = counts(Order::ClassWeighted { weights: vec![0.0, 1.0, 3.0] });
    assert_eq!(weighted[0], 0);
    assert!(weighted[2].abs_diff(3 * weighted[1]) < 400, "{weighted:?}");
}

#[test]
fn drawing_a_sample_twice_augments_it_differently() {
    let config = LoaderConfig::new(64, Order::ClassBalanced, 0);
    let loader = Loader::new(Memory::new(3, None), vec![0; 64], augmented(), config).unwrap();
    let batch = loader.epoch(0).next().unwrap().unwrap();
    let first = &batch.images[..12];
    assert!(batch.images.chunks_exact(12).any(|image| image != first));
}

#[test]
fn errors_name_the_sample_and_end_the_epoch() {
    for (how, reason) in [
        (Broken::Error, "cut off"),
        (Broken::Panic, "the decoder fell over"),
        (Broken::Nan, "band y, row 1, column 1"),
        (Broken::Shape, "like the first of the batch"),
    ] {
        let config = LoaderConfig { threads: 3, ..LoaderConfig::new(4, Order::Sequential, 0) };
        let data = Memory::new(40, Some((9, how)));
        let mut batches = Loader::new(data, (0..40).collect(), Pipeline::default(), config).unwrap().epoch(0);
        assert!(batches.next().unwrap().is_ok() && batches.next().unwrap().is_ok());
        let error = batches.next().unwrap().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert!(error.contains("id009") || matches!(how, Broken::Panic), "{error}");
        assert!(batches.next().is_none());
    }
    let fill = Pipeline::new(vec![Step::FillInvalid(FillInvalid { value: 0.0 })]);
    let config = LoaderConfig::new(40, Order::Sequential, 0);
    let loader = Loader::new(Memory::new(40, Some((9, Broken::Nan))), (0..40).collect(), fill, config).unwrap();
    assert!(loader.epoch(0).next().unwrap().is_ok());
}

#[test]
fn memory_is_bounded_and_dropping_early_stops() {
    let data = Memory::new(400, None);
    let config = LoaderConfig { threads: 4, prefetch: 3, ..LoaderConfig::new(2, Order::Sequential, 0) };
    let loader = Loader::new(data.clone(), (0..400).collect(), Pipeline::default(), config).unwrap();
    let mut batches = loader.epoch(0);
    batches.next().unwrap().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(60));
    // One batch handed out, three ahead.
    assert!(data.loaded.load(Ordering::SeqCst) <= 2 * (1 + 3));
    drop(loader);
    drop(batches);
    let after = data.loaded.load(Ordering::SeqCst);
    // The threads are gone: theirs were the other references to the data.
    assert_eq!(Arc::strong_count(&data), 1);
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(data.loaded.load(Ordering::SeqCst), after);
}

#[test]
fn bad_settings_are_refused() {
    let build = |indices: Vec<usize>, config: LoaderConfig, pipeline: &str| {
        Loader::new(Memory::new(10, None), indices, Pipeline::from_toml(pipeline).unwrap(), config).err().unwrap()
    };
    let config = LoaderConfig::new(4, Order::Sequential, 0);
    let setting = |error: DataError| assert!(matches!(error, DataError::Setting { .. }), "{error}");
    setting(build(vec![0], LoaderConfig { batch_size: 0, ..config.clone() }, ""));
    setting(build(vec![0], LoaderConfig { prefetch: 0, ..config.clone() }, ""));
    setting(build(vec![], config.clone(), ""));
    setting(build(vec![0], LoaderConfig { drop_last: true, ..config.clone() }, ""));
    for weights in [vec![1.0], vec![0.0; 3], vec![-1.0, 1.0, 1.0], vec![f64::NAN, 1.0, 1.0]] {
        setting(build(vec![0], LoaderConfig { order: Order::ClassWeighted { weights }, ..config.clone() }, ""));
    }
    assert!(matches!(build(vec![10], config.clone(), ""), DataError::IndexOutOfRange { index: 10, len: 10 }));
    let unknown = build(vec![0], config, "steps = [{ step = 'select_bands', bands = ['B04'] }]");
    assert!(matches!(unknown, DataError::UnknownBand { .. }));
}

#[test]
fn a_cache_gives_the_same_samples_once_decoded() {
    let data = Memory::new(12, None);
    let cached = Cached::subset(&*data, &[3, 1, 8], 10_000).unwrap();
    assert_eq!(data.loaded.load(Ordering::SeqCst), 3);
    for (position, index) in [3, 1, 8].into_iter().enumerate() {
        assert_eq!(cached.load(position).unwrap(), data.load(index).unwrap());
        assert_eq!((cached.id(position), cached.class_of(position)), (data.id(index), data.class_of(index)));
    }
    assert_eq!((cached.name(), cached.len(), cached.classes()), (data.name(), 3, data.classes()));
    assert!(matches!(cached.load(3), Err(DataError::IndexOutOfRange { index: 3, len: 3 })));
    // 24 values: 4 bytes each in quarters, 1 byte each when whole (index 0, 4, 8).
    let full = Cached::all(&*data, 400).err().unwrap();
    assert!(matches!(full, DataError::CacheFull { limit: 400, .. }), "{full}");
    assert!(Cached::subset(&*data, &[0, 4, 8], 72).is_ok());
    let error = Cached::all(&*Memory::new(12, Some((5, Broken::Error))), 1 << 20).err().unwrap();
    assert!(error.to_string().contains("id005"), "{error}");
}

#[test]
fn statistics_equal_a_naive_computation() {
    let data = Memory::new(20, Some((4, Broken::Nan)));
    let ids = |range: std::ops::Range<usize>| range.map(|i| format!("id{i:03}")).collect::<Vec<_>>();
    let parts = vec![("train".into(), ids(0..15)), ("test".into(), ids(15..20))];
    let split = Split::new("s", "given", None, parts).unwrap();
    let statistics = compute_statistics(&*data, &split, "train", &Pipeline::default(), Some((10.0, 90.0))).unwrap();
    let percentiles = statistics.percentiles.as_ref().unwrap();
    for band in 0..2 {
        let mut values: Vec<f64> = (0..15)
            .flat_map(|i| data.load(i).unwrap().image.band(band).to_vec())
            .filter(|value| value.is_finite())
            .map(f64::from)
            .collect();
        assert_eq!(values.len(), 15 * 12 - band);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        assert!((statistics.mean[band] - mean).abs() < 1e-12 * mean, "{} {mean}", statistics.mean[band]);
        assert!((statistics.std[band] - std).abs() < 1e-12 * std);
        values.sort_by(f64::total_cmp);
        let near = |percent: f64, found: f64| {
            let below = values.iter().filter(|&&v| v <= found).count() as f64 / values.len() as f64;
            assert!((below - percent).abs() < 0.03, "{found} is at {below}");
        };
        near(0.1, percentiles.low[band]);
        near(0.9, percentiles.high[band]);
    }
    assert!(statistics.source.to_string().contains("part `train`") && statistics.source.to_string().contains("memory"));
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = one.install(|| compute_statistics(&*data, &split, "train", &Pipeline::default(), Some((10.0, 90.0))));
    assert_eq!(alone.unwrap(), statistics, "bit-identical on one thread");

    assert!(compute_statistics(&*data, &split, "train", &augmented(), None).is_err(), "random steps");
    assert!(compute_statistics(&*data, &split, "train", &Pipeline::default(), Some((90.0, 10.0))).is_err());
    let constant = Pipeline::from_toml("steps = [{ step = 'clip', low = [0.0], high = [0.0] }]").unwrap();
    let error = compute_statistics(&*data, &split, "test", &constant, None).unwrap_err().to_string();
    assert!(error.contains("constant band"), "{error}");
}

#[test]
fn masks_and_labels_are_joined() {
    let sample = |id: &str, valid: Option<Vec<bool>>, label: Label| {
        let bands = Arc::new(BandSet::new(vec![Band::other("x", "test", None)]).unwrap());
        let image = Image::new(bands, InputUnit::Sigma0Db, 1, 2, vec![1.0, 2.0]).unwrap();
        let valid = valid.map(|valid| Mask { height: 1, width: 2, valid });
        Sample { image, valid, label, id: id.into(), geo: None }
    };
    let mask = |classes: Vec<i32>| Label::Segmentation { height: 1, width: classes.len(), classes };
    let batch = Batch::new(vec![
        sample("a", None, mask(vec![0, -1])),
        sample("b", Some(vec![false, true]), mask(vec![2, 1])),
    ])
    .unwrap();
    assert_eq!(batch.shape, [2, 1, 1, 2]);
    assert_eq!(batch.masks.unwrap(), [0, -1, 2, 1]);
    assert_eq!(batch.valid.unwrap(), [true, true, false, true]);
    assert!(batch.labels.is_empty());
    let mixed = vec![sample("a", None, Label::Class(1)), sample("b", None, Label::None)];
    assert!(Batch::new(mixed).unwrap_err().to_string().contains("sample `b`"));
    assert!(Batch::new(vec![sample("a", None, mask(vec![0]))]).is_err());
    assert!(Batch::new(vec![]).is_err());
}
