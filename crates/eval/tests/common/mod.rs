//! Made-up run records and images for tests and the demo; no number in here was measured.
#![allow(dead_code, unreachable_pub)] // every test uses its own part of this

use eval::metric::{ClassGroups, Probabilities, evaluate};
use eval::record::{
    Code, Compute, Cost, CurvePoint, DataKind, Experiment, InputHashes, PaperValue, Parameters,
    RunRecord, SCHEMA_VERSION, SeedResult,
};
use eval::report::{ExampleImage, ExamplePrediction, ExampleSet, Report};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub const CLASSES: [&str; 10] = [
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
];

pub const METHODS: [(&str, &str, u64, f64); 8] = [
    ("frozen", "frozen (linear probe)", 0, 0.80),
    ("norm", "norm tuning", 6_528, 0.82),
    ("bitfit", "BitFit", 17_280, 0.815),
    ("lora-r4-qv", "LoRA r 4, q and v", 24_576, 0.835),
    ("lora-r8", "LoRA r 8, all linear maps", 196_608, 0.86),
    ("lora-r16", "LoRA r 16, all linear maps", 393_216, 0.85),
    ("full", "full fine-tuning", 3_596_928, 0.84),
    ("scratch", "from scratch", 3_596_928, 0.66),
];

const BACKBONE: u64 = 3_596_928;

/// A made-up row: `skill` is the chance of a right answer, moved by the seed for all methods alike.
pub fn record(
    experiment: &str,
    data: DataKind,
    method: usize,
    seeds: u64,
    classes: &[&str],
    n_test: usize,
) -> RunRecord {
    let (row, label, parameters, skill) = METHODS[method];
    let names: Vec<String> = classes.iter().map(|class| class.to_string()).collect();
    let head = 193 * classes.len() as u64;
    let config = serde_json::json!({ "experiment": experiment, "method": { "method": row, "rank": 8 }, "lr": 1e-3, "epochs": 20 });
    let inputs = InputHashes {
        data: Some("3f1c".repeat(16)),
        splits: Some("a0b7".repeat(16)),
        weights: (row != "scratch").then(|| "77de".repeat(16)),
        code: None,
    };
    let groups =
        ClassGroups::by_training_rank(&(0..classes.len() as u64).rev().collect::<Vec<_>>(), 1, 1)
            .unwrap();
    let results = (0..seeds)
        .map(|seed| {
            let shift = ChaCha8Rng::seed_from_u64(seed).random_range(-0.06..0.06);
            let mut rng = ChaCha8Rng::seed_from_u64(1000 * method as u64 + seed);
            let k = classes.len();
            let truth: Vec<usize> = (0..n_test).map(|i| i % k).collect();
            let logits: Vec<f32> = truth
                .iter()
                .flat_map(|&t| {
                    let right = rng.random_range(0.0..1.0) < skill + shift;
                    let best = if right {
                        t
                    } else {
                        (t + [1, 1, 2, 5][rng.random_range(0..4)]) % k
                    };
                    (0..k)
                        .map(|c| {
                            if c == best {
                                rng.random_range(1.0..4.0)
                            } else {
                                rng.random_range(-1.0f32..1.0)
                            }
                        })
                        .collect::<Vec<_>>()
                })
                .collect();
            let probabilities = Probabilities::from_logits(&logits, k).unwrap();
            let evaluation = evaluate(
                &names,
                &truth,
                &probabilities.predictions(),
                Some(&probabilities),
                Some(&groups),
            )
            .unwrap();
            let split = format!("{seed:064x}");
            let mut result = SeedResult::from_evaluation(seed, Some(split), evaluation);
            result.n_train = Some(4 * n_test as u64);
            result.predictions = Some(format!("predictions-{seed}.csv"));
            result.seconds = Some(20.0 * (0.4 + skill));
            result.seconds_per_epoch = (row != "frozen").then_some(0.4 + skill);
            if row != "frozen" {
                result.curve = (1..=20)
                    .map(|epoch| {
                        let t = 1.0 - (-f64::from(epoch) / (4.0 + method as f64)).exp();
                        CurvePoint {
                            epoch: f64::from(epoch),
                            train_loss: Some(2.3 * (1.0 - t) + 0.2 + rng.random_range(0.0..0.08)),
                            val_loss: None,
                            val_metric: Some(
                                0.1 + (skill - 0.1) * t
                                    + shift * 0.5
                                    + rng.random_range(-0.01..0.01),
                            ),
                            learning_rate: Some(1e-3 * (1.0 - t)),
                        }
                    })
                    .collect();
            }
            result
        })
        .collect();
    let mut record = RunRecord {
        schema_version: SCHEMA_VERSION,
        id: eval::record::content_id(&config, &inputs),
        experiment: Experiment {
            name: experiment.into(),
            title: format!("Made-up numbers: {experiment}"),
            row: row.into(),
            method: label.into(),
            order: Some(method as u32),
            baseline: None,
            protocol: "numbers drawn from a random generator for looking at the layout; 70/30 stratified splits, AdamW, 20 \
                       epochs, last epoch kept."
                .into(),
            data,
            metrics: vec!["accuracy".into(), "macro_f1".into(), "ece".into()],
            paper: None,
        },
        code: Code {
            git_revision: Some("0123456789abcdef0123456789abcdef01234567".into()),
            git_dirty: Some(false),
            crate_version: "0.1.0".into(),
        },
        compute: Compute {
            backend: "flex".into(),
            device: Some("CPU".into()),
            threads: Some(2),
            finished_at: None,
        },
        config,
        inputs,
        seeds: (0..seeds).collect(),
        parameters: Parameters {
            trainable: Some(parameters + head),
            head: Some(head),
            backbone: Some(BACKBONE),
            total: Some(BACKBONE + parameters + head),
        },
        cost: Cost { peak_memory_bytes: Some((380 + 60 * method as u64) << 20), wall_seconds: Some(300.0), forward_flops: None },
        results,
        summary: Default::default(),
    };
    record.summarise();
    record
}

