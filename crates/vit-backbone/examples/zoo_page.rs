//! Prints the page of the zoo, `docs/zoo.md`:
//! `cargo run -p vit-backbone --example zoo_page > docs/zoo.md`.

/// What `cargo xtask backends` measured last.
const ERRORS: &str = include_str!("../../../assets/golden/vit-backbone/zoo_errors.json");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", vit_backbone::zoo_page(&serde_json::from_str(ERRORS)?));
    Ok(())
}
