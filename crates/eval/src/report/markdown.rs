//! Result tables as Markdown (GitHub flavour).

use super::ResultTable;

/// `text` with everything escaped that Markdown or HTML would read as markup, on one line.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '|' | '[' | ']' | '~' | '#' => out.extend(['\\', c]),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

impl ResultTable {
    /// The table and the notes under it, without heading.
    pub fn markdown(&self) -> String {
        let mut out = String::from("|");
        for column in &self.columns {
            out.push_str(&format!(" {} |", escape_cell(&column.title)));
        }
        out.push_str("\n|");
        for column in &self.columns {
            out.push_str(if column.numeric { "---:|" } else { ":---|" });
        }
        out.push('\n');
        for row in &self.rows {
            out.push('|');
            for cell in &row.cells {
                let text = escape_cell(&cell.text);
                out.push_str(&if cell.strong {
                    format!(" **{text}** |")
                } else {
                    format!(" {text} |")
                });
            }
            out.push('\n');
        }
        for note in &self.notes {
            out.push_str(&format!("\n{}\n", escape(note)));
        }
        out
    }
}

/// Cells hold intervals in brackets, which need no escape: they are never followed by a parenthesis.
fn escape_cell(text: &str) -> String {
    escape(text).replace("\\[", "[").replace("\\]", "]")
}

/// The overview of several tables: one line per experiment.
pub(super) fn overview(tables: &[ResultTable]) -> String {
    let mut out = String::from(
        "| experiment | data | rows | best mean | \u{394} to baseline [95 % CI] |\n|:---|:---|---:|:---|---:|\n",
    );
    for table in tables {
        let (best, difference) = table.headline();
        let data: Vec<&str> = table.data.iter().map(|kind| kind.label()).collect();
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            escape(&table.title),
            escape(&data.join(", ")),
            table.rows.len(),
            escape(&best),
            escape_cell(&difference),
        ));
    }
    out
}
