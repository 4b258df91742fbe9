//! The images of one seed, and the windows of the training images as samples.

use std::sync::Arc;

use oriented_boxes::{Bounds, Point};
use rs_datasets::catalog::dota::windows;
use rs_datasets::{
    BandSet, Cached, CutRule, DataError, Dataset, DatasetInfo, Image, Label, OrientedObject,
    Sample, Split,
};

use crate::run::RunError;
use crate::run::last_image::LastImage;

/// Most bytes of decoded pixels kept in memory; larger sets are decoded again in every epoch.
const PIXEL_BYTES: u64 = 8 << 30;

/// Images with oriented objects.
pub(super) struct Images {
    pub(super) all: Arc<dyn Dataset>,
    /// Rows of the training part.
    pub(super) train: Vec<usize>,
    /// Rows of the test part, or of `val` where the published test part has no labels.
    pub(super) test: Vec<usize>,
}

impl Images {
    pub(super) fn new(view: Arc<dyn Dataset>, split: &Split) -> Result<Self, RunError> {
        let train = split.indices("train", view.as_ref())?;
        // DOTA keeps the labels of its test part to itself.
        let labelled = |rows: &Vec<usize>| -> Result<bool, RunError> {
            let first = view.load(rows[0])?;
            Ok(matches!(first.label, Label::Objects(_)))
        };
        let mut test = match split.part("test") {
            Ok(_) => split.indices("test", view.as_ref())?,
            Err(_) => split.indices("val", view.as_ref())?,
        };
        if !labelled(&test)? && split.part("val").is_ok() {
            test = split.indices("val", view.as_ref())?;
        }
        if !labelled(&train)? || !labelled(&test)? {
            return Err(RunError::Data(DataError::Setting {
                what: "detection".into(),
                detail: format!(
                    "`{}` has no labelled objects; use a data set that has, or leave [detection] out",
                    view.name()
                ),
            }));
        }
        let first = view.load(train[0])?;
        let bytes = 4 * first.image.data.len() as u64;
        let count = train.len() + test.len();
        if bytes.saturating_mul(count as u64) > PIXEL_BYTES {
            return Ok(Self {
                all: view,
                train,
                test,
            });
        }
        let wanted: Vec<usize> = train.iter().chain(&test).copied().collect();
        match Cached::subset(view.as_ref(), &wanted, PIXEL_BYTES) {
            Ok(all) => Ok(Self {
                all: Arc::new(all),
                train: (0..train.len()).collect(),
                test: (train.len()..count).collect(),
            }),
            // Images differ in size, so the first one promised too much.
            Err(DataError::CacheFull { .. }) => Ok(Self {
                all: view,
                train,
                test,
            }),
            Err(error) => Err(error.into()),
        }
    }
}

/// The values of a window `[band, row, column]`, 0 (the mean) beyond the image, and the part of the image that it shows.
pub(super) fn window(image: &Image, left: usize, top: usize, size: usize) -> (Vec<f32>, Bounds) {
    let (right, bottom) = (
        (left + size).min(image.width),
        (top + size).min(image.height),
    );
    let mut values = vec![0.0; image.bands.len() * size * size];
    for band in 0..image.bands.len() {
        let plane = image.band(band);
        for row in top..bottom {
            let from = &plane[row * image.width + left..row * image.width + right];
            let at = (band * size + row - top) * size;
            values[at..at + from.len()].copy_from_slice(from);
        }
    }
    let shown = Bounds {
        left: left as f64,
        top: top as f64,
        right: right as f64,
        bottom: bottom as f64,
    };
    (values, shown)
}

/// The objects that a window shows, in its own pixels, cut by the rule of DOTA's development kit; whole where the window shows all of the image.
fn objects_in(
    objects: &[OrientedObject],
    shown: &Bounds,
    image: &Image,
) -> Result<Vec<OrientedObject>, DataError> {
    let whole = shown.contains(&Bounds::of_image(image.width, image.height));
    let cut = match whole {
        true => objects.to_vec(),
        false => CutRule::default().cut(objects, shown),
    };
    cut.into_iter()
        .map(|object| {
            let quad = object
                .quad
                .map(|p| Point::new(p.x - shown.left, p.y - shown.top));
            let quad = quad.map_err(|error| DataError::Setting {
                what: "windows".into(),
                detail: error.to_string(),
            })?;
            Ok(OrientedObject { quad, ..object })
        })
        .collect()
}

fn objects_of(sample: &Sample) -> &[OrientedObject] {
    match &sample.label {
        Label::Objects(objects) => objects,
        _ => &[],
    }
}

struct Place {
    image: usize,
    left: usize,
    top: usize,
    id: String,
}

/// The windows of the training images with the objects that they show.
pub(super) struct ObjectWindows {
    images: LastImage,
    size: usize,
    places: Vec<Place>,
    objects: Vec<usize>,
}

