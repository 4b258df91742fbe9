//! Every model of the zoo against the published packages, from tiny checkpoints in the published containers: embedding,
//! every block, output, pooled feature and gradients, on every compiled backend.

mod support;

use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use testkit::{Golden, golden_root};
use vit_backbone::{
    Family, GroundPositions, Interpolation, LoadOptions, LoadReport, Pooling, PositionTable,
    UnusedReason, Vit, VitConfig, load_vit, pool, recognise,
};

use support::{close, gradient, spectral_gradient};

/// Loads a golden's model from its own file, or from `weights`.
fn load<B: AutodiffBackend>(golden: &Golden, weights: &str) -> (Vit<B>, LoadReport) {
    let config: VitConfig = golden.metadata_json("config");
    let path = golden_root().join("vit-backbone").join(weights);
    let options = LoadOptions::default();
    let (vit, report) = load_vit(path, Some(&config), &options, &B::Device::default()).unwrap();
    assert!(report.missing.is_empty() && report.unknown().next().is_none());
    (vit, report)
}

/// Every stage and every gradient of one golden.
fn check<B: AutodiffBackend>(name: &str) -> LoadReport {
    let golden = Golden::open(&format!("vit-backbone/zoo_{name}_golden.safetensors"));
    check_from::<B>(&golden, &golden.metadata_json::<String>("weights"), |vit| {
        vit
    })
}

/// The same with the model told something about its images.
fn check_from<B: AutodiffBackend>(
    golden: &Golden,
    weights: &str,
    told: impl Fn(Vit<B>) -> Vit<B>,
) -> LoadReport {
    let device = B::Device::default();
    let (vit, report) = load::<B>(golden, weights);
    let whole = vit.clone();
    let vit = told(vit);
    let image = golden.tensor::<B, 4>("image", &device).require_grad();
    let (mut x, mut pass) = vit.embed(image.clone(), &());
    close::<B>(x.clone().into_data(), golden, "embed");
    for block in 0..vit.blocks.len() {
        x = vit.run_blocks(x, &mut pass, block..block + 1, &());
        close::<B>(x.clone().into_data(), golden, &format!("block.{block}"));
    }
    let last = vit.final_norm(x, &());
    close::<B>(last.clone().into_data(), golden, "final");

    let mut loss = (last.clone() * last.clone() * golden.tensor("probe", &device)).sum();
    if golden.names().any(|name| name == "feature") {
        let feature = vit.project(pool(last, 1, Pooling::ClassToken));
        close::<B>(feature.clone().into_data(), golden, "feature");
        let probe: Tensor<B, 2> = golden.tensor("feature_probe", &device);
        loss = loss + (feature.clone() * feature * probe).sum();
    }
    close::<B>(loss.clone().into_data(), golden, "loss");
    let grads = loss.backward();
    let mut gradients = 0;
    for key in golden.names().filter_map(|name| name.strip_prefix("grad.")) {
        let found = match key {
            "image" => image.grad(&grads).unwrap().into_data(),
            network if network.starts_with("patch_embed.weight_generator.") => {
                spectral_gradient(whole.embed.spectral.as_ref().unwrap(), network, &grads)
            }
            network if network.starts_with("patch_embed.fclayer.") => {
                spectral_gradient(whole.embed.spectral.as_ref().unwrap(), network, &grads)
            }
            parameter => gradient(&vit, parameter, &grads),
        };
        close::<B>(found, golden, &format!("grad.{key}"));
        gradients += 1;
    }
    assert!(gradients > 4, "{gradients} gradients");
    report
}

fn mae<B: AutodiffBackend>() {
    let report = check::<B>("mae");
    assert_eq!(report.nested, "model");
    assert!(
        report
            .unused
            .iter()
            .all(|u| u.reason == UnusedReason::Pretraining)
            && report.unused.len() == 4
    );
}

fn mae_on_a_wide_image<B: AutodiffBackend>() {
    check::<B>("mae_wide");
}

/// The same model under the names of Cross-Scale MAE.
fn cross_scale_mae<B: AutodiffBackend>() {
    let golden = Golden::open("vit-backbone/zoo_mae_golden.safetensors");
    let report = check_from::<B>(&golden, "zoo_cross_scale_weights.pth", |vit| vit);
    let key = &report
        .loaded
        .iter()
        .find(|l| l.name == "pos_embed")
        .unwrap()
        .found
        .key;
    assert_eq!(key, "encoder_pos_embed");
}

