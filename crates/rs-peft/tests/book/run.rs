//! Runs a page in a folder of its own.

use std::path::Path;
use std::process::Command;

use crate::page::{Part, parts};

/// The line of an output that stands for all that follow.
const AND_SO_ON: &str = "…";

/// Does what the page says, from its beginning to its end.
pub(crate) fn page(path: &Path) {
    let shown = path.file_name().unwrap().to_string_lossy().into_owned();
    let page = std::fs::read_to_string(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let mut printed = String::new();
    let mut commands = 0;
    let mut updated: Vec<((usize, usize), String)> = Vec::new();
    for part in parts(&page) {
        match part {
            Part::File { path, text } => {
                let path = here.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Part::Commands(lines) => {
                printed.clear();
                for line in lines {
                    commands += 1;
                    printed.push_str(&command(&shown, &line, here));
                }
            }
            Part::Output { text, lines } => {
                let seen = until(&printed, &text);
                if std::env::var_os("UPDATE_BOOK").is_some() {
                    updated.push((lines, seen));
                } else {
                    assert_eq!(shape(&seen), shape(&text), "{shown}: another output");
                }
            }
            Part::Named(path) => {
                assert!(here.join(&path).exists(), "{shown}: {path} is not there");
            }
        }
    }
    assert!(commands > 0, "{shown} has no command");
    if !updated.is_empty() {
        std::fs::write(path, replaced(&page, &updated)).unwrap();
    }
}

/// Runs one line and gives what it printed.
fn command(shown: &str, line: &str, here: &Path) -> String {
    let (line, into) = match line.split_once(" > ") {
        Some((line, file)) => (line, Some(file.trim())),
        None => (line, None),
    };
    let mut words = line.split_whitespace();
    assert_eq!(words.next(), Some("rs-peft"), "{shown}: `{line}`");
    assert!(
        !line.contains(['"', '\'', '|', '$']),
        "{shown}: `{line}` needs a shell"
    );
    let start = std::time::Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_rs-peft"))
        .args(words.flat_map(|word| files(word, here)))
        .current_dir(here)
        .output()
        .unwrap();
    eprintln!("{shown}: {:.1} s: {line}", start.elapsed().as_secs_f64());
    assert!(
        output.status.success(),
        "{shown}: `{line}` ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    match into {
        Some(file) => {
            std::fs::write(here.join(file), text).unwrap();
            String::new()
        }
        None => text,
    }
}

/// What a shell makes of `*` in a path: the files that are there, sorted.
fn files(word: &str, here: &Path) -> Vec<String> {
    let mut found = vec![String::new()];
    for part in word.split('/') {
        let mut next = Vec::new();
        for folder in &found {
            let Some((before, after)) = part.split_once('*') else {
                next.push(format!("{folder}{part}/"));
                continue;
            };
            let entries = std::fs::read_dir(here.join(folder)).unwrap();
            for entry in entries {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if name.starts_with(before) && name.ends_with(after) {
                    next.push(format!("{folder}{name}/"));
                }
            }
        }
        next.sort();
        found = next;
    }
    assert!(!found.is_empty(), "`{word}` is no file");
    found
        .iter()
        .map(|path| path[..path.len() - 1].to_owned())
        .collect()
}

/// As many lines as the page shows, where it does not show all.
fn until(printed: &str, page: &str) -> String {
    let mut lines: Vec<&str> = printed.lines().collect();
    if let Some(end) = page.lines().position(|line| line == AND_SO_ON) {
        lines.truncate(end);
        lines.push(AND_SO_ON);
    }
    lines
        .iter()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// What must be equal on every machine: the words. Numbers, hashes and scores that are not defined are one, as are gaps.
fn shape(text: &str) -> Vec<String> {
    let hash = |word: &str| word.len() >= 12 && word.chars().all(|c| c.is_ascii_hexdigit());
    let number = |letter: char| letter.is_ascii_digit() || ".,+−*".contains(letter);
    let mut shapes = Vec::new();
    for line in text.lines() {
        let mut shape: Vec<String> = Vec::new();
        for word in line.split_whitespace() {
            let word = if hash(word.trim_end_matches(')')) || word == "-" {
                "#".into()
            } else {
                let mut same = String::new();
                for letter in word.chars() {
                    match number(letter) {
                        true if same.ends_with('#') => {}
                        true => same.push('#'),
                        false => same.push(letter),
                    }
                }
                same
            };
            shape.push(word);
        }
        shapes.push(shape.join(" "));
    }
    shapes
}

fn replaced(page: &str, updated: &[((usize, usize), String)]) -> String {
    let mut text = String::new();
    for (at, line) in page.lines().enumerate() {
        if let Some((_, new)) = updated.iter().find(|((from, _), _)| *from == at) {
            text.push_str(new);
        }
        if !updated
            .iter()
            .any(|((from, to), _)| (*from..*to).contains(&at))
        {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[test]
fn shapes_forget_numbers_and_gaps() {
    assert_eq!(shape("a  0.25\nb 12"), shape("a 0.5\nb      1"));
    assert_eq!(shape("| **+2.0** |"), shape("| −1.0 |"));
    assert_eq!(shape("a  -  12"), shape("a 0.25 3"));
    assert_eq!(
        shape("(sha256 00ff00ff00ff)"),
        shape("(sha256 1234567890ab)")
    );
    assert_ne!(shape("a 1"), shape("b 1"));
    assert_eq!(until("a\nb\nc\n", "x\n…\n"), "a\n…\n");
    let page = "1\n```text\nold\nolder\n```\n2\n";
    assert_eq!(
        replaced(page, &[((2, 4), "new\n".into())]),
        "1\n```text\nnew\n```\n2\n"
    );
}
