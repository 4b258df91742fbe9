//! The tokenizer against transformers on awkward prompts, from both forms in which it is published.

mod support;

use serde::Deserialize;
use stable_diffusion::{ClipTokenizer, PROMPT_LENGTH};
use testkit::Golden;

use support::{copy, edit, tiny};

#[derive(Deserialize)]
struct Row {
    prompt: String,
    ids: Vec<u32>,
    /// Number of tokens with start and end, before cutting and padding.
    whole: usize,
}

#[derive(Deserialize)]
struct Tokens {
    rows: Vec<Row>,
}

#[test]
fn tokens_are_those_of_transformers() {
    let tokenizer = ClipTokenizer::load(tiny().join("tokenizer")).unwrap();
    let golden: Tokens = Golden::json("stable-diffusion/tokens.json");
    assert!(golden.rows.len() > 20);
    for row in golden.rows {
        let prompt = tokenizer.encode(&row.prompt, PROMPT_LENGTH).unwrap();
        assert_eq!(prompt.ids, row.ids, "{:?}", row.prompt);
        assert_eq!(prompt.cut.is_some(), row.whole > 77, "{:?}", row.prompt);
        assert_eq!(prompt.used, row.whole.min(77), "{:?}", row.prompt);
    }
}

#[test]
fn what_was_cut_off_is_reported() {
    let tokenizer = ClipTokenizer::load(tiny().join("tokenizer")).unwrap();
    let text = format!("{}, Über alles", ", ".repeat(75));
    let prompt = tokenizer.encode(&text, PROMPT_LENGTH).unwrap();
    assert_eq!(prompt.cut.as_deref(), Some(", Über alles"));
    let short = tokenizer.encode("a b c", 4).unwrap();
    assert_eq!((short.ids.len(), short.cut.as_deref()), (4, Some("c")));
    assert!(tokenizer.encode("a", 1).is_err());
}

#[test]
fn the_padding_token_is_the_published_one() {
    let folder = copy();
    let tokenizer = folder.path().join("tokenizer");
    let config = tokenizer.join("tokenizer_config.json");
    edit(
        &config,
        r#""pad_token": "<|endoftext|>""#,
        r#""pad_token": {"content": "!"}"#,
    );
    let padded = ClipTokenizer::load(&tokenizer)
        .unwrap()
        .encode("", 4)
        .unwrap();
    let plain = ClipTokenizer::load(tiny().join("tokenizer")).unwrap();
    let plain = plain.encode("", 4).unwrap();
    assert_eq!(padded.ids[..2], plain.ids[..2]);
    // `!` is the first token of the vocabulary.
    assert_eq!((padded.ids[2], plain.ids[2]), (0, plain.ids[1]));
    edit(&config, r#""!""#, r#""<pad>""#);
    let text = ClipTokenizer::load(&tokenizer).unwrap_err().to_string();
    assert!(text.contains("no token `<pad>`"), "{text}");
}

#[test]
fn damaged_vocabularies_are_refused() {
    let spoil = |file: &str, contents: &str| {
        let folder = copy();
        std::fs::write(folder.path().join("tokenizer").join(file), contents).unwrap();
        ClipTokenizer::load(folder.path().join("tokenizer"))
            .unwrap_err()
            .to_string()
    };
    for (file, contents, expected) in [
        ("vocab.json", "[1]", "no JSON object"),
        ("vocab.json", "{\"a\": ", "EOF"),
        ("vocab.json", "{\"a\": -1}", "no number"),
        ("vocab.json", "{\"a\": 0}", "merges.txt"),
        ("merges.txt", "#version: 0.2\na\n", "`a` is no pair"),
        ("merges.txt", "qqq zzz\n", "merges.txt"),
    ] {
        let text = spoil(file, contents);
        assert!(text.contains(expected), "{file} {contents}: {text}");
    }
    let folder = copy();
    std::fs::remove_file(folder.path().join("tokenizer/merges.txt")).unwrap();
    let text = ClipTokenizer::load(folder.path().join("tokenizer")).unwrap_err();
    assert!(text.to_string().contains("tokenizer.json"), "{text}");
}
