//! The loader: the same batches on any number of threads, bounded memory, errors that name the sample, no thread left behind.

mod memory;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use memory::{Broken, Memory};
use rs_datasets::{
    Band, BandSet, Batch, DataError, FillInvalid, Image, InputUnit, Label, Loader, LoaderConfig,
    Mask, Order, Pipeline, Sample, Step,
};

fn augmented() -> Pipeline {
    Pipeline::from_toml(
        "steps = [{ step = 'random_dihedral' }, { step = 'random_crop', height = 2, width = 3 }]",
    )
    .unwrap()
}

fn run(order: &Order, threads: usize, prefetch: usize, epoch: u64) -> Vec<Batch> {
    let config = LoaderConfig {
        threads,
        prefetch,
        ..LoaderConfig::new(7, order.clone(), 5)
    };
    let loader = Loader::new(
        Memory::new(40, None),
        (0..40).collect(),
        augmented(),
        config,
    )
    .unwrap();
    let batches: Vec<Batch> = loader.epoch(epoch).collect::<Result<_, _>>().unwrap();
    assert_eq!(batches.len(), loader.batches_per_epoch());
    let ids: Vec<String> = batches.iter().flat_map(|batch| batch.ids.clone()).collect();
    let expected: Vec<String> = loader
        .order(epoch)
        .iter()
        .map(|i| format!("id{i:03}"))
        .collect();
    assert_eq!(ids, expected);
    batches
}

#[test]
fn batches_do_not_depend_on_threads() {
    for order in [Order::Sequential, Order::Shuffled, Order::ClassBalanced] {
        let reference = run(&order, 1, 1, 2);
        for (threads, prefetch) in [(2, 2), (4, 3), (4, 9)] {
            assert_eq!(
                run(&order, threads, prefetch, 2),
                reference,
                "{order:?} on {threads} threads"
            );
        }
        assert_ne!(
            run(&order, 2, 2, 3),
            reference,
            "another epoch has other crops"
        );
    }
}

#[test]
fn orders_and_last_batches() {
    let loader = |order, drop_last| {
        let config = LoaderConfig {
            drop_last,
            ..LoaderConfig::new(16, order, 1)
        };
        Loader::new(
            Memory::new(90, None),
            (0..90).collect(),
            Pipeline::default(),
            config,
        )
        .unwrap()
    };
    let sequential = loader(Order::Sequential, false);
    assert_eq!(sequential.order(0), (0..90).collect::<Vec<_>>());
    let sizes: Vec<usize> = sequential
        .epoch(0)
        .map(|batch| batch.unwrap().len())
        .collect();
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
            loader
                .order(epoch)
                .iter()
                .for_each(|&i| counts[if i < 30 { i % 3 } else { 0 }] += 1);
        }
        counts
    };
    let balanced = counts(Order::ClassBalanced);
    assert!(
        balanced.iter().all(|&count| count.abs_diff(600) < 90),
        "{balanced:?}"
    );
    let weighted = counts(Order::ClassWeighted {
        weights: vec![0.0, 1.0, 3.0],
    });
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
        let config = LoaderConfig {
            threads: 3,
            ..LoaderConfig::new(4, Order::Sequential, 0)
        };
        let data = Memory::new(40, Some((9, how)));
        let mut batches = Loader::new(data, (0..40).collect(), Pipeline::default(), config)
            .unwrap()
            .epoch(0);
        assert!(batches.next().unwrap().is_ok() && batches.next().unwrap().is_ok());
        let error = batches.next().unwrap().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert!(
            error.contains("id009") || matches!(how, Broken::Panic),
            "{error}"
        );
        assert!(batches.next().is_none());
    }
    let fill = Pipeline::new(vec![Step::FillInvalid(FillInvalid { value: 0.0 })]);
    let config = LoaderConfig::new(40, Order::Sequential, 0);
    let loader = Loader::new(
        Memory::new(40, Some((9, Broken::Nan))),
        (0..40).collect(),
        fill,
        config,
    )
    .unwrap();
    assert!(loader.epoch(0).next().unwrap().is_ok());
}

