//! The names that LoRA files have had: diffusers then and now, peft, kohya's scripts.

use std::collections::HashMap;

/// What a key of a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// `A` of the map of this name, `[rank, inputs]`.
    Down(String),
    /// `B` of the map of this name, `[outputs, rank]`.
    Up(String),
    /// Numerator of the scale of the map of this name.
    Alpha(String),
    /// Something of a text encoder.
    TextEncoder,
    /// The magnitude of a DoRA.
    Magnitude,
    /// None of these.
    Unknown,
}

/// Reads a key. `flattened` maps `down_blocks_0_..._to_q`, as kohya's scripts write names, to the names themselves.
pub(crate) fn read(key: &str, flattened: &HashMap<String, String>) -> Key {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| key.starts_with(prefix));
    if starts(&[
        "text_encoder.",
        "text_encoder_2.",
        "lora_te_",
        "lora_te1_",
        "lora_te2_",
    ]) {
        return Key::TextEncoder;
    }
    if key.contains("lora_magnitude_vector") || key.contains("dora_scale") {
        return Key::Magnitude;
    }
    if let Some(rest) = key.strip_prefix("lora_unet_") {
        let Some((stem, kind)) = rest.split_once('.') else {
            return Key::Unknown;
        };
        // What names no map keeps its own spelling and is refused later.
        let name = flattened
            .get(stem)
            .cloned()
            .unwrap_or_else(|| stem.to_owned());
        return match kind {
            "lora_down.weight" => Key::Down(name),
            "lora_up.weight" => Key::Up(name),
            "alpha" => Key::Alpha(name),
            _ => Key::Unknown,
        };
    }
    let mut rest = key;
    for prefix in ["unet.", "base_model.model.", "unet."] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    let ends: [(&str, fn(String) -> Key); 10] = [
        (".lora.down.weight", Key::Down),
        (".lora.up.weight", Key::Up),
        ("_lora.down.weight", Key::Down),
        ("_lora.up.weight", Key::Up),
        (".lora_A.weight", Key::Down),
        (".lora_B.weight", Key::Up),
        (".lora_A.default.weight", Key::Down),
        (".lora_B.default.weight", Key::Up),
        (".lora.alpha", Key::Alpha),
        (".alpha", Key::Alpha),
    ];
    for (end, kind) in ends {
        if let Some(name) = rest.strip_suffix(end) {
            return kind(of_processor(name));
        }
    }
    Key::Unknown
}

/// `attn1.processor.to_out` of early 2023 is `attn1.to_out.0`.
fn of_processor(name: &str) -> String {
    match name.split_once(".processor.") {
        Some((attention, "to_out")) => format!("{attention}.to_out.0"),
        Some((attention, map)) => format!("{attention}.{map}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_naming_is_read() {
        let site = "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0";
        let attention = site.strip_suffix(".to_out.0").unwrap();
        let flat = site.replace('.', "_");
        let flattened = HashMap::from([(flat.clone(), site.to_owned())]);
        let read = |key: &str| super::read(key, &flattened);
        for key in [
            format!("unet.{site}.lora.down.weight"),
            format!("{site}.lora.down.weight"),
            format!("{site}.lora_A.weight"),
            format!("unet.{site}.lora_A.weight"),
            format!("unet.base_model.model.{site}.lora_A.weight"),
            format!("base_model.model.{site}.lora_A.default.weight"),
            format!("{attention}.processor.to_out_lora.down.weight"),
            format!("unet.{attention}.processor.to_out_lora.down.weight"),
            format!("lora_unet_{flat}.lora_down.weight"),
        ] {
            assert_eq!(read(&key), Key::Down(site.into()), "{key}");
        }
        assert_eq!(
            read(&format!("lora_unet_{flat}.alpha")),
            Key::Alpha(site.into())
        );
        assert_eq!(read(&format!("unet.{site}.alpha")), Key::Alpha(site.into()));
        assert_eq!(read("text_encoder.a.lora.down.weight"), Key::TextEncoder);
        assert_eq!(read("unet.a.lora_magnitude_vector"), Key::Magnitude);
        assert_eq!(read("unet.a.weight"), Key::Unknown);
    }
}
