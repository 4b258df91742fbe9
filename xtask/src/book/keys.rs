//! Pages that list the keys of a file, made from the types that read it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::Context;
use quote::ToTokens;
use syn::{Field, Fields, GenericArgument, Item, PathArguments, Type};

use super::source::{
    Found, Serde, SourceFile, Sources, derives, derives_deserialize, documentation, named,
};

/// A page, and the type with whose section it begins.
pub(super) struct KeysPage {
    /// Name of the file below `docs/reference`.
    pub(super) file: &'static str,
    title: &'static str,
    introduction: &'static str,
    root: &'static str,
    source: &'static str,
}

pub(super) const PAGES: [KeysPage; 3] = [
    KeysPage {
        file: "experiment.md",
        title: "The experiment file",
        introduction: "A row of a table, as `rs-peft repro` runs it and `rs-peft adapt --dry-run` prints it. The row's file is laid over its table's `_table.toml`, and that over \
            `experiments/defaults.toml`; `method` and `data.split` are replaced whole. Keys that are not listed here are errors.",
        root: "Experiment",
        source: "crates/rs-peft/src/experiment/config.rs",
    },
    KeysPage {
        file: "data.md",
        title: "Descriptions of one's own images",
        introduction: "`scene.toml` says how a scene is cut and labelled. Its table `[dataset]` is also that of a TOML manifest and of the file `dataset.toml` beside a CSV manifest or a folder \
            per class.",
        root: "SceneSet",
        source: "crates/rs-datasets/src/catalog/scene_config.rs",
    },
    KeysPage {
        file: "model-json.md",
        title: "`model.json`",
        introduction: "What `rs-peft adapt` writes into [a model directory](../model-directory.md), which says what the keys mean together.",
        root: "ModelManifest",
        source: "crates/rs-peft/src/adapted/manifest.rs",
    },
];

impl KeysPage {
    pub(super) fn text(&self, sources: &Sources) -> anyhow::Result<String> {
        let file = sources.file(self.source)?;
        let mut page = format!(
            "# {}\n\n{} Made from `{}` and what it names by `cargo xtask book`.\n",
            self.title, self.introduction, self.source
        );
        let first = sources
            .find(self.root, None, file)?
            .with_context(|| format!("{} is not in {}", self.root, self.source))?;
        let mut waiting = VecDeque::from([first]);
        let mut seen = BTreeSet::new();
        while let Some(found) = waiting.pop_front() {
            let (name, attributes) = named(found.item).context("only types are looked for")?;
            if !seen.insert(name.clone()) {
                continue;
            }
            let mut section = Section {
                page: self.file,
                sources,
                file: found.file,
                used: Vec::new(),
                each_default: false,
                defaults: BTreeMap::new(),
            };
            page.push_str(&format!(
                "\n## {name}\n\n{}\n",
                linked(&documentation(attributes))
            ));
            page.push_str(&section.body(found.item)?);
            waiting.extend(section.used);
        }
        Ok(page)
    }
}

/// The section of one type.
struct Section<'a> {
    /// The page it is on.
    page: &'static str,
    sources: &'a Sources,
    file: &'a SourceFile,
    /// Types that its fields name.
    used: Vec<Found<'a>>,
    /// Keys that are not there get the defaults of their own types.
    each_default: bool,
    /// What the type's own default gives its fields, as Rust has it.
    defaults: BTreeMap<String, String>,
}

impl<'a> Section<'a> {
    fn body(&mut self, item: &Item) -> anyhow::Result<String> {
        match item {
            Item::Struct(item) => {
                let all = Serde::of(&item.attrs);
                if all.has("default") {
                    self.each_default = derives(&item.attrs, "Default");
                    self.defaults = self.file.defaults_of(&item.ident.to_string());
                }
                match &item.fields {
                    Fields::Named(fields) => self.table(fields.named.iter(), &all),
                    fields => {
                        let inner: Vec<String> = fields
                            .iter()
                            .map(|field| self.value(&field.ty))
                            .collect::<Result<_, _>>()?;
                        Ok(format!("\nWritten as {}.\n", inner.join(", ")))
                    }
                }
            }
            Item::Enum(item) => self.variants(item),
            _ => Ok(String::new()),
        }
    }

