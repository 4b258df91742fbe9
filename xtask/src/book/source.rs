//! The types of the workspace as the sources have them: documentation, serde's attributes, fields.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use quote::ToTokens;
use syn::{Attribute, Item, UseTree};

/// Where a type is written.
pub(super) struct Found<'a> {
    pub(super) item: &'a Item,
    pub(super) file: &'a SourceFile,
}

/// One file, parsed.
pub(super) struct SourceFile {
    /// Relative to the workspace.
    pub(super) path: PathBuf,
    /// Folder of the crate's name, e.g. `peft-lora`.
    krate: String,
    items: Vec<Item>,
    /// Imported names and the crate (with `-`) that they come from; of this crate's own modules nothing is said.
    imports: BTreeMap<String, String>,
}

/// All sources of the crates.
pub(super) struct Sources(Vec<SourceFile>);

impl Sources {
    pub(super) fn read(root: &Path, files: &[PathBuf]) -> anyhow::Result<Self> {
        let mut sources = Vec::new();
        for path in files {
            let mut parts = path.iter().map(|part| part.to_string_lossy());
            let rust = path.extension().is_some_and(|ending| ending == "rs");
            let crates = parts.next().is_some_and(|part| part == "crates");
            let (Some(krate), Some(source)) = (parts.next(), parts.next()) else {
                continue;
            };
            if !(rust && crates && source == "src") {
                continue;
            }
            let text = std::fs::read_to_string(root.join(path))
                .with_context(|| format!("cannot read {}", path.display()))?;
            let parsed = syn::parse_file(&text)
                .with_context(|| format!("cannot parse {}", path.display()))?;
            let mut imports = BTreeMap::new();
            for item in &parsed.items {
                if let Item::Use(item) = item
                    && let UseTree::Path(path) = &item.tree
                {
                    let from = path.ident.to_string().replace('_', "-");
                    leaves(&path.tree, &from, &mut imports);
                }
            }
            sources.push(SourceFile {
                path: path.clone(),
                krate: krate.into_owned(),
                items: parsed.items,
                imports,
            });
        }
        Ok(Self(sources))
    }

    /// The struct or enum that `name`, in a path behind the crate `qualifier`, means in `file`, if it is one of the workspace.
    ///
    /// # Errors
    /// When several types could be meant.
    pub(super) fn find(
        &self,
        name: &str,
        qualifier: Option<String>,
        file: &SourceFile,
    ) -> anyhow::Result<Option<Found<'_>>> {
        let imported = file.imports.get(name).map(String::as_str);
        let from = qualifier.as_deref().or(imported);
        let own = matches!(from, None | Some("crate" | "super" | "self"));
        let krate = match from {
            Some(other) if !own => other,
            _ => file.krate.as_str(),
        };
        let in_crate: Vec<Found<'_>> = self
            .0
            .iter()
            .filter(|source| source.krate == krate)
            .flat_map(|source| {
                source
                    .items
                    .iter()
                    .map(move |item| Found { item, file: source })
            })
            .filter(|found| named(found.item).is_some_and(|(known, _)| known == name))
            .collect();
        // What is read from files is preferred among types of one name.
        let nearest = |found: &Found<'_>| {
            let path = &found.file.path;
            let read =
                named(found.item).is_some_and(|(_, attributes)| derives_deserialize(attributes));
            (
                *path == file.path,
                path.parent() == file.path.parent(),
                read,
            )
        };
        let best = in_crate.iter().map(&nearest).max();
        let mut best: Vec<Found<'_>> = in_crate
            .into_iter()
            .filter(|found| Some(nearest(found)) == best)
            .collect();
        if best.len() > 1 {
            bail!(
                "{}: `{name}` may be of {} or of {}",
                file.path.display(),
                best[0].file.path.display(),
                best[1].file.path.display()
            );
        }
        Ok(best.pop())
    }

    pub(super) fn file(&self, path: &str) -> anyhow::Result<&SourceFile> {
        self.0
            .iter()
            .find(|source| source.path == Path::new(path))
            .with_context(|| format!("{path} is no source of the workspace"))
    }
}

impl SourceFile {
    /// What the function `name` of this file returns, if it is a single expression.
    pub(super) fn value_of(&self, name: &str) -> Option<String> {
        self.items.iter().find_map(|item| match item {
            Item::Fn(function) if function.sig.ident == name => {
                match function.block.stmts.as_slice() {
                    [syn::Stmt::Expr(value, None)] => Some(value.to_token_stream().to_string()),
                    _ => None,
                }
            }
            _ => None,
        })
    }
}

