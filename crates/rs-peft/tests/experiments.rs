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
        // A name that is printed as it stands, and not as a percentage, is one that no metric has.
        for metric in &row.experiment.table.metrics {
            assert!(
                eval::metric::names::style(metric).percent,
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