fn scale_mae<B: AutodiffBackend>() {
    for name in ["scale_mae", "scale_mae_each"] {
        let golden = Golden::open(&format!("vit-backbone/zoo_{name}_golden.safetensors"));
        let resolutions: Vec<f64> = golden.metadata_json("resolutions");
        let report = check_from::<B>(&golden, "zoo_scale_mae_weights.pth", |vit| {
            vit.at_resolution(&resolutions).unwrap()
        });
        let reason = |key: &str| {
            report
                .unused
                .iter()
                .find(|u| u.found.key == key)
                .map(|u| u.reason)
        };
        assert_eq!(reason("pos_embed"), Some(UnusedReason::Declined));
        assert_eq!(
            reason("mask_token_decoder"),
            Some(UnusedReason::Pretraining)
        );
    }
}

fn ground_positions_of_large_pixels<B: AutodiffBackend>() {
    let golden = Golden::open("vit-backbone/zoo_ground_positions.safetensors");
    let positions = PositionTable::<B>::Ground(GroundPositions {
        dim: 128,
        resolutions: golden.metadata_json("resolutions"),
    });
    let (grid, how) = ([14, 14], Interpolation::Antialiased);
    let (prefix, patches) = positions.rows(0, grid, grid, how, &B::Device::default());
    assert!(prefix.is_none());
    close::<B>(patches.into_data(), &golden, "positions");
}

fn dino<B: AutodiffBackend>() {
    check::<B>("dino");
}

fn dino_on_a_wide_image<B: AutodiffBackend>() {
    check::<B>("dino_wide");
}

fn dino_mc_on_a_larger_image<B: AutodiffBackend>() {
    let report = check::<B>("dino_mc_larger");
    assert_eq!(
        (report.nested.as_str(), report.prefix.as_str()),
        ("teacher", "module.backbone.")
    );
}

fn dinov2<B: AutodiffBackend>() {
    check::<B>("dinov2");
}

fn dinov2_registers_on_a_wide_image<B: AutodiffBackend>() {
    check::<B>("dinov2_reg4");
}

fn dinov2_giant<B: AutodiffBackend>() {
    check::<B>("dinov2_giant");
}

/// DINOv2's own names; the position of its class token goes into the token.
fn dinov2_of_its_authors<B: AutodiffBackend>() {
    let report = check::<B>("dinov2_own");
    let registers = report
        .loaded
        .iter()
        .find(|l| l.name == "reg_token")
        .unwrap();
    assert_eq!(registers.found.key, "register_tokens");
}

fn dinov3<B: AutodiffBackend>() {
    let report = check::<B>("dinov3");
    let bias = report
        .loaded
        .iter()
        .find(|l| l.name == "blocks.0.attn.qkv.bias")
        .unwrap();
    assert!(bias.found.key.contains(" + zeros + "), "{bias:?}");
    assert!(report.assumed.iter().any(|a| a.contains("periods")));
}

fn dinov3_gated_on_a_wide_image<B: AutodiffBackend>() {
    check::<B>("dinov3_gated");
}

/// DINOv3's own names: a mask over a bias whose masked part is not zero, periods rounded by the training.
fn dinov3_of_its_authors<B: AutodiffBackend>() {
    for name in ["dinov3_own", "dinov3_gated_own"] {
        let report = check::<B>(name);
        assert!(report.assumed.is_empty(), "{report}");
        assert_eq!(report.unused.len(), 3); // mask token and the second norm
        assert!(
            report
                .unused
                .iter()
                .all(|u| u.reason == UnusedReason::Pretraining)
        );
    }
}

/// Frames in the naming of version 1, encoder and decoder side by side, and on a grid of its own.
fn prithvi<B: AutodiffBackend>() {
    let report = check::<B>("prithvi_v1");
    assert!(
        report
            .unused
            .iter()
            .all(|u| u.reason == UnusedReason::Pretraining)
    );
    check::<B>("prithvi_wide");
}

/// The naming of version 2, with and without what the model can be told of dates and places.
fn prithvi_where_and_when<B: AutodiffBackend>() {
    let report = check::<B>("prithvi_tl");
    assert_eq!(report.prefix, "encoder.");
    let golden = Golden::open("vit-backbone/zoo_prithvi_where_and_when_golden.safetensors");
    let dates: Vec<Vec<[f64; 2]>> = golden.metadata_json("dates");
    let places: Vec<[f64; 2]> = golden.metadata_json("places");
    check_from::<B>(&golden, "zoo_prithvi_tl_weights.pt", |vit| {
        vit.at_dates(&dates).unwrap().at_places(&places).unwrap()
    });
}

/// A patch embedding made from wavelengths, for two sets of channels of one file, with gradients into what makes it.
fn dofa<B: AutodiffBackend>() {
    for name in ["dofa", "dofa_radar"] {
        let golden = Golden::open(&format!("vit-backbone/zoo_{name}_golden.safetensors"));
        let config: VitConfig = golden.metadata_json("config");
        let wavelengths = config.spectral_embed.unwrap().wavelengths;
        check_from::<B>(&golden, "zoo_dofa_weights.pth", |vit| {
            vit.at_wavelengths(&wavelengths).unwrap()
        });
    }
}

