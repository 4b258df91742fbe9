//! Writes a report of made-up numbers, to look at the layout: `cargo run -p eval --example demo_report -- FOLDER`.

#[path = "../tests/common/mod.rs"]
mod common;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or("name the folder to write to")?;
    let files = common::report().write(&common::records(), folder.as_ref())?;
    println!(
        "{}\n{}\n{} figures",
        files.html.display(),
        files.markdown.display(),
        files.figures.len()
    );
    Ok(())
}
