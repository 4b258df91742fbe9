//! `rs-peft eval`: scores of result files that any program may have written.

use std::path::PathBuf;

use anyhow::Context;
use burn::tensor::backend::AutodiffBackend;
use clap::{Args as ClapArgs, Subcommand};
use rs_peft::adapt::layout;
use rs_peft::adapted::{AdaptedModel, LoadModelOptions};
use rs_peft::eval::metric::{ClassGroup, ClassGroups};
use rs_peft::eval::oriented::{
    ApMethod, DifficultObjects, OrientedRules, UnknownClasses, evaluate_oriented, read_image_list,
    read_labels, read_results,
};
use rs_peft::eval::record::SeedResult;
use rs_peft::rs_datasets::catalog::dota::{DEBLORA_GROUPS, DotaVersion};
use rs_peft::rs_datasets::{Split, catalog};
use rs_peft::{BackendKind, BackendTask, dispatch};

use super::scores;

/// Arguments of `eval`.
#[derive(ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Average precision of oriented boxes: DOTA's Task 1 files against labelTxt files.
    Dota(Dota),
    /// A model directory on labelled images.
    #[command(after_help = EXAMPLES)]
    Model(Model),
}

const EXAMPLES: &str = "\
Examples:
  rs-peft eval model model --data chips
  rs-peft eval model model --data manifest.csv --part test --json";

#[derive(ClapArgs)]
struct Model {
    /// Folder that `rs-peft adapt` wrote.
    model: PathBuf,
    /// Folder with a folder per class, zip of one, or manifest.
    #[arg(long)]
    data: PathBuf,
    /// Name of a data set whose layout --data has, e.g. eurosat_ms.
    #[arg(long)]
    dataset: Option<String>,
    /// Only the images of this part of the split that the data come in.
    #[arg(long)]
    part: Option<String>,
    /// The backbone's checkpoint, where it is no longer where it was.
    #[arg(long)]
    backbone: Option<PathBuf>,
    /// flex, ndarray, wgpu, vulkan, metal or cuda.
    #[arg(long, default_value = "flex")]
    backend: BackendKind,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

impl BackendTask for &Model {
    type Output = anyhow::Result<()>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> anyhow::Result<()> {
        let name = match &self.dataset {
            Some(name) => name.as_str(),
            None => layout(&self.data),
        };
        let dataset = catalog::open(name, &self.data)?;
        let indices: Vec<usize> = match &self.part {
            Some(part) => Split::published(dataset.as_ref())?.indices(part, dataset.as_ref())?,
            None => (0..dataset.len()).collect(),
        };
        let options = LoadModelOptions {
            backbone: self.backbone.clone(),
        };
        let model = AdaptedModel::<B::InnerBackend>::load_with(&self.model, &options, &device)?;
        let found = model.score(dataset.as_ref(), &indices)?;
        let result = SeedResult::from_evaluation(0, None, found);
        if self.json {
            let value = serde_json::json!({
                "model": self.model,
                "images": indices.len(),
                "metrics": result.metrics,
                "per_class": result.per_class,
                "confusion": result.confusion,
            });
            println!("{}", serde_json::to_string_pretty(&value)?);
        } else {
            println!("{} images\n", indices.len());
            print!("{}", scores::table(&result.metrics));
            if let Some(classes) = &result.per_class {
                print!("\n{}", scores::per_class(classes));
            }
        }
        Ok(())
    }
}

#[derive(ClapArgs)]
struct Dota {
    /// Folder with Task1_<class>.txt, one file per class.
    #[arg(long)]
    results: PathBuf,
    /// Folder with <image>.txt in labelTxt format.
    #[arg(long)]
    labels: PathBuf,
    /// File with the names of the images to evaluate on; all label files without it.
    #[arg(long)]
    images: Option<PathBuf>,
    /// IoU thresholds that must be exceeded.
    #[arg(long, value_delimiter = ',', default_value = "0.5")]
    iou: Vec<f64>,
    /// Whose classes count: 1.0, 1.5 or 2.0.
    #[arg(long, default_value = "1.0")]
    dota_version: String,
    /// Classes instead of those of the version.
    #[arg(long, value_delimiter = ',')]
    classes: Vec<String>,
    /// Leave out labelled objects of other classes; they are errors otherwise.
    #[arg(long)]
    skip_unknown: bool,
    /// Area under the curve instead of the mean over eleven recalls.
    #[arg(long)]
    area: bool,
    /// Count difficult objects like all others.
    #[arg(long)]
    count_difficult: bool,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Dota(args) => dota(args),
        What::Model(args) => dispatch(args.backend, args)?,
    }
}

fn dota(args: &Dota) -> anyhow::Result<()> {
    let classes: Vec<String> = if args.classes.is_empty() {
        let version = DotaVersion::parse(&args.dota_version).with_context(|| {
            format!(
                "--dota-version {}; expected 1.0, 1.5 or 2.0",
                args.dota_version
            )
        })?;
        version.classes().iter().map(|c| c.to_string()).collect()
    } else {
        args.classes.clone()
    };
    let images = args.images.as_deref().map(read_image_list).transpose()?;
    let unknown = if args.skip_unknown {
        UnknownClasses::Skip
    } else {
        UnknownClasses::Refuse
    };
    let truth = read_labels(&args.labels, &classes, images.as_deref(), unknown)?;
    let found = read_results(&args.results, &truth)?;
    let rules = OrientedRules {
        thresholds: args.iou.clone(),
        method: if args.area {
            ApMethod::Area
        } else {
            ApMethod::Voc07
        },
        difficult: if args.count_difficult {
            DifficultObjects::Count
        } else {
            DifficultObjects::Ignore
        },
    };
    let evaluation = evaluate_oriented(&truth, &found, &rules, Some(&groups(&classes)?))?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&evaluation)?);
    } else {
        print!("{}", evaluation.markdown());
    }
    Ok(())
}

/// debLoRA's head, middle and tail, as far as the classes are evaluated.
fn groups(classes: &[String]) -> anyhow::Result<ClassGroups> {
    let groups = DEBLORA_GROUPS
        .iter()
        .map(|(name, members)| ClassGroup {
            name: (*name).into(),
            classes: (0..classes.len())
                .filter(|&at| members.contains(&classes[at].as_str()))
                .collect(),
        })
        .filter(|group| !group.classes.is_empty())
        .collect();
    Ok(ClassGroups::new(classes.len(), groups)?)
}
