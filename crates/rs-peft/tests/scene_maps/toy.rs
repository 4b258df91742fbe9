//! A model of single pixels, scenes made by a formula, and a folder for both.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rs_datasets::io::{
    Dtype, GeoTags, GeoTiffSpec, GeoTiffWriter, Raster, Samples, SceneFile, SceneLimits,
    SceneWindow, TILE, encode_tile,
};
use rs_datasets::{Band, BandSet, InputUnit, Sample};
use rs_peft::scene::{MapKind, ModelFailure, WindowModel};

/// Classes by thresholds of the two bands: a model that looks at one pixel at a time, or at the mean of a window.
pub(crate) struct Toy {
    pub(crate) kind: MapKind,
    pub(crate) window: [usize; 2],
    pub(crate) bands: Arc<BandSet>,
    pub(crate) unit: InputUnit,
    pub(crate) classes: Vec<String>,
    /// Adds what the neighbours to the right are, so that windows disagree about a pixel.
    pub(crate) context: bool,
    pub(crate) seen: AtomicUsize,
}

impl Toy {
    pub(crate) fn new(kind: MapKind, window: [usize; 2]) -> Self {
        let bands = ["x", "y"]
            .map(|name| Band::other(name, "test", None))
            .to_vec();
        Self {
            kind,
            window,
            bands: Arc::new(BandSet::new(bands).unwrap()),
            unit: InputUnit::Reflectance,
            classes: ["low", "middle", "high"].map(String::from).to_vec(),
            context: false,
            seen: AtomicUsize::new(0),
        }
    }
}

/// Three numbers of one pixel; what is missing counts as 0.5, the model's own choice.
pub(crate) fn pixel_logits(x: f32, y: f32) -> [f32; 3] {
    let (x, y) = if x.is_nan() || y.is_nan() {
        (0.5, 0.5)
    } else {
        (x, y)
    };
    [1.5 - 4.0 * x, 0.25 + y - x, 2.0 * x - 0.7 * y]
}

impl WindowModel for Toy {
    fn classes(&self) -> &[String] {
        &self.classes
    }
    fn kind(&self) -> MapKind {
        self.kind
    }
    fn window(&self) -> [usize; 2] {
        self.window
    }
    fn bands(&self) -> Arc<BandSet> {
        Arc::clone(&self.bands)
    }
    fn unit(&self) -> InputUnit {
        self.unit
    }
    fn identity(&self) -> String {
        format!("toy {:?} {}", self.kind, self.context)
    }
    fn logits(&self, windows: &[Sample]) -> Result<Vec<f32>, ModelFailure> {
        self.seen.fetch_add(windows.len(), Ordering::Relaxed);
        let mut logits = Vec::new();
        for window in windows {
            let image = &window.image;
            assert_eq!([image.height, image.width], self.window);
            let (x, y) = (image.band(0), image.band(1));
            let mask = window.valid.as_ref();
            let finite = |i: usize| x[i].is_finite() && y[i].is_finite();
            assert!((0..x.len()).all(|i| finite(i) == mask.is_none_or(|mask| mask.valid[i])));
            assert!(
                (0..x.len()).any(finite),
                "a window without a measured pixel"
            );
            let pixels: Vec<[f32; 3]> = (0..x.len())
                .map(|i| {
                    let next = if self.context && (i + 1) % image.width != 0 {
                        i + 1
                    } else {
                        i
                    };
                    let (own, other) = (pixel_logits(x[i], y[i]), pixel_logits(x[next], y[next]));
                    [0, 1, 2]
                        .map(|class| own[class] + if self.context { other[class] } else { 0.0 })
                })
                .collect();
            for class in 0..3 {
                match self.kind {
                    MapKind::Pixels => logits.extend(pixels.iter().map(|pixel| pixel[class])),
                    MapKind::Windows => {
                        let sum: f32 = pixels.iter().map(|pixel| pixel[class]).sum();
                        logits.push(sum / pixels.len() as f32);
                    }
                }
            }
        }
        Ok(logits)
    }
}

/// A scene of two float bands that vary over it; NaN is "no data".
pub(crate) struct Scene {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) data: Vec<f32>,
}

impl Scene {
    pub(crate) fn new(height: usize, width: usize, seed: u32) -> Self {
        let mut state = seed | 1;
        let data = (0..2 * height * width)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 16 & 63) as f32 / 64.0
            })
            .collect();
        Self {
            height,
            width,
            data,
        }
    }

    pub(crate) fn pixel(&self, at: usize) -> (f32, f32) {
        (self.data[at], self.data[self.height * self.width + at])
    }

    pub(crate) fn write(&self, path: &Path) {
        let tags =
            GeoTags::default().with_transform([500_000.0, 10.0, 0.0, 4_600_000.0, 0.0, -10.0]);
        self.write_with(path, tags);
    }

    pub(crate) fn write_with(&self, path: &Path, tags: GeoTags) {
        let spec = GeoTiffSpec {
            height: self.height,
            width: self.width,
            bands: 2,
            dtype: Dtype::F32,
            palette: None,
            nodata: None,
            tags,
            predictor: true,
            band_names: Vec::new(),
            metadata: Vec::new(),
        };
        let mut writer = GeoTiffWriter::create(path, &spec).unwrap();
        let [down, across] = spec.tiles();
        for (band, row, column) in
            (0..2 * down * across).map(|i| (i / (down * across), i / across % down, i % across))
        {
            let mut tile = vec![0.0; TILE * TILE];
            for (y, x) in (0..TILE * TILE).map(|i| (i / TILE, i % TILE)) {
                let (row, column) = (row * TILE + y, column * TILE + x);
                if row < self.height && column < self.width {
                    tile[y * TILE + x] =
                        self.data[(band * self.height + row) * self.width + column];
                }
            }
            let tile = encode_tile(&spec, &Samples::F32(tile)).unwrap();
            writer.write(band, row, column, &tile).unwrap();
        }
        writer.finish().unwrap();
    }
}

pub(crate) fn read(path: &Path) -> Raster {
    let file = SceneFile::open(path, SceneLimits::default()).unwrap();
    file.read(SceneWindow {
        row: 0,
        column: 0,
        height: file.height(),
        width: file.width(),
    })
    .unwrap()
}

pub(crate) fn classes(path: &Path) -> Vec<u8> {
    match read(path).samples {
        Samples::U8(values) => values,
        other => panic!("{:?}", other.dtype()),
    }
}

pub(crate) fn go_on(_: rs_peft::scene::Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub(crate) fn best(logits: [f32; 3]) -> u8 {
    (0..3u8).fold(0, |best, class| {
        if logits[usize::from(class)] > logits[usize::from(best)] {
            class
        } else {
            best
        }
    })
}

pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}
