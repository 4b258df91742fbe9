//! The shipped experiment files, and what happens to broken ones.

use std::path::{Path, PathBuf};

use rs_peft::experiment::{Catalog, SplitConfig};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder of experiments with one row, `broken` laid over a valid one.
fn catalog_with(row: &str) -> Result<Catalog, rs_peft::ExperimentError> {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("group/table");
    std::fs::create_dir_all(&table).unwrap();
    std::fs::copy(
        root().join("experiments/defaults.toml"),
        folder.path().join("defaults.toml"),
    )
    .unwrap();
    std::fs::copy(
        root().join("experiments/ladder/synthetic/_table.toml"),
        table.join("_table.toml"),
    )
    .unwrap();
    std::fs::write(table.join("row.toml"), row).unwrap();
    Catalog::read(folder.path())
}

#[test]
fn every_shipped_row_is_read_and_has_an_identity_of_its_own() {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    assert!(catalog.rows.len() > 50, "{}", catalog.rows.len());
    let mut hashes: Vec<&str> = catalog.rows.iter().map(|row| row.hash.as_str()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(
        hashes.len(),
        catalog.rows.len(),
        "two rows have the same resolved configuration"
    );
    for row in &catalog.rows {
        let reference = &row.experiment.table.reference;
        let name = format!("{}/{reference}", row.table());
        assert!(
            catalog.rows.iter().any(|other| other.name == name),
            "{}: no reference row {name}",
            row.name
        );
        // A name that is printed as it stands is one that no metric has.
        for metric in &row.experiment.table.metrics {
            let style = eval::metric::names::style(metric);
            assert!(
                style.percent || style.title != *metric,
                "{}: unknown metric {metric}",
                row.name
            );
        }
    }
    assert!(catalog.rows.iter().any(|row| row.experiment.table.embedded));
}

#[test]
fn small_real_sets_are_run_on_at_least_eight_splits() {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    for row in catalog
        .rows
        .iter()
        .filter(|row| !row.experiment.table.embedded)
    {
        if matches!(row.experiment.data.split, SplitConfig::Repeated { .. }) {
            assert!(row.experiment.seeds.len() >= 8, "{}", row.name);
        }
    }
}

#[test]
fn an_unknown_key_names_the_file_and_the_key() {
    let error = catalog_with("title = 'x'\nlerning_rate = 1.0\n[method]\nmethod = 'frozen'\n")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("row.toml") && error.contains("lerning_rate"),
        "{error}"
    );
    let error = catalog_with(
        "title = 'x'\n[method]\nmethod = 'lora'\nrank = 8\nalpha = 8.0\ntargets = ['qkv']\nrnk = 3\n",
    );
    assert!(error.unwrap_err().to_string().contains("rnk"));
}

#[test]
fn values_out_of_range_name_the_key() {
    for (row, key) in [
        ("[train]\nepochs = 0\n", "train.epochs"),
        ("[train]\nlearning_rate = nan\n", "train.learning_rate"),
        ("[input]\nknown = 9\n", "input.known"),
        ("[input]\nsize = 100000\n", "input.size"),
        ("[probe]\nkind = 'knn'\nk = 3\n", "probe"),
        ("[backbone]\nviews = 'dihedral'\n", "backbone.views"),
        ("[spectral_head]\n", "input.spectral"),
        ("[input]\nspectral = ['B08']\n", "input.spectral"),
    ] {
        let text = format!("title = 'x'\n{row}[method]\nmethod = 'norm_tuning'\n");
        let error = catalog_with(&text).unwrap_err().to_string();
        assert!(
            error.contains(&format!("`{key}`")) && error.contains("row.toml"),
            "{error}"
        );
    }
    assert!(
        catalog_with("title = ")
            .unwrap_err()
            .to_string()
            .contains("row.toml")
    );
}

#[test]
fn an_unknown_row_lists_the_nearest_ones() {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let error = catalog.find("ladder/eurosat/lora").unwrap_err().to_string();
    assert!(error.contains("ladder/eurosat_ms/lora"), "{error}");
    let row = &catalog.rows[0];
    assert_eq!(catalog.find(&row.hash[..12]).unwrap().name, row.name);
}

#[test]
fn a_row_keeps_its_place_whichever_rows_are_run() {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let place = |row: &str| {
        let name = format!("ladder/synthetic/{row}");
        catalog.find(&name).unwrap().place
    };
    assert_eq!(place("random_logistic"), 0);
    assert_eq!(place("frozen"), 2);
    assert_eq!(place("spectral_zero"), 10);
}

#[test]
fn deflect_needs_spectra_and_its_loss_a_soft_constraint() {
    let row = |text: &str| {
        let text = format!("title = 'x'\n[method]\nmethod = 'deflect'\n{text}");
        catalog_with(&text).map(|catalog| catalog.rows[0].clone())
    };
    let spectra = "[input]\nspectral = ['B04', 'B08']\n";
    let found = row(spectra).unwrap();
    assert_eq!(found.experiment.input.spectral, ["B04", "B08"]);
    for (text, word) in [
        ("", "input.spectral"),
        (
            "norm_loss = 1.0\n[input]\nspectral = ['B04', 'B08']\n",
            "method.norm_loss",
        ),
        (
            "attention = { rnk = 3 }\n[input]\nspectral = ['B08']\n",
            "rnk",
        ),
    ] {
        let error = row(text).unwrap_err().to_string();
        assert!(
            error.contains(word) && error.contains("row.toml"),
            "{error}"
        );
    }
}

#[test]
fn tables_lie_at_any_depth_and_say_what_runs_unasked() {
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let unasked = |table: &str| {
        let rows = catalog.rows.iter().filter(|row| row.table() == table);
        let unasked = rows.filter(|row| row.by_default);
        unasked.map(|row| row.row().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(unasked("deflect/small/synthetic"), ["frozen", "deflect"]);
    assert!(unasked("deflect/rates/eurosat_ms").is_empty());
    assert_eq!(unasked("ladder/synthetic").len(), 11);
    assert!(unasked("deflect/small/eurosat_ms").len() >= 12);
}

#[test]
fn a_default_that_is_no_row_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("a/b/c");
    std::fs::create_dir_all(&table).unwrap();
    let shipped = root().join("experiments");
    let copy = |from: &str, to: PathBuf| std::fs::copy(shipped.join(from), to).unwrap();
    copy("defaults.toml", folder.path().join("defaults.toml"));
    copy("ladder/synthetic/frozen.toml", table.join("frozen.toml"));
    let shared = std::fs::read_to_string(shipped.join("ladder/synthetic/_table.toml")).unwrap();
    let write = |default: &str| {
        let text = format!("default = [\"{default}\"]\n{shared}");
        std::fs::write(table.join("_table.toml"), text).unwrap();
        Catalog::read(folder.path())
    };
    assert_eq!(write("frozen").unwrap().rows[0].name, "a/b/c/frozen");
    let error = write("frozn").unwrap_err().to_string();
    assert!(
        error.contains("frozn") && error.contains("_table.toml"),
        "{error}"
    );
}

#[test]
fn committed_results_belong_to_the_rows_as_they_are_now() {
    // A new option that is written where it is not used would give every row another identity.
    let catalog = Catalog::read(&root().join("experiments")).unwrap();
    let mut seen = 0;
    for row in &catalog.rows {
        let path = root().join("results").join(&row.name).join("run.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        let own = serde_json::to_value(&row.experiment).unwrap();
        assert_eq!(record["config"], own, "{}", row.name);
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}
