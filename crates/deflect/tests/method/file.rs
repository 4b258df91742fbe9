//! Files: what comes back, what is refused, and that a file is written whole.

use std::path::Path;

use burn::module::Module;
use burn_flex::Flex;
use deflect::{Deflect, DeflectError, MapConfig};
use peft_lora::{BaseCheck, BaseIdentity, LoadOptions, PeftError};
use testkit::behaviour::{named_values, perturbed};
use vit_backbone::VitConfig;

use crate::support::{SHAPE, adapter, config, image, small_vit, values};

fn saved(path: &Path, base: &BaseIdentity) -> Deflect<Flex> {
    let adapter = adapter::<Flex>(&config(), &small_vit(), image(values(1, SHAPE), SHAPE));
    let adapter = perturbed(adapter, 2, 0.3);
    adapter.save(path, base).unwrap();
    adapter
}

fn load(path: &Path, vit: &VitConfig, options: &LoadOptions) -> Result<BaseCheck, DeflectError> {
    Deflect::<Flex>::load(path, vit, options, &Default::default()).map(|loaded| loaded.base)
}

#[test]
fn a_map_that_is_not_trained_is_in_the_file() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("new/adapter.safetensors");
    let mut config = config();
    config.embedding.map = MapConfig::FrozenRandom {};
    let adapter = adapter::<Flex>(&config, &small_vit(), image(values(1, SHAPE), SHAPE));
    let base = BaseIdentity {
        sha256: None,
        name: Some("a backbone".into()),
    };
    adapter.save(&path, &base).unwrap();
    let loaded = Deflect::<Flex>::load(
        &path,
        &small_vit(),
        &LoadOptions::default(),
        &Default::default(),
    );
    let loaded = loaded.unwrap();
    assert_eq!(loaded.base_name.as_deref(), Some("a backbone"));
    let batch = || image::<Flex>(values(2, SHAPE), SHAPE);
    let vit = vit_backbone::Vit::<Flex>::init(&small_vit(), 1, &Default::default()).unwrap();
    let [found, expected] =
        [&loaded.adapter, &adapter].map(|a| vit.forward(batch(), a).into_data());
    assert_eq!(found, expected);
    // Nothing but the adapter is left in the directory.
    assert_eq!(
        std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1
    );
}

#[test]
fn the_base_is_recognised() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("adapter.safetensors");
    let hash = |digit: &str| Some(digit.repeat(64));
    let base = BaseIdentity {
        sha256: hash("a"),
        name: None,
    };
    let adapter = saved(&path, &base);
    let options = |sha256, allow_other_base| LoadOptions {
        base_sha256: sha256,
        allow_other_base,
    };
    let vit = small_vit();
    assert_eq!(
        load(&path, &vit, &options(hash("a"), false)).unwrap(),
        BaseCheck::Same
    );
    assert_eq!(
        load(&path, &vit, &options(None, false)).unwrap(),
        BaseCheck::Unknown
    );
    assert_eq!(
        load(&path, &vit, &options(hash("b"), true)).unwrap(),
        BaseCheck::Other
    );
    let error = load(&path, &vit, &options(hash("b"), false)).unwrap_err();
    assert!(
        matches!(error, DeflectError::Peft(PeftError::OtherBase { .. })),
        "{error}"
    );
    assert!(load(&path, &vit, &options(Some("x".into()), false)).is_err());
    let bad = BaseIdentity {
        sha256: Some("A".repeat(64)),
        name: None,
    };
    assert!(adapter.save(&path, &bad).is_err());
    // The failed save left the good file.
    load(&path, &vit, &LoadOptions::default()).unwrap();
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("adapter.safetensors");
    saved(&path, &BaseIdentity::default());
    let options = LoadOptions::default();
    let wider = VitConfig {
        dim: 24,
        ..small_vit()
    };
    let error = load(&path, &wider, &options).unwrap_err();
    assert!(
        matches!(error, DeflectError::Peft(PeftError::Shapes { .. })),
        "{error}"
    );
    // Three eighths of eight blocks are three, of three blocks one.
    let deeper = VitConfig {
        depth: 8,
        ..small_vit()
    };
    let error = load(&path, &deeper, &options).unwrap_err();
    assert!(
        matches!(error, DeflectError::Peft(PeftError::Keys { .. })),
        "{error}"
    );

    let bytes = std::fs::read(&path).unwrap();
    for length in (0..bytes.len()).step_by(97) {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(load(&path, &small_vit(), &options).is_err(), "{length}");
    }
    // The header's texts, changed in place without changing their length.
    let changed = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = bytes
            .windows(from.len())
            .position(|w| w == from.as_bytes())
            .unwrap();
        let mut changed = bytes.clone();
        changed[at..at + to.len()].copy_from_slice(to.as_bytes());
        std::fs::write(&path, &changed).unwrap();
        let damaged = load(&path, &small_vit(), &options).unwrap_err().to_string();
        assert!(damaged.contains("checksum"), "{damaged}");
        // With the checksum of what it says now, as another version would have written it.
        let entry = br#""rs_peft.sha256":""#;
        let hash = changed
            .windows(entry.len())
            .position(|w| w == entry)
            .unwrap()
            + entry.len();
        changed[hash..hash + 64].fill(b'0');
        peft_lora::seal::close(&mut changed, "rs_peft.sha256");
        std::fs::write(&path, changed).unwrap();
        load(&path, &small_vit(), &options).unwrap_err().to_string()
    };
    let newer = changed(r#""rs_peft.layout":"1""#, r#""rs_peft.layout":"2""#);
    assert!(newer.contains("layout"), "{newer}");
    let other = changed(
        r#""rs_peft.adapter":"deflect""#,
        r#""rs_peft.adapter":"reflect""#,
    );
    assert!(other.contains("reflect"), "{other}");
    let unknown = changed("index_limit", "index_bound");
    assert!(unknown.contains("index_bound"), "{unknown}");
    std::fs::write(&path, b"no safetensors").unwrap();
    let error = load(&path, &small_vit(), &options).unwrap_err();
    assert!(
        matches!(error, DeflectError::Peft(PeftError::SafeTensors { .. })),
        "{error}"
    );
    let error = load(&home.path().join("absent"), &small_vit(), &options).unwrap_err();
    assert!(
        matches!(error, DeflectError::Peft(PeftError::Io { .. })),
        "{error}"
    );
}

#[test]
fn diverged_weights_are_not_saved_and_leave_the_old_file() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("adapter.safetensors");
    let adapter = saved(&path, &BaseIdentity::default());
    let before = std::fs::read(&path).unwrap();
    let diverged = perturbed(adapter.clone(), 3, f32::INFINITY);
    let error = diverged.save(&path, &BaseIdentity::default()).unwrap_err();
    assert!(
        matches!(error, DeflectError::Peft(PeftError::NotFinite { .. })),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    // A place that cannot be written: refuses also the superuser, unlike permissions.
    assert!(
        adapter
            .save(&path.join("below"), &BaseIdentity::default())
            .is_err()
    );
    assert!(!named_values(&adapter).is_empty() && adapter.num_params() > 0);
}
