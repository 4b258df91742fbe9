//! `rs-peft eval`: scores of result files that any program may have written.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args as ClapArgs, Subcommand};
use rs_peft::eval::metric::{ClassGroup, ClassGroups};
use rs_peft::eval::oriented::{
    ApMethod, DifficultObjects, OrientedRules, UnknownClasses, evaluate_oriented, read_image_list,
    read_labels, read_results,
};
use rs_peft::rs_datasets::catalog::dota::{DEBLORA_GROUPS, DotaVersion};

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
