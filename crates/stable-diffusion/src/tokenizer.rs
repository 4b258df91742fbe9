//! The tokenizer of the text encoder: byte-pair encoding of cleaned, lower-case text, as `CLIPTokenizer` of transformers
//! builds it on the same library.

use std::path::Path;

use serde_json::Value;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{Lowercase, NFC, NormalizerWrapper, Replace, Sequence as Cleaning};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as Cutting;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

use crate::DiffusionError;
use crate::config::{Fields, text_of};

/// The largest vocabulary file that is read; that of Stable Diffusion has about a million bytes.
const LIMIT: u64 = 64 << 20;

/// Length of every sequence of Stable Diffusion, first and last token included.
pub const PROMPT_LENGTH: usize = 77;

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";

/// What is kept of a text, cut into words: the special tokens, English endings, letters, single digits, and the rest.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// A prompt as the text encoder reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Tokens: start, text, end, padding.
    pub ids: Vec<u32>,
    /// Number of tokens before the padding.
    pub used: usize,
    /// The end of the text that was cut off because it did not fit; `None` where all of it did.
    pub cut: Option<String>,
}

/// From text to tokens.
#[derive(Debug, Clone)]
pub struct ClipTokenizer {
    inner: Tokenizer,
    start: u32,
    end: u32,
    pad: u32,
    size: usize,
}

impl ClipTokenizer {
    /// Reads a directory with `vocab.json` and `merges.txt`, or with `tokenizer.json` alone; the padding token is that of
    /// `tokenizer_config.json` or `special_tokens_map.json`, the end token if neither names one.
    ///
    /// # Errors
    /// [`DiffusionError::File`] and [`DiffusionError::Io`] for files that are absent, damaged, or contradict one another.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self, DiffusionError> {
        let folder = folder.as_ref();
        let (vocab, merges) = (folder.join("vocab.json"), folder.join("merges.txt"));
        let whole = folder.join("tokenizer.json");
        let (inner, path) = if vocab.is_file() && merges.is_file() {
            (from_vocabulary(&vocab, &merges)?, vocab)
        } else if whole.is_file() {
            let text = text_of(&whole, LIMIT)?;
            let inner = Tokenizer::from_bytes(text).map_err(|e| wrong(&whole, e.to_string()))?;
            (inner, whole)
        } else {
            return Err(DiffusionError::File {
                path: folder.to_owned(),
                problem: "no `vocab.json` with `merges.txt` and no `tokenizer.json`".into(),
                remedy: "copy the directory `tokenizer` of the published model".into(),
            });
        };
        let id = |token: &str| {
            inner
                .token_to_id(token)
                .ok_or_else(|| wrong(&path, format!("it has no token `{token}`")))
        };
        let (start, end) = (id(START)?, id(END)?);
        let pad = match padding_in(folder)? {
            Some(token) => id(&token)?,
            None => end,
        };
        let size = inner
            .get_vocab(true)
            .values()
            .max()
            .map_or(0, |id| *id as usize + 1);
        Ok(Self {
            inner,
            start,
            end,
            pad,
            size,
        })
    }

    /// One more than the largest token.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The tokens of a prompt, cut or padded to `length`: start, at most `length - 2` tokens of text, end, padding.
    ///
    /// # Errors
    /// [`DiffusionError::Argument`] when `length` has no place for start and end.
    pub fn encode(&self, prompt: &str, length: usize) -> Result<Prompt, DiffusionError> {
        if length < 2 {
            return Err(DiffusionError::argument(
                "the length of a prompt",
                length,
                "at least 2: it begins and ends with a token of its own",
            ));
        }
        let encoding = self.inner.encode(prompt, false).map_err(|error| {
            DiffusionError::argument("the prompt", error, "a text that the tokenizer can cut")
        })?;
        let tokens = encoding.get_ids();
        let kept = tokens.len().min(length - 2);
        let cut = encoding.get_offsets().get(kept).map(|(from, _)| {
            // Offsets are bytes of the text as it was given.
            prompt.get(*from..).unwrap_or_default().to_owned()
        });
        let mut ids = Vec::with_capacity(length);
        ids.push(self.start);
        ids.extend_from_slice(&tokens[..kept]);
        ids.push(self.end);
        let used = ids.len();
        ids.resize(length, self.pad);
        Ok(Prompt { ids, used, cut })
    }
}

