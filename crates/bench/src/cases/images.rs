//! Reading images: 13-band GeoTIFF normalised, JPEG decoded and resized. The value is the mean of the numbers.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use rs_datasets::io::{BandAxis, Raster, read_raster};
use rs_datasets::transform::{Interpolation, Resize};
use rs_datasets::{Band, BandSet, Image, InputUnit, Label, Sample};

use crate::case::{Case, Round, Setting};

/// Every 13-band patch of EuroSAT in the data folder, each band minus a mean by a deviation.
pub(super) const GEOTIFF: Case = Case {
    name: "geotiff",
    prepare: |setting| {
        let mut found = Vec::new();
        collect(&setting.data()?.join("eurosat_ms"), "tif", &mut found)?;
        list(setting, "geotiff.txt", found, setting.size(270, 4))
    },
    start: |setting| {
        each(setting, "geotiff.txt", |path| {
            let raster = read_raster(path, BandAxis::First, &Default::default())?;
            let (bands, area) = (raster.bands, raster.height * raster.width);
            let mut values = raster.samples.into_f32();
            for (band, plane) in values.chunks_exact_mut(area).enumerate() {
                let (mean, deviation) = (1000.0 + 10.0 * band as f32, 500.0 + band as f32);
                plane.iter_mut().for_each(|v| *v = (*v - mean) / deviation);
            }
            ensure!(bands == 13, "{}: {bands} bands", path.display());
            Ok(values)
        })
    },
};

/// 500 JPEG files of EuroSAT RGB, resized from 64 to 224 pixels, bicubic with antialias.
pub(super) const JPEG: Case = Case {
    name: "jpeg",
    prepare: |setting| {
        let path = setting.data()?.join("EuroSAT_RGB.zip");
        let file = std::fs::File::open(&path).with_context(|| path.display().to_string())?;
        let mut archive = zip::ZipArchive::new(file)?;
        let mut names: Vec<String> = archive.file_names().map(str::to_owned).collect();
        names.retain(|name| name.ends_with(".jpg"));
        names.sort_unstable();
        let folder = setting.folder.join("jpeg");
        std::fs::create_dir_all(&folder)?;
        let mut found = Vec::new();
        // From every class: the names are sorted by class.
        let step = names.len() / setting.size(500, 4).max(1);
        for name in names.iter().step_by(step.max(1)) {
            let mut bytes = Vec::new();
            archive.by_name(name)?.read_to_end(&mut bytes)?;
            let path = folder.join(name.rsplit('/').next().unwrap_or(name));
            std::fs::write(&path, bytes)?;
            found.push(path);
        }
        list(setting, "jpeg.txt", found, setting.size(500, 4))
    },
    start: |setting| {
        let bands = ["red", "green", "blue"].map(|name| Band::other(name, "", None));
        let bands = Arc::new(BandSet::new(bands.to_vec())?);
        let resize = Resize {
            height: 224,
            width: 224,
            interpolation: Interpolation::Bicubic,
        };
        each(setting, "jpeg.txt", move |path| {
            let raster = read_raster(path, BandAxis::First, &Default::default())?;
            Ok(resize.apply(sample(raster, &bands)?)?.image.data)
        })
    },
};

fn sample(raster: Raster, bands: &Arc<BandSet>) -> anyhow::Result<Sample> {
    let (height, width) = (raster.height, raster.width);
    let data = raster.samples.into_f32();
    Ok(Sample {
        image: Image::new(bands.clone(), InputUnit::Uint8, height, width, data)?,
        valid: None,
        label: Label::None,
        id: String::new(),
        geo: None,
    })
}

/// Files with this extension below a folder.
fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, extension, found)?;
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    Ok(())
}

/// Writes the first files, in order, one path per line.
fn list(setting: &Setting, name: &str, mut found: Vec<PathBuf>, most: usize) -> anyhow::Result<()> {
    ensure!(
        !found.is_empty(),
        "no image below {}",
        setting.data()?.display()
    );
    found.sort_unstable();
    found.truncate(most);
    let mut file = std::fs::File::create(setting.folder.join(name))?;
    for path in found {
        writeln!(file, "{}", std::fs::canonicalize(&path)?.display())?;
    }
    Ok(())
}

/// Reads every file of a list.
fn each(
    setting: &Setting,
    name: &str,
    read: impl Fn(&Path) -> anyhow::Result<Vec<f32>> + 'static,
) -> anyhow::Result<Round> {
    let list = std::fs::read_to_string(setting.folder.join(name))?;
    let paths: Vec<PathBuf> = list.lines().map(PathBuf::from).collect();
    Ok(Box::new(move || {
        let (mut sum, mut count) = (0.0, 0);
        for path in &paths {
            let values = read(path)?;
            sum += values.iter().map(|v| f64::from(*v)).sum::<f64>();
            count += values.len();
        }
        Ok(sum / count as f64)
    }))
}
