//! Scenes, options and models that do not go together.

use std::sync::Arc;

use rs_datasets::{Band, BandSet, InputUnit, Sample};
use rs_peft::scene::{MapKind, MapOptions, ModelFailure, WindowModel, map_scene};

use crate::toy::{Place, Scene, Toy, go_on};

#[test]
fn bad_input_is_named_and_nothing_is_left() {
    let place = Place::new();
    Scene::new(40, 40, 1).write(&place.path("scene.tif"));
    let model = Toy::new(MapKind::Pixels, [16, 16]);
    let options = MapOptions::new(model.classes());
    let refused = |model: &Toy, options: &MapOptions| {
        let error = map_scene(
            model,
            &place.path("scene.tif"),
            &place.path("map.tif"),
            options,
            &go_on,
        );
        error.unwrap_err().to_string()
    };
    let mut three = Toy::new(MapKind::Pixels, [16, 16]);
    let bands = ["a", "b", "c"]
        .map(|name| Band::other(name, "test", None))
        .to_vec();
    three.bands = Arc::new(BandSet::new(bands).unwrap());
    let error = refused(&three, &options);
    assert!(
        error.contains("2 bands") && error.contains("a, b, c"),
        "{error}"
    );
    let mut eight = Toy::new(MapKind::Pixels, [16, 16]);
    eight.unit = InputUnit::Uint8;
    let error = refused(&eight, &options);
    assert!(
        error.contains("float32") && error.contains("uint8"),
        "{error}"
    );
    for (overlap, stride, says) in [(Some(16), None, "0 to 15"), (None, Some(4), "overlap")] {
        let mut bad = options.clone();
        (bad.overlap, bad.stride) = (overlap, stride);
        let error = refused(&model, &bad);
        assert!(error.contains(says), "{error}");
    }
    let mut bad = options.clone();
    bad.batch = 0;
    assert!(refused(&model, &bad).contains("at least one"));
    assert_eq!(place.names(), ["scene.tif"]);

    std::fs::write(place.path("map.tif"), b"mine").unwrap();
    assert!(refused(&model, &options).contains("--force"));
    assert_eq!(std::fs::read(place.path("map.tif")).unwrap(), b"mine");
    let mut forced = options.clone();
    forced.force = true;
    map_scene(
        &model,
        &place.path("scene.tif"),
        &place.path("map.tif"),
        &forced,
        &go_on,
    )
    .unwrap();
    assert_eq!(place.names(), ["map.tif", "scene.tif"]);

    let missing = place.path("no/such/folder/map.tif");
    let inside_a_file = place.path("scene.tif").join("map.tif");
    assert!(
        map_scene(
            &model,
            &place.path("scene.tif"),
            &inside_a_file,
            &options,
            &go_on
        )
        .is_err()
    );
    assert!(!missing.exists());
    let bytes = std::fs::read(place.path("scene.tif")).unwrap();
    std::fs::write(place.path("cut.tif"), &bytes[..bytes.len() / 2]).unwrap();
    let error = map_scene(
        &model,
        &place.path("cut.tif"),
        &place.path("map2.tif"),
        &options,
        &go_on,
    );
    assert!(error.unwrap_err().to_string().contains("cut.tif"));
}

/// A model that gives up, or gives what are no logits.
struct Broken(Toy, f32);

impl WindowModel for Broken {
    fn classes(&self) -> &[String] {
        self.0.classes()
    }
    fn kind(&self) -> MapKind {
        self.0.kind()
    }
    fn window(&self) -> [usize; 2] {
        self.0.window()
    }
    fn bands(&self) -> Arc<BandSet> {
        self.0.bands()
    }
    fn unit(&self) -> InputUnit {
        self.0.unit()
    }
    fn identity(&self) -> String {
        self.0.identity()
    }
    fn logits(&self, windows: &[Sample]) -> Result<Vec<f32>, ModelFailure> {
        let mut logits = self.0.logits(windows)?;
        if self.1 == 0.0 {
            return Err("out of memory".into());
        }
        logits[0] = self.1;
        if self.1 == 1.0 {
            logits.pop();
        }
        Ok(logits)
    }
}

#[test]
fn a_model_that_fails_is_named_with_the_place() {
    let place = Place::new();
    Scene::new(40, 40, 1).write(&place.path("scene.tif"));
    for (fault, says) in [(0.0, "out of memory"), (f32::NAN, "NaN"), (1.0, "numbers")] {
        let model = Broken(Toy::new(MapKind::Pixels, [16, 16]), fault);
        let options = MapOptions::new(model.classes());
        let found = map_scene(
            &model,
            &place.path("scene.tif"),
            &place.path("map.tif"),
            &options,
            &go_on,
        );
        let error = found.unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("row 0"), "{error}");
        assert!(!place.path("map.tif").exists());
    }
}