    fn table<'f>(
        &mut self,
        fields: impl Iterator<Item = &'f Field>,
        all: &Serde,
    ) -> anyhow::Result<String> {
        let mut rows = String::new();
        for field in fields {
            let serde = Serde::of(&field.attrs);
            if serde.has("skip") {
                continue;
            }
            let name = field.ident.as_ref().map(ToString::to_string);
            let name = serde
                .text("rename")
                .map(String::from)
                .or(name)
                .unwrap_or_default();
            let value = self.value(&field.ty)?;
            let absent = self.absent(&name, &serde, all, &field.ty)?;
            let what = cell(&documentation(&field.attrs));
            match serde.has("flatten") {
                true => rows.push_str(&format!("| | the keys of {value} | | {what} |\n")),
                false => rows.push_str(&format!("| `{name}` | {value} | {absent} | {what} |\n")),
            }
        }
        if rows.is_empty() {
            return Ok(String::new());
        }
        Ok(format!(
            "\n| key | value | if absent | meaning |\n|---|---|---|---|\n{rows}"
        ))
    }

    fn variants(&mut self, item: &syn::ItemEnum) -> anyhow::Result<String> {
        let all = Serde::of(&item.attrs);
        let derived = derives_deserialize(&item.attrs);
        let plain = item
            .variants
            .iter()
            .all(|v| matches!(v.fields, Fields::Unit));
        if plain && all.text("tag").is_none() {
            let mut text = String::from("\n| value | meaning |\n|---|---|\n");
            for variant in &item.variants {
                let name = Serde::of(&variant.attrs).renamed(&all, &variant.ident.to_string());
                let default = variant.attrs.iter().any(|a| a.path().is_ident("default"));
                let mark = if default { " (default)" } else { "" };
                let what = cell(&documentation(&variant.attrs));
                text.push_str(&format!("| `\"{name}\"`{mark} | {what} |\n"));
            }
            return Ok(text);
        }
        let mut text = String::new();
        for variant in &item.variants {
            let serde = Serde::of(&variant.attrs);
            let name = serde.renamed(&all, &variant.ident.to_string());
            let default = variant.attrs.iter().any(|a| a.path().is_ident("default"));
            let mark = if default { " (default)" } else { "" };
            let inner = match &variant.fields {
                Fields::Unnamed(fields) => fields
                    .unnamed
                    .iter()
                    .map(|field| self.value(&field.ty))
                    .collect::<Result<Vec<_>, _>>()?
                    .join(", "),
                _ => String::new(),
            };
            let what = linked(&documentation(&variant.attrs)).replace("\n\n", " ");
            let written = match (derived, all.text("tag"), inner.as_str()) {
                // A type that reads itself: its documentation says how.
                (false, ..) => inner.clone(),
                (true, Some(tag), "") => format!("`{tag} = \"{name}\"`"),
                (true, Some(tag), keys) => format!("`{tag} = \"{name}\"` with the keys of {keys}"),
                (true, None, "") if matches!(variant.fields, Fields::Unit) => {
                    format!("`\"{name}\"`")
                }
                (true, None, "") => format!("`{{ {name} = {{ … }} }}`"),
                (true, None, value) => format!("`{{ {name} = … }}`, {value}"),
            };
            text.push_str(&format!("\n{written}{mark}: {what}\n"));
            if let Fields::Named(fields) = &variant.fields {
                text.push_str(&self.table(fields.named.iter(), &all)?);
            }
        }
        Ok(text)
    }

    /// What may stand for a type, with a link to its section where it has one.
    fn value(&mut self, ty: &Type) -> anyhow::Result<String> {
        let Type::Path(path) = ty else {
            return Ok(match ty {
                Type::Array(array) => {
                    let each = self.value(&array.elem)?;
                    format!("list of {} × {each}", array.len.to_token_stream())
                }
                Type::Tuple(tuple) => {
                    let each: Vec<String> = tuple
                        .elems
                        .iter()
                        .map(|ty| self.value(ty))
                        .collect::<Result<_, _>>()?;
                    format!("list of {}", each.join(", "))
                }
                other => format!("`{}`", other.to_token_stream()),
            });
        };
        let Some(last) = path.path.segments.last() else {
            return Ok(String::new());
        };
        let name = last.ident.to_string();
        let mut inner = Vec::new();
        if let PathArguments::AngleBracketed(arguments) = &last.arguments {
            for argument in &arguments.args {
                if let GenericArgument::Type(ty) = argument {
                    inner.push(self.value(ty)?);
                }
            }
        }
        let inner = inner.join(" → ");
        Ok(match name.as_str() {
            "String" | "str" => "text".into(),
            "PathBuf" | "Path" => "path".into(),
            "bool" => "`true`, `false`".into(),
            "f32" | "f64" => "number".into(),
            "usize" | "u64" | "u32" | "u16" | "u8" => "whole number ≥ 0".into(),
            "isize" | "i64" | "i32" | "i16" | "i8" => "whole number".into(),
            "Value" | "Table" => "anything".into(),
            "Option" | "Box" | "Arc" => inner,
            "Vec" | "BTreeSet" => format!("list of {inner}"),
            "BTreeMap" | "HashMap" => format!("table {inner}"),
            _ => match self.sources.find(&name, qualifier(path), self.file)? {
                Some(_) if self.elsewhere(&name).is_some() => {
                    let file = self.elsewhere(&name).unwrap_or_default();
                    format!("[{name}]({file}#{})", name.to_lowercase())
                }
                Some(found) => {
                    self.used.push(found);
                    format!("[{name}](#{})", name.to_lowercase())
                }
                None => format!("`{name}`"),
            },
        })
    }

    /// A value of a default as a file would have it: a literal, a list of them, or a variant.
    fn written(&self, value: &str) -> anyhow::Result<Option<String>> {
        let parts: Vec<&str> = value.split_whitespace().collect();
        if let [name, "::", variant, ..] = parts.as_slice() {
            let Some(found) = self.sources.find(name, None, self.file)? else {
                return Ok(None);
            };
            let named = match *variant {
                "default" => default_variant(found.item),
                variant => variant_name(found.item, variant),
            };
            return Ok(named.map(|name| as_value(found.item, &name)));
        }
        let literal = value.parse::<f64>().is_ok() || ["true", "false"].contains(&value);
        let list = value.starts_with('[') && !value.contains(['.', '"', '!']);
        Ok((literal || list).then(|| format!("`{}`", value.replace(" ,", ","))))
    }

    /// The other page that begins with the type.
    fn elsewhere(&self, name: &str) -> Option<&'static str> {
        let page = PAGES.iter().find(|page| page.root == name)?;
        (page.file != self.page).then_some(page.file)
    }

    /// What counts where the key is not there; empty where it must be.
    fn absent(&self, name: &str, serde: &Serde, all: &Serde, ty: &Type) -> anyhow::Result<String> {
        let written = ty.to_token_stream().to_string();
        let optional = written.starts_with("Option");
        if let Some(function) = serde.text("default") {
            let value = self.file.value_of(function);
            return Ok(value.map_or("see its type".into(), |value| format!("`{value}`")));
        }
        if let Some(value) = self.defaults.get(name).filter(|value| *value != "None") {
            return Ok(self.written(value)?.unwrap_or(KIND.into()));
        }
        if optional {
            return Ok("none".into());
        }
        if !serde.has("default") && !self.each_default {
            return Ok(if all.has("default") { KIND } else { "" }.into());
        }
        Ok(match written.as_str() {
            "bool" => "`false`".into(),
            "String" => "`\"\"`".into(),
            "f32" | "f64" | "usize" | "u64" | "u32" => "`0`".into(),
            list if list.starts_with("Vec") => "`[]`".into(),
            map if map.starts_with("BTreeMap") => "`{}`".into(),
            name => match self.sources.find(name, None, self.file)? {
                Some(found) => default_variant(found.item)
                    .map_or(KIND.into(), |name| as_value(found.item, &name)),
                None => KIND.into(),
            },
        })
    }
}

