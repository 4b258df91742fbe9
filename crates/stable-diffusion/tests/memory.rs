//! Memory while loading: beside the model, one tensor at a time. A test of its own, because the peak is that of the process.

mod support;

use std::io::Write;
use std::path::Path;

use serde_json::{Map, json};
use stable_diffusion::{LoadOptions, StableDiffusion, UnetConfig};
use support::{copy, edit};

/// A field of the process's status in bytes.
fn status(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    let kibibytes = line.split_whitespace().nth(1).unwrap();
    kibibytes.parse::<u64>().unwrap() * 1024
}

/// Writes a file with every tensor of a U-Net, whose values are a hole in the file; gives its size.
fn write_unet(path: &Path, config: &UnetConfig) -> u64 {
    let (mut header, mut end) = (Map::new(), 0);
    for tensor in config.parameters(true).unwrap() {
        let start = end;
        end += 4 * tensor.shape.iter().product::<usize>() as u64;
        let entry = json!({ "dtype": "F32", "shape": tensor.shape, "data_offsets": [start, end] });
        header.insert(tensor.name, entry);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes())
        .unwrap();
    file.write_all(&header).unwrap();
    let size = 8 + header.len() as u64 + end;
    file.set_len(size).unwrap();
    size
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "the peak is read from /proc")]
fn loading_needs_little_more_than_the_file() {
    let folder = copy();
    let unet = folder.path().join("unet");
    let sizes = std::fs::read_to_string(unet.join("config.json")).unwrap();
    let from = sizes.find("\"block_out_channels\"").unwrap();
    let to = from + sizes[from..].find(']').unwrap() + 1;
    let channels = "\"block_out_channels\": [96, 192, 384, 384]";
    edit(&unet.join("config.json"), &sizes[from..to], channels);
    let config = UnetConfig::from_file(unet.join("config.json")).unwrap();
    let size = write_unet(&unet.join("diffusion_pytorch_model.safetensors"), &config);
    assert!(size > 300_000_000, "{size}");

    let before = status("VmRSS");
    let options = LoadOptions::default();
    let (model, report) =
        StableDiffusion::<burn_flex::Flex>::load(folder.path(), &options, &Default::default())
            .unwrap();
    let needed = status("VmHWM") - before;
    assert_eq!(report.unet.parameters, config.parameter_count().unwrap());
    println!(
        "{needed} bytes at the peak for a file of {size}: {:.3}",
        needed as f64 / size as f64
    );
    assert!(needed as f64 <= 1.3 * size as f64, "{needed} for {size}");
    drop(model);
}
