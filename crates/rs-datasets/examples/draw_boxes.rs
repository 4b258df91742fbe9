//! Draws oriented boxes over pictures: ground truth in green, difficult objects in yellow, detections in red (by score).
//!
//! `cargo run -p rs-datasets --example draw_boxes -- OUT.png --scenes N [--seed S]`: synthetic aerial scenes in a contact sheet.
//! `cargo run -p rs-datasets --example draw_boxes -- OUT.png --image P.png [--labels P.txt] [--results Task1_ship.txt]`: one picture with its label file
//! and the detections of a result file that lie in it.

use std::error::Error;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use oriented_boxes::Quad;
use oriented_boxes::text::{parse_label_txt, parse_task1};
use rs_datasets::{AerialConfig, AerialScenes, Dataset, Label, Sample};

const TRUTH: [u8; 3] = [60, 230, 80];
const DIFFICULT: [u8; 3] = [245, 215, 60];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = PathBuf::from(arguments.next().ok_or("name the picture to write")?);
    let (mut scenes, mut seed) = (None, 0);
    let (mut picture, mut labels, mut results) = (None, None, None);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} needs a value"))?;
        match name.as_str() {
            "--scenes" => scenes = Some(value.parse::<usize>()?),
            "--seed" => seed = value.parse()?,
            "--image" => picture = Some(PathBuf::from(value)),
            "--labels" => labels = Some(PathBuf::from(value)),
            "--results" => results = Some(PathBuf::from(value)),
            _ => return Err(format!("unknown argument {name}").into()),
        }
    }
    let sheet = match (scenes, picture) {
        (Some(count), None) => contact_sheet(count, seed)?,
        (None, Some(picture)) => one_picture(&picture, labels.as_deref(), results.as_deref())?,
        _ => return Err("give --scenes N or --image FILE".into()),
    };
    sheet.save(&out)?;
    println!("{}", out.display());
    Ok(())
}

/// Scenes side by side, four in a row.
fn contact_sheet(count: usize, seed: u64) -> Result<RgbImage, Box<dyn Error>> {
    const PER_ROW: usize = 4;
    let config = AerialConfig {
        scenes: count,
        seed,
        imbalance_factor: 4.0,
        ..AerialConfig::default()
    };
    let size = config.size;
    let set = AerialScenes::new(config)?;
    let rows = count.div_ceil(PER_ROW);
    let columns = count.min(PER_ROW);
    let mut sheet = RgbImage::new((columns * size) as u32, (rows * size) as u32);
    for index in 0..count {
        let sample = set.load(index)?;
        let mut scene = to_picture(&sample);
        if let Label::Objects(objects) = &sample.label {
            objects
                .iter()
                .for_each(|o| outline(&mut scene, &o.quad, TRUTH));
        }
        let (left, top) = (
            (index % PER_ROW * size) as i64,
            (index / PER_ROW * size) as i64,
        );
        image::imageops::replace(&mut sheet, &scene, left, top);
    }
    Ok(sheet)
}

fn one_picture(
    path: &Path,
    labels: Option<&Path>,
    results: Option<&Path>,
) -> Result<RgbImage, Box<dyn Error>> {
    let mut picture = image::open(path)?.into_rgb8();
    if let Some(results) = results {
        let id = path.file_stem().and_then(|stem| stem.to_str());
        let mut rows = parse_task1(&std::fs::read_to_string(results)?)?;
        rows.sort_by(|a, b| a.score.total_cmp(&b.score));
        for row in rows.iter().filter(|row| Some(row.image.as_str()) == id) {
            // Faint detections are dark.
            let strength = (90.0 + 165.0 * row.score.clamp(0.0, 1.0)) as u8;
            outline(&mut picture, &row.quad, [strength, 40, 40]);
        }
    }
    if let Some(labels) = labels {
        for object in parse_label_txt(&std::fs::read_to_string(labels)?)?.objects {
            let colour = if object.difficulty > 0 {
                DIFFICULT
            } else {
                TRUTH
            };
            outline(&mut picture, &object.quad, colour);
        }
    }
    Ok(picture)
}

fn to_picture(sample: &Sample) -> RgbImage {
    let image = &sample.image;
    RgbImage::from_fn(image.width as u32, image.height as u32, |x, y| {
        let at = y as usize * image.width + x as usize;
        Rgb([0, 1, 2].map(|band| image.band(band)[at] as u8))
    })
}

/// The four sides; the first corner gets a dot, so that the order of corners is seen.
fn outline(picture: &mut RgbImage, quad: &Quad, colour: [u8; 3]) {
    let corners = quad.corners();
    let mut put = |x: f64, y: f64| {
        let (x, y) = (x.floor(), y.floor());
        if x >= 0.0 && y >= 0.0 && x < f64::from(picture.width()) && y < f64::from(picture.height())
        {
            picture.put_pixel(x as u32, y as u32, Rgb(colour));
        }
    };
    for (index, from) in corners.iter().enumerate() {
        let to = corners[(index + 1) % 4];
        let steps = (2.0 * from.distance(to)).ceil().max(1.0) as usize;
        for step in 0..=steps {
            let t = step as f64 / steps as f64;
            put(from.x + t * (to.x - from.x), from.y + t * (to.y - from.y));
        }
    }
    for dy in -1..=1 {
        for dx in -1..=1 {
            put(corners[0].x + f64::from(dx), corners[0].y + f64::from(dy));
        }
    }
}
