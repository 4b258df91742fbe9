//! Writes a contact sheet of the synthetic scenes: a row per class, left in true colour, right in SWIR/NIR/red.
//!
//! `cargo run -p rs-datasets --example synthetic_sheet -- sheet.png`

use image::RgbImage;
use rs_datasets::{Dataset, SceneClass, SyntheticConfig, SyntheticScenes};

const PER_ROW: usize = 5;
const SIZE: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "sheet.png".into());
    let scenes = SyntheticScenes::classification(SyntheticConfig::balanced(PER_ROW, 0))?;
    let mosaics = SyntheticScenes::segmentation(SyntheticConfig::balanced(1, 0))?;
    let rows = SceneClass::ALL.len() + 1;
    let mut sheet = RgbImage::new((2 * PER_ROW * SIZE) as u32, (rows * SIZE) as u32);
    for row in 0..rows {
        for column in 0..PER_ROW {
            let (set, index) = if row < SceneClass::ALL.len() {
                (&scenes, row * PER_ROW + column)
            } else {
                (&mosaics, column)
            };
            let sample = set.load(index)?;
            let swir = sample.image.clone();
            let rgb = SyntheticScenes::render_rgb(sample)?.image;
            for y in 0..SIZE {
                for x in 0..SIZE {
                    let at = y * SIZE + x;
                    let seen = [0, 1, 2].map(|band| rgb.band(band)[at] as u8);
                    // B12, B08, B04 over 0 to 0.5 in reflectance.
                    let infrared = [11, 7, 3]
                        .map(|band| (swir.band(band)[at] * 255.0 / 5000.0).min(255.0) as u8);
                    let (left, top) = ((column * SIZE + x) as u32, (row * SIZE + y) as u32);
                    sheet.put_pixel(left, top, image::Rgb(seen));
                    sheet.put_pixel(left + (PER_ROW * SIZE) as u32, top, image::Rgb(infrared));
                }
            }
        }
    }
    sheet.save(&path)?;
    println!(
        "{path}: rows {}, mosaics",
        SceneClass::ALL.map(SceneClass::name).join(", ")
    );
    Ok(())
}