#[test]
fn memory_is_bounded_and_dropping_early_stops() {
    let data = Memory::new(400, None);
    let config = LoaderConfig {
        threads: 4,
        prefetch: 3,
        ..LoaderConfig::new(2, Order::Sequential, 0)
    };
    let loader = Loader::new(
        data.clone(),
        (0..400).collect(),
        Pipeline::default(),
        config,
    )
    .unwrap();
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
        Loader::new(
            Memory::new(10, None),
            indices,
            Pipeline::from_toml(pipeline).unwrap(),
            config,
        )
        .err()
        .unwrap()
    };
    let config = LoaderConfig::new(4, Order::Sequential, 0);
    let setting = |error: DataError| assert!(matches!(error, DataError::Setting { .. }), "{error}");
    setting(build(
        vec![0],
        LoaderConfig {
            batch_size: 0,
            ..config.clone()
        },
        "",
    ));
    setting(build(
        vec![0],
        LoaderConfig {
            prefetch: 0,
            ..config.clone()
        },
        "",
    ));
    setting(build(vec![], config.clone(), ""));
    setting(build(
        vec![0],
        LoaderConfig {
            drop_last: true,
            ..config.clone()
        },
        "",
    ));
    for weights in [
        vec![1.0],
        vec![0.0; 3],
        vec![-1.0, 1.0, 1.0],
        vec![f64::NAN, 1.0, 1.0],
    ] {
        setting(build(
            vec![0],
            LoaderConfig {
                order: Order::ClassWeighted { weights },
                ..config.clone()
            },
            "",
        ));
    }
    assert!(matches!(
        build(vec![10], config.clone(), ""),
        DataError::IndexOutOfRange { index: 10, len: 10 }
    ));
    let unknown = build(
        vec![0],
        config,
        "steps = [{ step = 'select_bands', bands = ['B04'] }]",
    );
    assert!(matches!(unknown, DataError::UnknownBand { .. }));
}

#[test]
fn masks_and_labels_are_joined() {
    let sample = |id: &str, valid: Option<Vec<bool>>, label: Label| {
        let bands = Arc::new(BandSet::new(vec![Band::other("x", "test", None)]).unwrap());
        let image = Image::new(bands, InputUnit::Sigma0Db, 1, 2, vec![1.0, 2.0]).unwrap();
        let valid = valid.map(|valid| Mask {
            height: 1,
            width: 2,
            valid,
        });
        Sample {
            image,
            valid,
            label,
            id: id.into(),
            geo: None,
        }
    };
    let mask = |classes: Vec<i32>| Label::Segmentation {
        height: 1,
        width: classes.len(),
        classes,
    };
    let batch = Batch::new(vec![
        sample("a", None, mask(vec![0, -1])),
        sample("b", Some(vec![false, true]), mask(vec![2, 1])),
    ])
    .unwrap();
    assert_eq!(batch.shape, [2, 1, 1, 2]);
    assert_eq!(batch.masks.unwrap(), [0, -1, 2, 1]);
    assert_eq!(batch.valid.unwrap(), [true, true, false, true]);
    assert!(batch.labels.is_empty());
    let mixed = vec![
        sample("a", None, Label::Class(1)),
        sample("b", None, Label::None),
    ];
    assert!(
        Batch::new(mixed)
            .unwrap_err()
            .to_string()
            .contains("sample `b`")
    );
    assert!(Batch::new(vec![sample("a", None, mask(vec![0]))]).is_err());
    assert!(Batch::new(vec![]).is_err());
}

#[test]
fn settings_read_from_toml_and_refuse_unknown_keys() {
    let text = |order: &str| {
        format!(
            "batch_size = 4\nseed = 1\ndrop_last = true\nthreads = 2\nprefetch = 3\norder = {order}"
        )
    };
    let read = |order: &str| toml::from_str::<LoaderConfig>(&text(order));
    assert_eq!(read("'shuffled'").unwrap().order, Order::Shuffled);
    let weighted = read("{ class_weighted = { weights = [1.0, 2.0] } }").unwrap();
    let weights = vec![1.0, 2.0];
    assert_eq!(weighted.order, Order::ClassWeighted { weights });
    assert!(read("'random'").is_err());
    assert!(read("{ class_weighted = { weights = [1.0], bias = 2.0 } }").is_err());
    assert!(read("'shuffled'\nworkers = 2").is_err());
}
