//! What is saved is loaded again, byte for byte and without a configuration; a failed save leaves no trace.

use std::collections::BTreeMap;

use burn_flex::Flex;
use testkit::{Tolerance, assert_close};
use vit_backbone::{
    BackboneError, ConfigSource, Dtype, Heads, LoadOptions, LoadReport, PositionKind, Vit,
    VitConfig, fingerprint, load_vit, save_vit, sha256_file,
};

fn two_heads() -> LoadOptions {
    LoadOptions {
        heads: Heads::Given(2),
        ..LoadOptions::default()
    }
}

fn message(result: Result<(Vit<Flex>, LoadReport), BackboneError>) -> String {
    result.expect_err("an error").to_string()
}

fn small() -> VitConfig {
    VitConfig {
        image_size: 16,
        patch_size: 4,
        dim: 8,
        depth: 2,
        heads: 2,
        mlp_dim: 12,
        layer_norm_eps: 1e-5,
        register_tokens: 2,
        layer_scale: Some(0.1),
        qkv_bias: false,
        ..VitConfig::default()
    }
}

#[test]
fn what_is_saved_is_loaded_without_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    for (number, config) in [
        small(),
        VitConfig {
            positions: PositionKind::SinCos2d,
            class_token: false,
            register_tokens: 0,
            ..small()
        },
        VitConfig {
            pos_on_prefix: false,
            final_norm: false,
            ..small()
        },
    ]
    .into_iter()
    .enumerate()
    {
        let vit = Vit::<Flex>::init(&config, 7, &Default::default()).unwrap();
        let path = folder.path().join(format!("{number}.safetensors"));
        let metadata = BTreeMap::from([("recipe".to_owned(), "a test".to_owned())]);
        let saved = save_vit(&vit, &config, &path, Dtype::F32, &metadata).unwrap();
        let (again, report) =
            load_vit::<Flex>(&path, None, &LoadOptions::default(), &Default::default()).unwrap();
        assert_eq!(
            (&report.config, report.config_source),
            (&config, ConfigSource::Metadata)
        );
        assert_eq!((&report.sha256, report.bytes), (&saved.sha256, saved.bytes));
        assert_eq!(report.metadata["recipe"], "a test");
        assert_eq!(fingerprint(&again), fingerprint(&vit));
        // The same model gives the same bytes.
        let twin = save_vit(
            &again,
            &config,
            folder.path().join("twin"),
            Dtype::F32,
            &metadata,
        )
        .unwrap();
        assert_eq!(twin, saved);

        let half = save_vit(&vit, &config, &path, Dtype::F16, &metadata).unwrap();
        assert!(half.bytes < saved.bytes);
        let (again, _) =
            load_vit::<Flex>(&path, None, &LoadOptions::default(), &Default::default()).unwrap();
        let weight = |vit: &Vit<Flex>| vit.blocks[1].mlp.fc1.weight.val().into_data();
        assert_close(
            &weight(&again),
            &weight(&vit),
            Tolerance::F16_STORED,
            "half precision",
        );
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            number + 2,
            "no temporary file stays"
        );
    }
}

#[test]
fn a_saved_model_infers_the_same_configuration_without_its_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vit.safetensors");
    for positions in [PositionKind::Learned, PositionKind::SinCos2d] {
        let config = VitConfig {
            positions,
            layer_scale: Some(1e-5),
            ..small()
        };
        let vit = Vit::<Flex>::init(&config, 7, &Default::default()).unwrap();
        save_vit(&vit, &config, &path, Dtype::F32, &BTreeMap::new()).unwrap();
        // Renaming the metadata key in place keeps every length.
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes
            .windows(12)
            .position(|w| w == b"\"vit_config\"")
            .unwrap();
        bytes[at + 1] = b'x';
        std::fs::write(&path, bytes).unwrap();
        let options = LoadOptions {
            layer_norm_eps: Some(1e-5),
            ..two_heads()
        };
        let (_, report) = load_vit::<Flex>(&path, None, &options, &Default::default()).unwrap();
        assert_eq!(
            (report.config, report.config_source),
            (config, ConfigSource::Inferred)
        );
    }
}