/// What is said of a key whose default its type decides.
const KIND: &str = "as its type's default";

/// The name of the variant that `#[default]` marks.
fn default_variant(item: &Item) -> Option<String> {
    let Item::Enum(item) = item else { return None };
    let all = Serde::of(&item.attrs);
    let marked =
        |variant: &&syn::Variant| variant.attrs.iter().any(|a| a.path().is_ident("default"));
    let variant = item.variants.iter().find(marked)?;
    Some(Serde::of(&variant.attrs).renamed(&all, &variant.ident.to_string()))
}

/// The name of a variant in files.
fn variant_name(item: &Item, variant: &str) -> Option<String> {
    let Item::Enum(item) = item else { return None };
    let found = item.variants.iter().find(|v| v.ident == variant)?;
    Some(Serde::of(&found.attrs).renamed(&Serde::of(&item.attrs), variant))
}

/// A variant as a value.
fn as_value(item: &Item, name: &str) -> String {
    let tag =
        named(item).and_then(|(_, attributes)| Serde::of(attributes).text("tag").map(String::from));
    match tag {
        Some(tag) => format!("`{{ {tag} = \"{name}\" }}`"),
        None => format!("`\"{name}\"`"),
    }
}

/// The crate in a path like `vit_backbone::Pooling`.
fn qualifier(path: &syn::TypePath) -> Option<String> {
    let segments = &path.path.segments;
    let first = segments.first().filter(|_| segments.len() > 1)?;
    Some(first.ident.to_string().replace('_', "-"))
}

