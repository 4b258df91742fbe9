//! `--set KEY=VALUE`: any key of an experiment, by its dotted name.

use super::AdaptError;

/// Lays one setting upon a table.
pub(super) fn set(table: &mut toml::Table, setting: &str) -> Result<(), AdaptError> {
    let bad = |expected: &str| AdaptError::usage("--set", setting, expected);
    let (key, text) = setting
        .split_once('=')
        .ok_or_else(|| bad("KEY=VALUE, e.g. train.warmup=0.2"))?;
    let (key, text) = (key.trim(), text.trim());
    let parts: Vec<&str> = key.split('.').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(bad("names between dots, e.g. method.alpha=16.0"));
    }
    let (last, folders) = match parts.split_last() {
        Some((last, folders)) if !folders.is_empty() => (*last, folders),
        // A key alone is one of the method's.
        _ => (key, &["method"][..]),
    };
    let mut place = table;
    for folder in folders {
        let entry = place
            .entry(folder.to_string())
            .or_insert_with(|| toml::Table::new().into());
        place = entry
            .as_table_mut()
            .ok_or_else(|| bad("a key of a table; what stands before the dot is a value"))?;
    }
    place.insert(last.into(), value(text, place.get(last)));
    Ok(())
}

/// The value that a text is in TOML, or the text itself. Whole numbers stay fractions where a fraction stood.
fn value(text: &str, before: Option<&toml::Value>) -> toml::Value {
    let parsed = format!("v = {text}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut table| table.remove("v"));
    match (parsed, before) {
        (Some(toml::Value::Integer(whole)), Some(toml::Value::Float(_))) => {
            toml::Value::Float(whole as f64)
        }
        (Some(value), _) => value,
        (None, _) => toml::Value::String(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_laid_upon_the_table() {
        let mut table: toml::Table = "[train]\nwarmup = 0.1\n[method]\nmethod = 'lora'\nalpha = 8.0"
            .parse()
            .unwrap();
        for setting in [
            "train.warmup = 0",
            "alpha=16",
            "method.targets=['qkv.q', 'qkv.v']",
            "input.rendering=uint8",
            "deep.er.key=true",
        ] {
            set(&mut table, setting).unwrap();
        }
        let expected: toml::Table = "[train]\nwarmup = 0.0\n[method]\nmethod = 'lora'\nalpha = 16.0\ntargets = ['qkv.q', 'qkv.v']\n\
                                     [input]\nrendering = 'uint8'\n[deep.er]\nkey = true"
            .parse()
            .unwrap();
        assert_eq!(table, expected);
        for wrong in ["train.warmup", "a..b=1", "train.warmup.x=1"] {
            assert!(set(&mut table, wrong).is_err(), "{wrong}");
        }
    }
}
