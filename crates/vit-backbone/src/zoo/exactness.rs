//! How exactly each family agrees with its published implementation: which tests measure it, and the table of what they measured.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Family;

/// Largest relative error of every comparison of a golden test, by test and backend (`assets/golden/vit-backbone/zoo_errors.json`).
pub type MeasuredErrors = BTreeMap<String, BTreeMap<String, f64>>;

/// The tests of `tests/zoo_goldens.rs` that compare a family with the package that published it.
pub(super) fn golden_tests(family: Family) -> &'static [&'static str] {
    match family {
        Family::Mae => &["mae", "mae_on_a_wide_image", "cross_scale_mae"],
        Family::GroupMae => &["satmae_groups", "satmae_groups_finetuned"],
        Family::ScaleMae => &["scale_mae"],
        Family::Prithvi => &["prithvi", "prithvi_where_and_when"],
        Family::Dofa => &["dofa"],
        Family::Clay => &["clay"],
        Family::Dino => &["dino", "dino_on_a_wide_image", "dino_mc_on_a_larger_image"],
        Family::DinoV2 => &[
            "dinov2",
            "dinov2_registers_on_a_wide_image",
            "dinov2_giant",
            "dinov2_of_its_authors",
        ],
        Family::DinoV3 => &[
            "dinov3",
            "dinov3_gated_on_a_wide_image",
            "dinov3_of_its_authors",
        ],
        Family::Clip => &["clip", "clip_quick_gelu"],
        Family::Supervised => &["supervised_on_a_tall_image"],
    }
}

/// The networks of Stable Diffusion and the tests of the crate `stable-diffusion` that compare them with diffusers and transformers.
const DIFFUSION: [(&str, &[&str]); 5] = [
    ("Stable Diffusion: U-Net", &["unet"]),
    ("Stable Diffusion: autoencoder", &["vae"]),
    ("Stable Diffusion: text encoder", &["text_encoder"]),
    (
        "Stable Diffusion: noise and features",
        &["schedule", "features"],
    ),
    (
        "Stable Diffusion: adapter files and objective",
        &["files", "objective"],
    ),
];

/// The largest error of each family on each backend, as Markdown.
pub(super) fn section(errors: &MeasuredErrors) -> String {
    let mut backends: Vec<&str> = errors
        .values()
        .flat_map(|row| row.keys().map(String::as_str))
        .collect();
    backends.sort_unstable();
    backends.dedup();
    let mut page = String::from(
        "\n## How exact they are\n\n\
         Largest error of a tiny model of the family with random weights, saved by the published package, over tokens after the embedding and after\n\
         every block, the output, the loss and the gradients (of the image, and of several weights), relative to the largest number of the expected tensor. Measured by\n\
         `cargo xtask backends`; a test fails beyond 1e-5 ([all suites](backends.md)).\n\n| family |",
    );
    // Writing to a string cannot fail.
    for backend in &backends {
        let _ = write!(page, " {backend} |");
    }
    page.push_str("\n|---|");
    backends.iter().for_each(|_| page.push_str("---|"));
    page.push('\n');
    let families = Family::ALL.map(|family| (family.name(), golden_tests(family)));
    for (name, tests) in families.into_iter().chain(DIFFUSION) {
        let _ = write!(page, "| {name} |");
        for backend in &backends {
            let of = |test: &&str| errors.get(*test)?.get(*backend).copied();
            let worst = tests.iter().filter_map(of).reduce(f64::max);
            let _ = match worst {
                Some(worst) => write!(page, " {worst:.1e} |"),
                None => write!(page, " not measured |"),
            };
        }
        page.push('\n');
    }
    page
}
