//! What `cluster` writes and prints.

use std::collections::BTreeMap;

use rs_peft::clustering::rows::RowSource;
use serde_json::json;

use super::super::feature_table::FeatureTable;
use super::super::tensor_table::{self, Numbers, Tensor};
use super::fit::Fitted;
use super::means::means;
use super::{Args, Space};

/// Format of the file, with its version.
pub(in super::super) const FORMAT: &str = "rs-peft clusters 1";
/// What writes it.
pub(in super::super) const MADE_BY: &str = "rs-peft cluster";

/// Clusters per line of the table of sizes.
const PER_LINE: usize = 10;

pub(super) fn write(
    args: &Args,
    table: &FeatureTable,
    rows: &dyn RowSource<f32>,
    space: &Space,
    fitted: &Fitted,
    silhouette: Option<(f64, usize)>,
) -> anyhow::Result<()> {
    let (dim, clusters) = (table.dim(), fitted.clusters);
    let centres = match &fitted.centres {
        Some(centres) => centres.clone(),
        None => means(rows, &fitted.labels, clusters, None)?,
    };
    // A cluster without rows has a centre but no mean.
    let back = match (&fitted.centres, space) {
        (Some(centres), space) if clusters > 0 => Some(space.back(centres)?),
        _ => None,
    };
    let means = means(table, &fitted.labels, clusters, back.as_deref())?;
    let mut sizes = vec![0usize; clusters];
    for label in fitted.labels.iter().flatten() {
        sizes[*label as usize] += 1;
    }
    let noise = fitted.labels.iter().filter(|label| label.is_none()).count();
    let assignment = fitted
        .labels
        .iter()
        .map(|label| label.map_or(-1, i64::from));
    let mut tensors: Vec<Tensor> = vec![
        (
            "assignment",
            vec![table.rows()],
            Numbers::I64(assignment.collect()),
        ),
        ("means", vec![clusters, dim], Numbers::F32(means)),
        ("centres", vec![clusters, rows.dim()], Numbers::F32(centres)),
    ];
    if let Some(strengths) = &fitted.strengths {
        tensors.push((
            "strengths",
            vec![strengths.len()],
            Numbers::F64(strengths.clone()),
        ));
    }
    if let Some(scaler) = &space.scaler {
        tensors.push((
            "scaler.mean",
            vec![dim],
            Numbers::F64(scaler.mean().to_vec()),
        ));
        tensors.push((
            "scaler.scale",
            vec![dim],
            Numbers::F64(scaler.scale().to_vec()),
        ));
    }
    if let Some(pca) = &space.pca {
        let components = pca.components().to_vec();
        tensors.push(("pca.mean", vec![dim], Numbers::F64(pca.mean().to_vec())));
        tensors.push((
            "pca.components",
            vec![rows.dim(), dim],
            Numbers::F64(components),
        ));
        let variance = pca.explained_variance().to_vec();
        tensors.push(("pca.variance", vec![rows.dim()], Numbers::F64(variance)));
    }
    let objective = fitted.objective.as_ref();
    let found = json!({
        "features": table.path,
        "tensor": table.tensor,
        "rows": table.rows(),
        "dim": dim,
        "method": args.method.name(),
        "clusters": clusters,
        "noise": noise,
        "sizes": sizes,
        "inertia": objective.map(|o| o.inertia),
        "iterations": objective.map(|o| o.iterations),
        "converged": objective.map(|o| o.converged),
        "silhouette": silhouette.map(|(value, _)| value),
        "silhouette_rows": silhouette.map(|(_, rows)| rows),
        "standardised": space.scaler.is_some(),
        "components": space.pca.is_some().then(|| rows.dim()),
        "seed": args.seed,
    });
    let metadata = BTreeMap::from([
        ("features_sha256".to_owned(), table.sha256.clone()),
        ("tensor".to_owned(), table.tensor.clone()),
        ("options".to_owned(), options(args).to_string()),
        ("found".to_owned(), found.to_string()),
    ]);
    tensor_table::write(&args.output, FORMAT, metadata, &tensors)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    println!(
        "{} `{}`: {} rows of {dim} features",
        table.path.display(),
        table.tensor,
        table.rows()
    );
    println!(
        "{clusters} clusters by {}, {noise} rows of noise",
        args.method.name()
    );
    if let Some(objective) = objective {
        let ended = if objective.converged {
            "converged"
        } else {
            "stopped at the most iterations"
        };
        println!(
            "inertia     {:.6e} after {} iterations ({ended})",
            objective.inertia, objective.iterations
        );
    }
    if let Some((value, rows)) = silhouette {
        println!("silhouette  {value:.4} over {rows} rows");
    }
    for (number, line) in sizes.chunks(PER_LINE).enumerate() {
        let cells: String = line.iter().map(|size| format!("{size:>8}")).collect();
        let name = if number == 0 { "sizes" } else { "" };
        println!("{name:<12}{cells}");
    }
    println!("{}", args.output.display());
    Ok(())
}

/// What was asked for.
fn options(args: &Args) -> serde_json::Value {
    json!({
        "method": args.method.name(), "clusters": args.clusters, "rho": args.rho, "min_size": args.min_size,
        "restarts": args.restarts, "max_iterations": args.max_iterations, "batch": args.batch, "eps": args.eps,
        "min_samples": args.min_samples, "min_cluster_size": args.min_cluster_size, "leaves": args.leaves,
        "standardise": args.standardise, "pca": args.pca, "whiten": args.whiten, "seed": args.seed,
    })
}

impl Space {
    /// Centres in the features' own units; what the left-out components held is not in them.
    fn back(&self, centres: &[f32]) -> anyhow::Result<Vec<f32>> {
        let mut values = match &self.pca {
            Some(pca) => pca.inverse_transform(centres)?,
            None => centres.to_vec(),
        };
        if let Some(scaler) = &self.scaler {
            scaler.inverse_transform(&mut values)?;
        }
        Ok(values)
    }
}
