//! Prints the page of the zoo, `docs/zoo.md`:
//! `cargo run -p vit-backbone --example zoo_page > docs/zoo.md`.

fn main() {
    print!("{}", vit_backbone::zoo_page());
}
