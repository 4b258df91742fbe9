//! Loading a large checkpoint, and starting the program.

use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use burn_flex::Flex;
use vit_backbone::{Dtype, LoadOptions, Vit, VitConfig, load_vit, save_vit};

use crate::case::{Case, Round, Setting};

/// ViT-L/16 in safetensors, 1.2 GB: hashed, checked and turned into a model.
pub(super) const LOADING: Case = Case {
    name: "load_checkpoint",
    prepare,
    start: |setting| loading(setting, false),
};

/// The same without the hash, which is the whole of the time where the file is in memory: one thread, a byte behind the other.
pub(super) const UNHASHED: Case = Case {
    name: "load_unhashed",
    prepare,
    start: |setting| loading(setting, true),
};

fn prepare(setting: &Setting) -> anyhow::Result<()> {
    let config = large(setting);
    let path = setting.folder.join("large.safetensors");
    let vit = Vit::<Flex>::init(&config, 1, &Default::default())?;
    save_vit(&vit, &config, &path, Dtype::F32, &Default::default())?;
    Ok(())
}

fn loading(setting: &Setting, skip_hash: bool) -> anyhow::Result<Round> {
    let path = setting.folder.join("large.safetensors");
    Ok(Box::new(move || {
        let options = LoadOptions {
            skip_hash,
            ..LoadOptions::default()
        };
        let (vit, report) = load_vit::<Flex>(&path, None, &options, &Default::default())?;
        ensure!(
            vit.blocks.len() == report.config.depth,
            "blocks are missing"
        );
        Ok(report.loaded.len() as f64)
    }))
}

fn large(setting: &Setting) -> VitConfig {
    VitConfig {
        depth: setting.size(24, 1),
        ..VitConfig::large()
    }
}

/// `rs-peft --help`; the program lies beside this one.
pub(super) const START_UP: Case = Case {
    name: "start_up",
    prepare: |_| Ok(()),
    start: |_| {
        let program = std::env::current_exe()?.with_file_name("rs-peft");
        Ok(Box::new(move || {
            let mut command = Command::new(&program);
            command.arg("--help").stdout(Stdio::null());
            let status = command
                .status()
                .with_context(|| format!("{}: build rs-peft first", program.display()))?;
            ensure!(
                status.success(),
                "{} ended with {status}",
                program.display()
            );
            Ok(0.0)
        }))
    },
};
