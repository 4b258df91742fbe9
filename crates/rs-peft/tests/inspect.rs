//! `rs-peft inspect` as a program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn inspect(file: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rs-peft"))
        .arg("inspect")
        .arg(file)
        .args(more)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_checkpoint_is_described_without_being_loaded() {
    let file = root().join("assets/backbone/vit_8x192_eurosat_mae.safetensors");
    let output = inspect(&file, &[]);
    let page = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let of_the_first_block = page.matches("blocks.0.").count();
    assert!(
        page.contains("family") && of_the_first_block >= 12,
        "{page}"
    );
    assert!(!page.contains("blocks.7."), "{page}");
    assert!(page.contains("[192, 3, "), "{page}");

    let all = text(&inspect(&file, &["--all"]).stdout);
    assert!(all.contains("blocks.7."), "{all}");

    let json = inspect(&file, &["--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let found = json["found"].as_array().unwrap();
    let numbers: u64 = found
        .iter()
        .map(|tensor| {
            let shape = tensor["found"]["shape"].as_array().unwrap();
            shape.iter().map(|n| n.as_u64().unwrap()).product::<u64>()
        })
        .sum();
    // The model's 3,596,544 parameters and its fixed position table: 64 patches and a class token of 192.
    assert!(numbers >= 3_596_544, "{numbers}");
    assert!(page.contains(&format!("with {numbers} numbers")), "{page}");
}

#[test]
fn what_is_no_checkpoint_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thesis.safetensors");
    std::fs::write(&file, "years of work").unwrap();
    let output = inspect(&file, &[]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("thesis.safetensors"));

    let missing = inspect(&folder.path().join("nothing.pth"), &[]);
    assert!(!missing.status.success());
    assert!(text(&missing.stderr).contains("nothing.pth"));
}

fn json(file: &Path, more: &[&str]) -> serde_json::Value {
    let output = inspect(file, &[more, &["--json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_scene_is_described_by_its_header() {
    use rs_datasets::io::{Dtype, GeoTags, GeoTiffSpec, GeoTiffWriter, Samples, TILE, encode_tile};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scene.tif");
    let spec = GeoTiffSpec {
        height: 300,
        width: 200,
        bands: 2,
        dtype: Dtype::F32,
        palette: None,
        nodata: Some(-9999.0),
        tags: GeoTags::default().with_transform([500_000.0, 10.0, 0.0, 4_600_000.0, 0.0, -10.0]),
        predictor: false,
        band_names: Vec::new(),
        metadata: Vec::new(),
    };
    let mut writer = GeoTiffWriter::create(&file, &spec).unwrap();
    let tile = encode_tile(&spec, &Samples::F32(vec![1.0; TILE * TILE])).unwrap();
    for band in 0..2 {
        for row in 0..2 {
            writer.write(band, row, 0, &tile).unwrap();
        }
    }
    writer.finish().unwrap();
    let found = json(&file, &[]);
    assert_eq!(found["kind"], "image");
    assert_eq!(
        (&found["bands"], &found["height"], &found["width"]),
        (&2.into(), &300.into(), &200.into())
    );
    assert_eq!(
        (&found["dtype"], &found["nodata"]),
        (&"float32".into(), &(-9999.0).into())
    );
    let corners = &found["georeference"]["corners"];
    assert_eq!(corners[1], serde_json::json!([502_000.0, 4_597_000.0]));
    let page = text(&inspect(&file, &[]).stdout);
    assert!(
        page.contains("300 rows x 200 columns") && page.contains("10 x 10"),
        "{page}"
    );

    // A picture has no georeference, and a broken file is no picture.
    let picture = folder.path().join("a.png");
    image::RgbImage::new(7, 5).save(&picture).unwrap();
    let found = json(&picture, &[]);
    assert_eq!((&found["bands"], &found["height"]), (&3.into(), &5.into()));
    assert!(found["georeference"].is_null());
    std::fs::write(&picture, "years of work").unwrap();
    let broken = inspect(&picture, &[]);
    assert!(!broken.status.success() && text(&broken.stderr).contains("a.png"));
}

#[test]
fn data_sets_and_splits_are_described() {
    use rs_datasets::{Split, catalog};
    let folder = tempfile::tempdir().unwrap();
    catalog::fake::write_eurosat_ms(folder.path(), 3, 1, 5).unwrap();
    let found = json(folder.path(), &["--dataset", "eurosat_ms"]);
    assert_eq!(
        (&found["kind"], &found["samples"]),
        (&"data set".into(), &40.into())
    );
    assert_eq!(
        found["parts"],
        serde_json::json!({ "test": 10, "train": 30 })
    );
    assert_eq!(
        found["classes"][1],
        serde_json::json!({ "name": "Forest", "samples": 4 })
    );
    assert_eq!(found["bands"][12]["name"], "B8A");
    let set = catalog::open("eurosat_ms", folder.path()).unwrap();
    let split = Split::published(&*set).unwrap();
    assert_eq!(found["split_sha256"], split.sha256().as_str());

    let file = folder.path().join("a.split");
    split.write(&file).unwrap();
    let found = json(&file, &[]);
    assert_eq!(
        (&found["kind"], &found["parts"]["train"]),
        (&"split".into(), &30.into())
    );
    assert!(text(&inspect(&file, &[]).stdout).contains(&split.sha256()));
    let changed = std::fs::read_to_string(&file)
        .unwrap()
        .replace("Forest_1", "Forest_9");
    std::fs::write(&file, changed).unwrap();
    assert!(text(&inspect(&file, &[]).stderr).contains("a.split"));

    // Images of one's own, without a name for their layout.
    catalog::fake::write_eurosat_rgb(folder.path(), 2, 5).unwrap();
    let found = json(&folder.path().join("EuroSAT_RGB"), &[]);
    assert_eq!(
        (&found["samples"], &found["parts"]),
        (&20.into(), &serde_json::json!({}))
    );
    assert!(
        text(&inspect(folder.path().join("nothing").as_path(), &[]).stderr).contains("nothing")
    );
}

#[test]
fn models_and_their_adapters_are_described() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model-v1/classes/model");
    let found = json(&model, &[]);
    assert_eq!(
        (&found["kind"], &found["format_version"]),
        (&"model".into(), &1.into())
    );
    let page = text(&inspect(&model, &[]).stdout);
    assert!(
        page.contains("classification") && page.contains(found["method"]["name"].as_str().unwrap()),
        "{page}"
    );

    let adapter = json(&model.join("adapter"), &[]);
    assert_eq!(
        (&adapter["kind"], &adapter["format"]),
        (&"adapter".into(), &"PEFT".into())
    );
    assert!(adapter["head_parameters"].as_u64().unwrap() > 0);
    let rank = adapter["config"]["r"].to_string();
    let page = text(&inspect(&model.join("adapter"), &[]).stdout);
    assert!(
        page.lines()
            .any(|line| line.starts_with("rank") && line.ends_with(&rank)),
        "{page}"
    );

    // Without its weights it is no adapter.
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(
        model.join("adapter/adapter_config.json"),
        folder.path().join("adapter_config.json"),
    )
    .unwrap();
    let missing = inspect(folder.path(), &[]);
    assert!(text(&missing.stderr).contains("adapter_model.safetensors"));
}
