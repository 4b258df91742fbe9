//! From the seeds of a row to its run record.

use eval::record::{
    Code, Compute, Cost, Experiment as Heading, Parameters, RunRecord, SCHEMA_VERSION, content_id,
};

use serde::{Deserialize, Serialize};

use super::{PlannedRow, RunError};

/// What the program knows about itself and the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Revision of the source and whether it was changed.
    pub code: Code,
    /// Backend, device, threads.
    pub compute: Compute,
}

/// The record of a row from the seeds that have finished; `None` when none has. Code and machine are those of the last seed that
/// ran; `fallback` stands in where a result does not say.
///
/// # Errors
/// When a result cannot be read.
pub fn collect(planned: &PlannedRow, fallback: &Provenance) -> Result<Option<RunRecord>, RunError> {
    let experiment = &planned.row.experiment;
    let mut provenance = fallback.clone();
    let (mut results, mut parameters, mut peak, mut seconds, mut flops) =
        (Vec::new(), Parameters::default(), None, 0.0, None);
    for &seed in &experiment.seeds {
        let Some(output) = planned.output(seed)? else {
            continue;
        };
        seconds += output.result.seconds.unwrap_or_default();
        peak = peak.max(output.peak_memory_bytes);
        parameters = output.parameters;
        flops = output.forward_flops;
        provenance = output.provenance.unwrap_or(provenance);
        results.push(output.result);
    }
    if results.is_empty() {
        return Ok(None);
    }
    let config = serde_json::to_value(experiment).map_err(|source| RunError::Json {
        path: planned.row.path.clone(),
        source,
    })?;
    let table = &experiment.table;
    let mut record = RunRecord {
        schema_version: SCHEMA_VERSION,
        id: content_id(&config, &planned.inputs),
        experiment: Heading {
            name: planned.row.table().replace('/', "-"),
            title: table.title.clone(),
            row: planned.row.row().into(),
            method: experiment.title.clone(),
            order: Some(planned.row.place),
            baseline: Some(table.reference.clone()),
            protocol: table.protocol.clone(),
            data: table.data,
            metrics: table.metrics.clone(),
            paper: experiment.paper.clone(),
        },
        code: provenance.code,
        compute: provenance.compute,
        config,
        inputs: planned.inputs.clone(),
        seeds: experiment.seeds.clone(),
        parameters,
        cost: Cost {
            peak_memory_bytes: peak,
            wall_seconds: Some(seconds),
            forward_flops: flops,
        },
        results,
        summary: Default::default(),
    };
    record.summarise();
    Ok(Some(record))
}
