//! Tells the tests what is there: real imagery (`RS_DATA_DIR` set to a folder gives `cfg(has_rs_data)`) and Slurm (`cfg(has_slurm)`).

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-env-changed=RS_DATA_DIR");
    println!("cargo:rustc-check-cfg=cfg(has_rs_data)");
    if std::env::var_os("RS_DATA_DIR").is_some_and(|folder| Path::new(&folder).is_dir()) {
        println!("cargo:rustc-cfg=has_rs_data");
    }
    // The tests of the Slurm executor start a cluster of their own.
    println!("cargo:rerun-if-env-changed=PATH");
    println!("cargo:rustc-check-cfg=cfg(has_slurm)");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let there = |program: &str| folders.iter().any(|folder| folder.join(program).is_file());
    if ["sbatch", "slurmctld", "slurmd", "munged"]
        .into_iter()
        .all(there)
    {
        println!("cargo:rustc-cfg=has_slurm");
    }
}