/// Byte-pair encoding from the two published files.
fn from_vocabulary(vocab: &Path, merges: &Path) -> Result<Tokenizer, DiffusionError> {
    let tokens = match serde_json::from_str::<Value>(&text_of(vocab, LIMIT)?) {
        Ok(Value::Object(map)) => map,
        Ok(_) => return Err(wrong(vocab, "it holds no JSON object")),
        Err(error) => return Err(wrong(vocab, error)),
    };
    let tokens = tokens
        .into_iter()
        .map(|(token, id)| {
            let id = id.as_u64().and_then(|id| u32::try_from(id).ok());
            id.map(|id| (token, id))
        })
        .collect::<Option<Vec<(String, u32)>>>()
        .ok_or_else(|| wrong(vocab, "a token has no number"))?;
    let text = text_of(merges, LIMIT)?;
    let mut pairs = Vec::new();
    for line in text.lines() {
        if line.starts_with("#version") || line.is_empty() {
            continue;
        }
        match line.split_once(' ') {
            Some((left, right)) if !right.contains(' ') => {
                pairs.push((left.to_owned(), right.to_owned()));
            }
            _ => return Err(wrong(merges, format!("`{line}` is no pair"))),
        }
    }
    let vocabulary: std::collections::HashMap<String, u32> = tokens.into_iter().collect();
    let bpe = BPE::builder()
        .vocab_and_merges(
            vocabulary
                .into_iter()
                .collect::<tokenizers::models::bpe::Vocab>(),
            pairs,
        )
        .unk_token(END.into())
        .continuing_subword_prefix(String::new())
        .end_of_word_suffix("</w>".into())
        .build()
        .map_err(|error| wrong(merges, error))?;
    let pattern = |text: &str| SplitPattern::Regex(text.to_owned());
    let spaces = Replace::new(
        tokenizers::normalizers::replace::ReplacePattern::Regex(r"\s+".into()),
        " ",
    )
    .map_err(|error| wrong(vocab, error))?;
    let words = Split::new(pattern(WORDS), SplitDelimiterBehavior::Removed, true)
        .map_err(|error| wrong(vocab, error))?;
    let mut tokenizer = Tokenizer::new(bpe);
    tokenizer
        .with_normalizer(Some(NormalizerWrapper::Sequence(Cleaning::new(vec![
            NFC.into(),
            spaces.into(),
            Lowercase.into(),
        ]))))
        .with_pre_tokenizer(Some(Cutting::new(vec![
            words.into(),
            ByteLevel::new(false, true, true).into(),
        ])));
    let special = [START, END].map(|token| AddedToken::from(token, true));
    tokenizer.add_special_tokens(&special);
    Ok(tokenizer)
}

/// The padding token that the descriptions name.
fn padding_in(folder: &Path) -> Result<Option<String>, DiffusionError> {
    for name in ["tokenizer_config.json", "special_tokens_map.json"] {
        let path = folder.join(name);
        if !path.is_file() {
            continue;
        }
        match Fields::open(&path)?.get("pad_token") {
            Some(Value::String(token)) => return Ok(Some(token.clone())),
            Some(Value::Object(token)) => {
                if let Some(Value::String(token)) = token.get("content") {
                    return Ok(Some(token.clone()));
                }
            }
            _ => {}
        }
    }
    Ok(None)
}

fn wrong(path: &Path, problem: impl ToString) -> DiffusionError {
    DiffusionError::File {
        path: path.to_owned(),
        problem: problem.to_string(),
        remedy: "copy it again from the published directory".into(),
    }
}