/// Three experiments: a large real one, a small real one with few classes and an unfinished row, a synthetic one with a
/// published value.
pub fn records() -> Vec<RunRecord> {
    let mut all: Vec<RunRecord> = (0..8)
        .map(|m| record("demo-large", DataKind::Real, m, 3, &CLASSES, 2000))
        .collect();
    all.extend((0..6).map(|m| record("demo-small", DataKind::Real, m, 8, &CLASSES[..3], 54)));
    all.extend((0..3).map(|m| {
        record(
            "demo-synthetic",
            DataKind::Synthetic,
            m,
            3,
            &CLASSES[..6],
            300,
        )
    }));
    if let Some(last) = all.last_mut() {
        last.experiment.paper = Some(PaperValue {
            value: 0.8,
            std: Some(0.01),
            source: "a made-up paper, Table 1".into(),
        });
    }
    if let Some(unfinished) = all.iter_mut().find(|r| r.label() == "demo-small/lora-r16") {
        unfinished.results.truncate(5);
        unfinished.summarise();
        unfinished.code.git_dirty = Some(true);
    }
    all
}

/// A report over [`records`] with example images.
pub fn report() -> Report {
    let mut report = Report::new("Adaptation ladder (layout demo, made-up numbers)");
    report.introduction =
        vec!["Every number on this page was drawn from a random generator. It exists to look at the layout.".into()];
    let images = (0..10)
        .map(|i| ExampleImage {
            png: png(64, |x, y| {
                let wave =
                    ((x as f64 / (3.0 + i as f64)).sin() * (y as f64 / 7.0).cos() * 60.0) as i32;
                [60 + 12 * i, 110 + wave, 90 - 4 * i].map(|c| c.clamp(0, 255) as u8)
            }),
            id: format!(
                "{}/{}_{}.png",
                CLASSES[i as usize],
                CLASSES[i as usize],
                100 + i
            ),
            truth: CLASSES[i as usize].into(),
            predictions: METHODS[..5]
                .iter()
                .enumerate()
                .map(|(m, method)| ExamplePrediction {
                    method: method.1.into(),
                    class: CLASSES[if (i as usize + m).is_multiple_of(4) {
                        (i as usize + 1) % 10
                    } else {
                        i as usize
                    }]
                    .into(),
                    confidence: Some(0.5 + 0.04 * m as f64),
                })
                .collect(),
        })
        .collect();
    report.examples.push(ExampleSet {
        experiment: "demo-large".into(),
        caption: "One made-up image per class, seed 0.".into(),
        images,
    });
    report
}

/// A square RGB PNG with uncompressed deflate blocks, which needs no library.
pub fn png(side: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    let mut raw = Vec::new();
    for y in 0..side {
        raw.push(0);
        (0..side).for_each(|x| raw.extend(pixel(x, y)));
    }
    let mut zlib = vec![0x78, 0x01];
    let blocks = raw.chunks(65_535).count();
    for (i, block) in raw.chunks(65_535).enumerate() {
        let length = block.len() as u16;
        zlib.push(u8::from(i + 1 == blocks));
        zlib.extend(length.to_le_bytes());
        zlib.extend((!length).to_le_bytes());
        zlib.extend(block);
    }
    let (a, b) = raw.iter().fold((1u32, 0u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    zlib.extend((b << 16 | a).to_be_bytes());
    let mut header = side.to_be_bytes().to_vec();
    header.extend(side.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", header), (b"IDAT", zlib), (b"IEND", Vec::new())] {
        let mut chunk = kind.to_vec();
        chunk.extend(&data);
        let crc = !chunk.iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |c, _| {
                if c & 1 == 1 {
                    c >> 1 ^ 0xedb8_8320
                } else {
                    c >> 1
                }
            })
        });
        out.extend((data.len() as u32).to_be_bytes());
        out.extend(chunk);
        out.extend(crc.to_be_bytes());
    }
    out
}