/// Links of rustdoc become code, as their targets are no pages of the book.
fn linked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("[`") {
        let Some(end) = rest[at..].find("`]") else {
            break;
        };
        out.push_str(&rest[..at]);
        out.push_str(&rest[at + 1..at + end + 1]);
        rest = &rest[at + end + 2..];
        // A target in parentheses goes, too.
        if let Some(target) = rest.strip_prefix('(')
            && let Some(close) = target.find(')')
        {
            rest = &target[close + 1..];
        }
    }
    out.push_str(rest);
    // Examples are for rustdoc; the book has its own.
    match out.find("```") {
        Some(at) => out[..at]
            .trim_end()
            .trim_end_matches("For example:")
            .trim_end()
            .into(),
        None => out,
    }
}

/// A text as it may stand in a table.
fn cell(text: &str) -> String {
    linked(text).replace("\n\n", " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tracked;
    use crate::workspace::root;

    #[test]
    fn every_key_of_the_defaults_is_on_the_page() {
        let root = root();
        let sources = Sources::read(&root, &tracked(&root).unwrap()).unwrap();
        let page = PAGES[0].text(&sources).unwrap();
        let defaults: toml::Table = std::fs::read_to_string(root.join("experiments/defaults.toml"))
            .unwrap()
            .parse()
            .unwrap();
        for (table, keys) in &defaults {
            assert!(page.contains(&format!("| `{table}` |")), "{table}");
            for key in keys.as_table().unwrap().keys() {
                assert!(page.contains(&format!("| `{key}` |")), "{table}.{key}");
            }
        }
        assert!(page.contains("| `\"cosine\"` (default) |"));
        assert!(page.contains("`kind = \"repeated\"`"));
    }

    #[test]
    fn links_of_rustdoc_become_code() {
        assert_eq!(
            linked("see [`a::B`] and [`C`](crate::C)."),
            "see `a::B` and `C`."
        );
    }
}
