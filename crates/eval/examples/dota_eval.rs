//! DOTA's Task 1 evaluator as a program of its own.
//!
//! `cargo run --release -p eval --example dota_eval -- --results DIR --labels DIR [--version 1.0] [--iou 0.5,0.75] [--area] [--count-difficult] [--json]`

use std::path::PathBuf;

use eval::metric::{ClassGroup, ClassGroups};
use eval::oriented::{
    ApMethod, DifficultObjects, OrientedRules, UnknownClasses, evaluate_oriented, read_labels,
    read_results,
};
use oriented_boxes::dota::{DEBLORA_GROUPS, DotaVersion};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut results, mut labels) = (None, None);
    let mut version = DotaVersion::V1_0;
    let mut rules = OrientedRules::default();
    let mut json = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--results" => results = Some(PathBuf::from(value()?)),
            "--labels" => labels = Some(PathBuf::from(value()?)),
            "--version" => {
                version = DotaVersion::parse(&value()?).ok_or("--version is 1.0, 1.5 or 2.0")?;
            }
            "--iou" => {
                rules.thresholds = value()?
                    .split(',')
                    .map(str::parse)
                    .collect::<Result<_, _>>()?;
            }
            "--area" => rules.method = ApMethod::Area,
            "--count-difficult" => rules.difficult = DifficultObjects::Count,
            "--json" => json = true,
            _ => return Err(format!("unknown argument {name}").into()),
        }
    }
    let classes: Vec<String> = version.classes().iter().map(|c| c.to_string()).collect();
    let labels = labels.ok_or("--labels DIR is missing")?;
    let results = results.ok_or("--results DIR is missing")?;
    let truth = read_labels(&labels, &classes, None, UnknownClasses::Skip)?;
    let found = read_results(&results, &truth)?;
    let index = |name: &str| classes.iter().position(|class| class == name);
    let groups = DEBLORA_GROUPS.map(|(name, members)| ClassGroup {
        name: name.into(),
        classes: members.iter().filter_map(|member| index(member)).collect(),
    });
    let groups = ClassGroups::new(classes.len(), groups.to_vec())?;
    let evaluation = evaluate_oriented(&truth, &found, &rules, Some(&groups))?;
    if json {
        println!("{}", serde_json::to_string_pretty(&evaluation)?);
    } else {
        print!("{}", evaluation.markdown());
    }
    Ok(())
}