/// The same with pixel size and metadata in every position, and a teacher beside the model.
fn clay<B: AutodiffBackend>() {
    let golden = Golden::open("vit-backbone/zoo_clay_golden.safetensors");
    let config: VitConfig = golden.metadata_json("config");
    let wavelengths = config.spectral_embed.unwrap().wavelengths;
    let resolutions: Vec<f64> = golden.metadata_json("resolutions");
    let metadata: Vec<[f64; 8]> = golden.metadata_json("metadata");
    let report = check_from::<B>(&golden, "zoo_clay_weights.ckpt", |vit| {
        let vit = vit.at_wavelengths(&wavelengths).unwrap();
        let vit = vit.at_resolution(&resolutions).unwrap();
        vit.at_metadata(&metadata).unwrap()
    });
    assert_eq!(
        (report.nested.as_str(), report.prefix.as_str()),
        ("state_dict", "model.encoder.")
    );
}

fn supervised_on_a_tall_image<B: AutodiffBackend>() {
    let report = check::<B>("supervised");
    assert!(report.unused.iter().all(|u| u.reason == UnusedReason::Head));
    assert_eq!(report.unused.len(), 2);
}

fn clip<B: AutodiffBackend>() {
    let report = check::<B>("clip");
    assert_eq!(report.prefix, "visual.");
    assert!(
        report
            .unused
            .iter()
            .all(|u| u.reason == UnusedReason::Elsewhere)
    );
}

fn clip_quick_gelu<B: AutodiffBackend>() {
    check::<B>("clip_quick");
}

fn satmae_groups<B: AutodiffBackend>() {
    let report = check::<B>("satmae");
    // The pretraining file has no class part of the channel embedding; it is zero there.
    assert!(
        report
            .assumed
            .iter()
            .any(|a| a.contains("channel_cls_embed"))
    );
}

fn satmae_groups_finetuned<B: AutodiffBackend>() {
    check::<B>("satmae_finetuned");
}

testkit::backend_matrix!(
    mae,
    mae_on_a_wide_image,
    cross_scale_mae,
    scale_mae,
    ground_positions_of_large_pixels,
    dino,
    dino_on_a_wide_image,
    dino_mc_on_a_larger_image,
    dinov2,
    dinov2_registers_on_a_wide_image,
    dinov2_giant,
    dinov2_of_its_authors,
    dinov3,
    dinov3_gated_on_a_wide_image,
    dinov3_of_its_authors,
    prithvi,
    prithvi_where_and_when,
    dofa,
    clay,
    supervised_on_a_tall_image,
    clip,
    clip_quick_gelu,
    satmae_groups,
    satmae_groups_finetuned,
);

/// Every file is recognised as what it is.
#[test]
fn families_are_recognised() {
    for (file, families) in [
        ("zoo_mae_weights.pth", vec![Family::Mae]),
        ("zoo_cross_scale_weights.pth", vec![Family::Mae]),
        ("zoo_scale_mae_weights.pth", vec![Family::ScaleMae]),
        (
            "zoo_dino_weights.pth",
            vec![Family::Dino, Family::Supervised],
        ),
        ("zoo_dino_mc_weights.pth", vec![Family::Dino]),
        ("zoo_dinov2_weights.safetensors", vec![Family::DinoV2]),
        ("zoo_dinov2_reg4_weights.safetensors", vec![Family::DinoV2]),
        ("zoo_dinov2_giant_weights.safetensors", vec![Family::DinoV2]),
        (
            "zoo_supervised_weights.safetensors",
            vec![Family::Supervised],
        ),
        ("zoo_dinov3_hf", vec![Family::DinoV3]),
        (
            "zoo_dinov3_gated_hf/model.safetensors",
            vec![Family::DinoV3],
        ),
        ("zoo_dinov3_own_weights.pth", vec![Family::DinoV3]),
        ("zoo_dinov3_gated_own_weights.pth", vec![Family::DinoV3]),
        ("zoo_prithvi_v1_weights.pt", vec![Family::Prithvi]),
        ("zoo_prithvi_tl_weights.pt", vec![Family::Prithvi]),
        ("zoo_dofa_weights.pth", vec![Family::Dofa]),
        ("zoo_clay_weights.ckpt", vec![Family::Clay]),
        ("zoo_clip_weights.safetensors", vec![Family::Clip]),
        ("zoo_clip_quick_weights.pth", vec![Family::Clip]),
        ("zoo_satmae_weights.pth", vec![Family::GroupMae]),
        ("zoo_satmae_finetuned_weights.pth", vec![Family::GroupMae]),
    ] {
        let found = recognise(golden_root().join("vit-backbone").join(file))
            .unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(found.families, families, "{file}: {found}");
        // No published model is as small.
        assert!(found.presets.is_empty(), "{file}: {:?}", found.presets);
        assert!(found.only().is_err());
    }
}
