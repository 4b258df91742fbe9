//! A saved adapter of the tiny backbone, for the tests of its files.
#![allow(dead_code)] // Each test file uses a part.

use std::fs;
use std::path::{Path, PathBuf};

use burn_flex::Flex;
use peft_lora::{
    BaseIdentity, HostArray, LoadOptions, LoadedAdapter, LoraConfig, MethodConfig, PeftAdapter,
    PeftError, SavedHead,
};
use serde_json::Value;
use testkit::behaviour::{perturbed, tiny_base, tiny_config};

pub(crate) type B = Flex;
pub(crate) const HASH: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A saved adapter in a directory that goes away with it.
pub(crate) struct Saved {
    _home: tempfile::TempDir,
    pub(crate) path: PathBuf,
    pub(crate) adapter: PeftAdapter<B>,
}

pub(crate) fn head() -> SavedHead {
    let array = |shape: &[usize], from: f32| {
        let count = shape.iter().product::<usize>();
        HostArray::new(shape, (0..count).map(|i| from + i as f32 * 0.1).collect()).unwrap()
    };
    let mut head = SavedHead::new(array(&[3, 8], -1.0), Some(array(&[3], 0.5))).unwrap();
    head.extra
        .insert("standardise.mean".into(), array(&[8], 2.0));
    head
}

pub(crate) fn saved(method: &MethodConfig) -> Saved {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("adapter");
    let adapter = method
        .init(&tiny_base::<B>(), &tiny_config(), 1, &Default::default())
        .unwrap();
    let adapter = perturbed(adapter, 2, 0.3);
    let base = BaseIdentity {
        sha256: Some(HASH.into()),
        name: Some("tiny".into()),
    };
    adapter.save(&path, method, Some(&head()), &base).unwrap();
    without_checksums(&path);
    Saved {
        _home: home,
        path,
        adapter,
    }
}

/// The directory as versions without checksums wrote it: what a test changes in it is then looked at itself.
fn without_checksums(directory: &Path) {
    edit(&directory.join("rs_peft.json"), |record| {
        let record = record.as_object_mut().unwrap();
        assert!(record.remove("checksum").is_some() && record.remove("files").is_some());
    });
}

pub(crate) fn qv() -> MethodConfig {
    MethodConfig::Lora(LoraConfig {
        dropout: 0.1,
        ..LoraConfig::new(2, 3.0, ["qkv.q", "qkv.v", "fc1"])
    })
}

pub(crate) fn load(path: &Path) -> Result<LoadedAdapter<B>, PeftError> {
    PeftAdapter::load(
        path,
        &tiny_base::<B>(),
        &tiny_config(),
        &LoadOptions::default(),
        &Default::default(),
    )
}

pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, serde_json::to_vec(&value).unwrap()).unwrap();
}
