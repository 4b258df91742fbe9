//! Detections in whole images from windows, and their average precision.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use eval::metric::{ClassGroup, ClassGroups, names};
use eval::oriented::{
    GroundTruth, ImageTruth, OrientedRules, ScoredBox, TruthObject, evaluate_oriented,
};
use heads::HeadError;
use heads::detection::decode;
use oriented_boxes::{TileDetections, dota::DEBLORA_GROUPS, merge_tiles};
use rs_datasets::Label;
use rs_datasets::catalog::dota::windows;
use vit_backbone::Vit;

use super::images::{Images, window};
use super::model::Detector;
use crate::experiment::DetectionConfig;
use crate::run::RunError;
use crate::run::map_readout::MapReadout;

/// Pixels per forward pass where no gradient is taken: four windows of 512.
const BATCH_PIXELS: usize = 4 * 512 * 512;

/// What was asked for and what was found.
pub(super) struct Found {
    pub(super) truth: GroundTruth,
    /// Per class.
    pub(super) boxes: Vec<Vec<ScoredBox>>,
}

/// Detects in the images `rows`.
///
/// # Errors
/// When an image cannot be read, or the model gives numbers that are not finite.
#[allow(clippy::too_many_arguments)]
pub(super) fn evaluate<B: Backend>(
    images: &Images,
    rows: &[usize],
    asked: &DetectionConfig,
    size: usize,
    strides: &[usize],
    readout: &MapReadout,
    base: &Vit<B>,
    model: &Detector<B>,
    device: &B::Device,
) -> Result<Found, RunError> {
    let classes = images.all.classes().to_vec();
    let mut boxes: Vec<Vec<ScoredBox>> = vec![Vec::new(); classes.len()];
    let mut truth = Vec::with_capacity(rows.len());
    let at_once = (BATCH_PIXELS / (size * size)).max(1);
    for (index, &row) in rows.iter().enumerate() {
        let sample = images.all.load(row)?;
        let image = &sample.image;
        let places = windows(image.width, image.height, size, asked.overlap);
        let mut tiles = Vec::with_capacity(places.len());
        for places in places.chunks(at_once) {
            let mut values = Vec::new();
            for &(left, top) in places {
                values.extend(window(image, left, top, size).0);
            }
            let shape = [places.len(), image.bands.len(), size, size];
            let pixels = Tensor::<B, 4>::from_data(TensorData::new(values, shape), device);
            let (map, _) = readout.last_map(base, &model.adapter, pixels);
            let output = model.head.forward(map);
            let found = decode(output, strides, asked.head.fcos.in_strides, &asked.decode)?;
            for (&(left, top), detections) in places.iter().zip(found) {
                tiles.push(TileDetections {
                    left: left as f64,
                    top: top as f64,
                    scale: 1.0,
                    detections,
                });
            }
        }
        let merged = merge_tiles(&tiles, asked.merge).map_err(HeadError::from)?;
        for detection in merged.into_iter().take(asked.decode.keep) {
            boxes[detection.class].push(ScoredBox {
                image: index,
                score: detection.score,
                quad: detection.quad,
            });
        }
        let objects = match &sample.label {
            Label::Objects(objects) => objects.as_slice(),
            _ => &[],
        };
        let objects = objects.iter().map(|object| TruthObject {
            class: object.class,
            quad: object.quad,
            difficult: object.is_difficult(),
        });
        truth.push(ImageTruth {
            name: sample.id.clone(),
            objects: objects.collect(),
        });
    }
    Ok(Found {
        truth: GroundTruth::new(classes, truth)?,
        boxes,
    })
}

/// Average precision by DOTA's rules: over all classes at overlaps of 0.5 and 0.75, over debLoRA's groups and per class at 0.5.
pub(super) fn scores(found: &Found) -> Result<Vec<(String, Option<f64>)>, RunError> {
    let classes = found.truth.classes();
    let groups = DEBLORA_GROUPS
        .iter()
        .map(|(name, members)| ClassGroup {
            name: (*name).into(),
            classes: (0..classes.len())
                .filter(|&class| members.contains(&classes[class].as_str()))
                .collect(),
        })
        .filter(|group| !group.classes.is_empty())
        .collect();
    let groups = ClassGroups::new(classes.len(), groups)?;
    let rules = OrientedRules {
        thresholds: vec![0.5, 0.75],
        ..OrientedRules::default()
    };
    let evaluation = evaluate_oriented(&found.truth, &found.boxes, &rules, Some(&groups))?;
    let [half, strict] = evaluation.thresholds.as_slice() else {
        return Ok(Vec::new()); // One per threshold asked for.
    };
    let mut scores = vec![
        (names::MAP.to_owned(), half.mean),
        (names::MAP_75.to_owned(), strict.mean),
    ];
    scores.extend(
        half.groups
            .iter()
            .map(|g| (names::group_map(&g.name), g.ap)),
    );
    scores.extend(
        half.classes
            .iter()
            .map(|c| (names::class_ap(&c.class), c.ap)),
    );
    Ok(scores)
}
