//! Tells the tests whether real imagery is there: `RS_DATA_DIR` set to a folder gives `cfg(has_rs_data)`.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-env-changed=RS_DATA_DIR");
    println!("cargo:rustc-check-cfg=cfg(has_rs_data)");
    if std::env::var_os("RS_DATA_DIR").is_some_and(|folder| Path::new(&folder).is_dir()) {
        println!("cargo:rustc-cfg=has_rs_data");
    }
}
