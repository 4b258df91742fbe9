//! Tells the tests whether `RS_PEFT_PYTHON` names a Python interpreter with torch, timm and peft; without it the test that
//! needs one is listed as ignored.

fn main() {
    println!("cargo:rerun-if-env-changed=RS_PEFT_PYTHON");
    println!("cargo:rustc-check-cfg=cfg(has_rs_peft_python)");
    if std::env::var_os("RS_PEFT_PYTHON").is_some_and(|path| std::path::Path::new(&path).is_file())
    {
        println!("cargo:rustc-cfg=has_rs_peft_python");
    }
}