impl ObjectWindows {
    /// Lists the windows; without `keep_empty` only those that show an object that is not difficult.
    ///
    /// # Errors
    /// When an image cannot be read, or no window shows an object.
    pub(super) fn new(
        images: &Images,
        size: usize,
        overlap: usize,
        keep_empty: bool,
    ) -> Result<Self, RunError> {
        let mut places = Vec::new();
        let mut objects = vec![0; images.all.classes().len()];
        for &row in &images.train {
            let sample = images.all.load(row)?;
            for object in objects_of(&sample).iter().filter(|o| !o.is_difficult()) {
                objects[object.class] += 1;
            }
            let image = &sample.image;
            for (left, top) in windows(image.width, image.height, size, overlap) {
                let shown = Bounds {
                    left: left as f64,
                    top: top as f64,
                    right: (left + size).min(image.width) as f64,
                    bottom: (top + size).min(image.height) as f64,
                };
                let inside = objects_in(objects_of(&sample), &shown, image)?;
                if keep_empty || inside.iter().any(|object| !object.is_difficult()) {
                    places.push(Place {
                        image: row,
                        left,
                        top,
                        id: format!("{}@{top},{left}", sample.id),
                    });
                }
            }
        }
        if places.is_empty() {
            return Err(RunError::Data(DataError::Setting {
                what: "detection".into(),
                detail: format!(
                    "no window of {size} pixels over {} training images shows an object; check the labels, or set detection.keep_empty",
                    images.train.len()
                ),
            }));
        }
        Ok(Self {
            images: LastImage::new(images.all.clone()),
            size,
            places,
            objects,
        })
    }

    /// Objects of the training images that are not difficult, per class.
    pub(super) fn objects_per_class(&self) -> &[usize] {
        &self.objects
    }
}

impl Dataset for ObjectWindows {
    fn info(&self) -> &DatasetInfo {
        self.images.inner.info()
    }

    fn classes(&self) -> &[String] {
        self.images.inner.classes()
    }

    fn bands(&self) -> &BandSet {
        self.images.inner.bands()
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.places[index].id
    }

    fn class_of(&self, _index: usize) -> Option<usize> {
        None
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        let place = self.places.get(index).ok_or(DataError::IndexOutOfRange {
            index,
            len: self.places.len(),
        })?;
        let whole = self.images.load(place.image)?;
        let (values, shown) = window(&whole.image, place.left, place.top, self.size);
        let objects = objects_in(objects_of(&whole), &shown, &whole.image)?;
        let raster = &whole.image;
        Ok(Sample {
            image: Image::new(
                raster.bands.clone(),
                raster.unit,
                self.size,
                self.size,
                values,
            )?,
            valid: None,
            label: Label::Objects(objects),
            id: place.id.clone(),
            geo: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use rs_datasets::{AerialConfig, AerialScenes, stratified};

    use super::*;

    fn images(size: usize) -> Images {
        let config = AerialConfig {
            scenes: 6,
            seed: 3,
            size,
            empty_share: 0.0,
            ..AerialConfig::default()
        };
        let scenes = Arc::new(AerialScenes::new(config).unwrap());
        let table = rs_datasets::LabelTable::unlabelled(scenes.as_ref()).unwrap();
        let split = stratified(&table, "x", &[("test", 0.5), ("train", 0.5)], 0).unwrap();
        Images::new(scenes, &split).unwrap()
    }

    #[test]
    fn windows_show_the_objects_of_their_place() {
        let images = images(160);
        let windows = ObjectWindows::new(&images, 128, 32, true).unwrap();
        // Two by two over each of three images.
        assert_eq!(windows.len(), 12);
        let total: usize = images
            .train
            .iter()
            .map(|&row| objects_of(&images.all.load(row).unwrap()).len())
            .sum();
        assert_eq!(windows.objects_per_class().iter().sum::<usize>(), total);
        let whole = images.all.load(images.train[0]).unwrap();
        let last = windows.load(3).unwrap();
        assert!(last.id.ends_with("@32,32"), "{}", last.id);
        assert_eq!(
            last.image.band(1)[5 * 128 + 7],
            whole.image.band(1)[37 * 160 + 39]
        );
        for object in objects_of(&last).iter().filter(|o| !o.is_difficult()) {
            let center = object.quad.center();
            let near = objects_of(&whole).iter().any(|other| {
                let moved = other.quad.center().moved(-32.0, -32.0);
                moved.distance(center) < 20.0 && other.class == object.class
            });
            assert!(near, "{object:?}");
        }
    }

    #[test]
    fn a_small_image_is_padded_and_its_objects_stay_whole() {
        let images = images(128);
        let windows = ObjectWindows::new(&images, 192, 0, true).unwrap();
        assert_eq!(windows.len(), 3);
        let (whole, padded) = (
            images.all.load(images.train[1]).unwrap(),
            windows.load(1).unwrap(),
        );
        assert_eq!(objects_of(&whole), objects_of(&padded));
        let plane = padded.image.band(0);
        assert_eq!(plane[100 * 192 + 50], whole.image.band(0)[100 * 128 + 50]);
        assert_eq!((plane[100 * 192 + 130], plane[150 * 192]), (0.0, 0.0));
    }
}
