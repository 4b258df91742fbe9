//! Maps that were stopped, and maps that two want to make.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use rs_peft::scene::{MapKind, MapOptions, Probabilities, SceneError, WindowModel, map_scene};

use crate::toy::{Place, Scene, Toy, go_on};

#[test]
fn stopped_anywhere_it_goes_on_to_the_same_bytes() {
    let place = Place::new();
    let scene = Scene::new(700, 300, 5);
    scene.write(&place.path("scene.tif"));
    let mut model = Toy::new(MapKind::Pixels, [48, 64]);
    model.context = true;
    let mut options = MapOptions::new(model.classes());
    options.batch = 3;
    let map = |name: &str, probabilities: &str, watch: rs_peft::scene::Watch<'_>| {
        let mut options = options.clone();
        options.probabilities = Some(Probabilities {
            path: place.path(probabilities),
            percent: true,
        });
        map_scene(
            &model,
            &place.path("scene.tif"),
            &place.path(name),
            &options,
            watch,
        )
    };
    let whole = map("whole.tif", "whole_p.tif", &go_on).unwrap();
    assert!(whole.windows > 50);
    let all = model.seen.swap(0, Ordering::Relaxed);
    let mut at_once = 0;
    for stop in [
        1,
        whole.windows / 3,
        whole.windows / 2,
        whole.windows - 1,
        whole.windows,
    ] {
        let output = format!("stopped{stop}.tif");
        let stopped = map(&output, "p.tif", &|progress| {
            if progress.done >= stop {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(
            matches!(stopped, Err(SceneError::Stopped { .. })),
            "{stopped:?}"
        );
        assert!(!place.path(&output).exists());
        // Another map under the same name begins anew.
        model.seen.store(0, Ordering::Relaxed);
        // What a writer that was killed leaves.
        std::fs::write(place.path(&format!(".{output}.123.4.tmp")), b"half").unwrap();
        let report = map(&output, "p.tif", &go_on).unwrap();
        let seen = model.seen.load(Ordering::Relaxed);
        assert_eq!(seen + report.resumed_windows, all);
        at_once += usize::from(report.resumed_windows > 0);
        for (a, b) in [(&*output, "whole.tif"), ("p.tif", "whole_p.tif")] {
            let [a, b] = [a, b].map(|name| std::fs::read(place.path(name)).unwrap());
            assert!(a == b, "stopped after {stop} windows");
        }
        std::fs::remove_file(place.path("p.tif")).unwrap();
        std::fs::remove_file(place.path(&output)).unwrap();
    }
    assert!(
        at_once >= 3,
        "{at_once} attempts went on from finished rows"
    );
    assert_eq!(place.names(), ["scene.tif", "whole.tif", "whole_p.tif"]);
}

#[test]
fn rows_of_another_scene_or_setting_are_not_gone_on_from() {
    let place = Place::new();
    Scene::new(600, 60, 5).write(&place.path("scene.tif"));
    let model = Toy::new(MapKind::Pixels, [32, 32]);
    let options = MapOptions::new(model.classes());
    let map = |options: &MapOptions, stop: usize| {
        map_scene(
            &model,
            &place.path("scene.tif"),
            &place.path("map.tif"),
            options,
            &|progress| {
                if progress.done >= stop {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        )
    };
    let stopped = map(&options, 60);
    assert!(matches!(stopped, Err(SceneError::Stopped { .. })));
    let mut other = options.clone();
    other.overlap = Some(1);
    let stopped = map(&other, 36).unwrap_err();
    assert!(matches!(stopped, SceneError::Stopped { .. }));
    // The rows are now those of the other overlap; damaged, they are computed again.
    let work = place.path(".map.tif.work");
    let row = work.join("rows-000000");
    let mut bytes = std::fs::read(&row).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&row, &bytes).unwrap();
    let report = map(&other, usize::MAX).unwrap();
    assert_eq!(report.resumed_windows, 0);
    // The scene itself changes.
    std::fs::remove_file(place.path("map.tif")).unwrap();
    assert!(map(&options, 60).is_err());
    Scene::new(600, 60, 6).write(&place.path("scene.tif"));
    let report = map(&options, usize::MAX).unwrap();
    assert_eq!(report.resumed_windows, 0);
}

#[test]
fn two_at_once_do_not_share_a_map() {
    let place = Place::new();
    Scene::new(40, 40, 1).write(&place.path("scene.tif"));
    let model = Toy::new(MapKind::Pixels, [16, 16]);
    let options = MapOptions::new(model.classes());
    let tried = std::cell::Cell::new(false);
    let (scene, map) = (place.path("scene.tif"), place.path("map.tif"));
    map_scene(&model, &scene, &map, &options, &|_| {
        if !tried.replace(true) {
            let second = map_scene(&model, &scene, &map, &options, &go_on);
            assert!(
                matches!(second, Err(SceneError::InUse { .. })),
                "{second:?}"
            );
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(tried.get());
}