impl SourceFile {
    /// What `impl Default` of this file gives the fields of the struct `name`, where it is a plain list.
    pub(super) fn defaults_of(&self, name: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for item in &self.items {
            let Item::Impl(item) = item else { continue };
            let default = item
                .trait_
                .as_ref()
                .is_some_and(|(_, path, _)| path.is_ident("Default"));
            if !default || item.self_ty.to_token_stream().to_string() != name {
                continue;
            }
            for part in &item.items {
                if let syn::ImplItem::Fn(function) = part
                    && let [syn::Stmt::Expr(syn::Expr::Struct(value), None)] =
                        function.block.stmts.as_slice()
                {
                    for field in &value.fields {
                        let key = field.member.to_token_stream().to_string();
                        found.insert(key, field.expr.to_token_stream().to_string());
                    }
                }
            }
        }
        found
    }
}

/// Name and attributes of a struct or enum.
pub(super) fn named(item: &Item) -> Option<(String, &[Attribute])> {
    match item {
        Item::Struct(item) => Some((item.ident.to_string(), &item.attrs)),
        Item::Enum(item) => Some((item.ident.to_string(), &item.attrs)),
        _ => None,
    }
}

fn leaves(tree: &UseTree, from: &str, imports: &mut BTreeMap<String, String>) {
    match tree {
        UseTree::Path(path) => leaves(&path.tree, from, imports),
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves(tree, from, imports);
            }
        }
        UseTree::Name(name) => {
            imports.insert(name.ident.to_string(), from.into());
        }
        UseTree::Rename(name) => {
            imports.insert(name.rename.to_string(), from.into());
        }
        UseTree::Glob(_) => {}
    }
}

/// The text of `///`, a line per paragraph.
pub(super) fn documentation(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("doc")) {
        if let syn::Meta::NameValue(pair) = &attribute.meta
            && let syn::Expr::Lit(literal) = &pair.value
            && let syn::Lit::Str(line) = &literal.lit
        {
            let line = line.value();
            match line.trim() {
                "" => text.push_str("\n\n"),
                line => {
                    if !text.is_empty() && !text.ends_with('\n') {
                        text.push(' ');
                    }
                    text.push_str(line);
                }
            }
        }
    }
    text
}

/// What `#[serde(...)]` says: words, and keys with their texts.
#[derive(Default)]
pub(super) struct Serde(BTreeMap<String, Option<String>>);

impl Serde {
    pub(super) fn of(attributes: &[Attribute]) -> Self {
        let mut found = BTreeMap::new();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("serde")) {
            // What this does not understand is not needed here.
            let _ = attribute.parse_nested_meta(|meta| {
                let key = meta.path.to_token_stream().to_string();
                let value = match meta.value() {
                    Ok(value) => Some(value.parse::<syn::LitStr>()?.value()),
                    Err(_) => None,
                };
                found.insert(key, value);
                Ok(())
            });
        }
        Self(found)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_deref()
    }

    /// A variant's name as files have it.
    pub(super) fn renamed(&self, all: &Self, name: &str) -> String {
        match (self.text("rename"), all.text("rename_all")) {
            (Some(name), _) => name.into(),
            (None, Some("snake_case")) => snake(name),
            (None, Some("lowercase")) => name.to_lowercase(),
            (None, Some("kebab-case")) => snake(name).replace('_', "-"),
            (None, _) => name.into(),
        }
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// Whether the type reads itself by serde's derive.
pub(super) fn derives_deserialize(attributes: &[Attribute]) -> bool {
    derives(attributes, "Deserialize")
}

/// Whether `trait_name` is derived.
pub(super) fn derives(attributes: &[Attribute], trait_name: &str) -> bool {
    attributes
        .iter()
        .filter(|a| a.path().is_ident("derive"))
        .any(|a| a.to_token_stream().to_string().contains(trait_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_and_documentation_are_read() {
        let item: Item = syn::parse_str(
            "/// First.\n/// Still first.\n///\n/// Second.\n#[derive(Clone, Deserialize)]\n#[serde(tag = \"kind\", rename_all = \"snake_case\")]\nenum Some { OneTwo }",
        )
        .unwrap();
        let (name, attributes) = named(&item).unwrap();
        assert_eq!(name, "Some");
        assert_eq!(documentation(attributes), "First. Still first.\n\nSecond.");
        let serde = Serde::of(attributes);
        assert_eq!(serde.text("tag"), Some("kind"));
        assert_eq!(Serde::default().renamed(&serde, "OneTwo"), "one_two");
        assert!(derives_deserialize(attributes));
    }
}
