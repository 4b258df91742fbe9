//! JSON that is pleasant to read and to compare: indented, but a list of scalars (a curve point, a matrix row) on one line.

use serde_json::Value;

/// Longest line that a list or object of scalars is kept on.
const WIDTH: usize = 160;

/// Indented JSON with a final newline.
pub(super) fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out.push('\n');
    out
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

fn write(value: &Value, indent: usize, out: &mut String) {
    let flat = match value {
        Value::Array(items) => items.iter().all(is_scalar),
        Value::Object(map) => map.values().all(is_scalar),
        _ => true,
    };
    if flat {
        let line = spaced(value);
        // A matrix row stays on one line however long; only objects are broken for width.
        if !value.is_object() || line.len() + indent <= WIDTH {
            out.push_str(&line);
            return;
        }
    }
    let pad = " ".repeat(indent + 2);
    match value {
        Value::Array(items) => {
            out.push_str("[\n");
            for (i, item) in items.iter().enumerate() {
                out.push_str(&pad);
                write(item, indent + 2, out);
                out.push_str(if i + 1 < items.len() { ",\n" } else { "\n" });
            }
            out.push_str(&pad[2..]);
            out.push(']');
        }
        Value::Object(map) => {
            out.push_str("{\n");
            for (i, (key, item)) in map.iter().enumerate() {
                out.push_str(&format!("{pad}{}: ", Value::from(key.as_str())));
                write(item, indent + 2, out);
                out.push_str(if i + 1 < map.len() { ",\n" } else { "\n" });
            }
            out.push_str(&pad[2..]);
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// One line, with a space after each comma and colon.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => format!(
            "[{}]",
            items
                .iter()
                .map(Value::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ),
        Value::Object(map) if map.is_empty() => "{}".into(),
        Value::Object(map) => {
            let fields: Vec<String> = map
                .iter()
                .map(|(key, item)| format!("{}: {item}", Value::from(key.as_str())))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        scalar => scalar.to_string(),
    }
}
