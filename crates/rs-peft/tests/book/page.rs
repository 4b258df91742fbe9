//! A page of the book as what it asks for: files, commands, what they print.

/// A part of a page that means something.
#[derive(Debug, PartialEq)]
pub(crate) enum Part {
    /// A file to be written: the block behind a line that ends in `` `path`: ``.
    File { path: String, text: String },
    /// Commands, one per line, lines that end in `\` joined.
    Commands(Vec<String>),
    /// What the commands before it print, and the lines of the page (from, to) where that stands.
    Output { text: String, lines: (usize, usize) },
    /// A list entry that begins with a path: the file must be there.
    Named(String),
}

pub(crate) fn parts(page: &str) -> Vec<Part> {
    let lines: Vec<&str> = page.lines().collect();
    let mut parts = Vec::new();
    let mut before = "";
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let Some(language) = line.strip_prefix("```") else {
            if let Some(path) = named(line) {
                parts.push(Part::Named(path.into()));
            }
            if !line.trim().is_empty() {
                before = line;
            }
            at += 1;
            continue;
        };
        let from = at + 1;
        let length = lines[from..]
            .iter()
            .position(|line| line.starts_with("```"))
            .unwrap_or_else(|| panic!("a block that begins in line {from} does not end"));
        let block = &lines[from..from + length];
        let text: String = block.iter().map(|line| format!("{line}\n")).collect();
        match language {
            "sh" => parts.push(Part::Commands(commands(block))),
            "text" if matches!(parts.last(), Some(Part::Commands(_))) => {
                parts.push(Part::Output {
                    text,
                    lines: (from, from + length),
                });
            }
            _ => {
                if let Some(path) = file(before) {
                    parts.push(Part::File {
                        path: path.into(),
                        text,
                    });
                }
            }
        }
        at = from + length + 1;
        before = "";
    }
    parts
}

fn commands(block: &[&str]) -> Vec<String> {
    let joined = block.join("\n").replace("\\\n", " ");
    joined.lines().map(String::from).collect()
}

/// The path at the end of a line like ``the table `experiments/a/_table.toml`:``.
fn file(line: &str) -> Option<&str> {
    let path = line.trim_end().strip_suffix("`:")?.rsplit('`').next()?;
    path.contains('.').then_some(path)
}

fn named(line: &str) -> Option<&str> {
    let path = line.strip_prefix("- `")?.split('`').next()?;
    (path.contains('.') || path.contains('/')).then_some(path)
}

#[test]
fn a_page_is_read() {
    let page = "# A\n\nThe file `a/b.toml`:\n\n```toml\nx = 1\n```\n\n```sh\nrs-peft a \\\n    b\nrs-peft c\n```\n\n```text\n12\n```\n\n- `a/b.toml`: x\n- `word`: y\n";
    assert_eq!(
        parts(page),
        [
            Part::File {
                path: "a/b.toml".into(),
                text: "x = 1\n".into()
            },
            Part::Commands(vec!["rs-peft a      b".into(), "rs-peft c".into()]),
            Part::Output {
                text: "12\n".into(),
                lines: (15, 16)
            },
            Part::Named("a/b.toml".into()),
        ]
    );
}