#[test]
fn a_given_configuration_must_be_the_saved_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vit.safetensors");
    let config = small();
    let vit = Vit::<Flex>::init(&config, 7, &Default::default()).unwrap();
    save_vit(&vit, &config, &path, Dtype::F32, &BTreeMap::new()).unwrap();
    let load = |config: &VitConfig| {
        load_vit::<Flex>(
            &path,
            Some(config),
            &LoadOptions::default(),
            &Default::default(),
        )
    };
    // Heads change no shape, so nothing but the stored configuration could notice.
    let text = message(load(&VitConfig {
        heads: 4,
        ..config.clone()
    }));
    assert!(text.contains("heads is 2 there and 4 here"), "{text}");
    load(&VitConfig {
        drop_path: 0.2,
        ..config
    })
    .unwrap();
}

#[test]
fn a_failed_save_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vit.safetensors");
    let config = small();
    let mut vit = Vit::<Flex>::init(&config, 7, &Default::default()).unwrap();
    save_vit(&vit, &config, &path, Dtype::F32, &BTreeMap::new()).unwrap();
    let before = sha256_file(&path).unwrap();
    // A value that half precision cannot hold is found while the file is being written.
    vit.blocks[1].norm1.gamma = vit.blocks[1].norm1.gamma.clone().map(|gamma| gamma * 1e6);
    let error = save_vit(&vit, &config, &path, Dtype::F16, &BTreeMap::new()).unwrap_err();
    assert!(
        error.to_string().contains("blocks.1.norm1.weight"),
        "{error}"
    );
    let wrong = VitConfig {
        mlp_dim: 16,
        ..config.clone()
    };
    assert!(save_vit(&vit, &wrong, &path, Dtype::F32, &BTreeMap::new()).is_err());
    assert_eq!(sha256_file(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    // A folder that does not exist, or that is a file, is an error that names the target.
    for bad in [
        folder.path().join("none/vit.safetensors"),
        path.join("vit.safetensors"),
    ] {
        let error = save_vit(&vit, &config, &bad, Dtype::F32, &BTreeMap::new()).unwrap_err();
        assert!(error.to_string().contains("writing failed"), "{error}");
    }
}

#[test]
fn tensors_larger_than_a_part_are_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let config = VitConfig {
        image_size: 8,
        patch_size: 4,
        dim: 260,
        depth: 1,
        heads: 2,
        mlp_dim: 1030,
        ..VitConfig::default()
    };
    let vit = Vit::<Flex>::init(&config, 7, &Default::default()).unwrap();
    let path = folder.path().join("large.safetensors");
    let saved = save_vit(&vit, &config, &path, Dtype::F32, &BTreeMap::new()).unwrap();
    let load = |skip_hash| {
        let options = LoadOptions {
            skip_hash,
            ..LoadOptions::default()
        };
        load_vit::<Flex>(&path, None, &options, &Default::default())
    };
    let (hashed, report) = load(false).unwrap();
    assert_eq!(report.sha256, saved.sha256);
    assert_eq!(fingerprint(&hashed), fingerprint(&vit));
    let (unhashed, report) = load(true).unwrap();
    assert_eq!(report.sha256, "");
    assert!(report.to_string().contains("not hashed"), "{report}");
    assert_eq!(fingerprint(&unhashed), fingerprint(&vit));
    // A number that is not finite is found in any part.
    let mut bytes = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..header]).unwrap();
    let place = &header["blocks.0.mlp.fc1.weight"]["data_offsets"];
    let end = bytes.len() - header_rest(&header, place);
    bytes[end - 4..end].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let error = load(true).unwrap_err().to_string();
    assert!(
        error.contains("fc1.weight") && error.contains("NaN"),
        "{error}"
    );
}

/// Bytes behind the end of a tensor.
fn header_rest(header: &serde_json::Value, place: &serde_json::Value) -> usize {
    let ends = header.as_object().unwrap().values();
    let last = ends.filter_map(|tensor| tensor["data_offsets"][1].as_u64());
    (last.max().unwrap() - place[1].as_u64().unwrap()) as usize
}
