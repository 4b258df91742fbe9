//! `cargo xtask ci`: what CI runs, cheapest check first.

use crate::workspace::{cargo, check};

pub(crate) fn run() -> anyhow::Result<()> {
    check(cargo().args(["fmt", "--all", "--check"]))?;
    crate::tidy::run()?;
    check(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    check(
        cargo()
            .args(["doc", "--workspace", "--no-deps"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    check(cargo().args(["test", "--workspace"]))
}
