//! Comma-separated values as RFC 4180 has them: quoted fields may hold commas, line breaks and doubled quotes.

use std::path::Path;

use crate::DataError;

/// One record and the line on which it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvRecord {
    /// First line of the record, counted from 1.
    pub line: usize,
    /// Its fields, unquoted.
    pub fields: Vec<String>,
}

/// Splits a table into records; a byte order mark is dropped, empty lines are skipped, CRLF and LF both end a line.
///
/// Every record has as many fields as the first. `path` only names the file in errors.
///
/// # Errors
/// [`DataError::Manifest`] with the line: a quote that is not closed or not at the start of a field, text behind a closing
/// quote, another number of fields.
pub fn parse_csv(text: &str, path: &Path) -> Result<Vec<CsvRecord>, DataError> {
    let bad = |line: usize, detail: String| DataError::Manifest {
        path: path.into(),
        place: format!("line {line}"),
        detail,
    };
    let mut records: Vec<CsvRecord> = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1;
    while !rest.is_empty() {
        let start = line;
        let mut fields = Vec::new();
        loop {
            let (field, end, after) = if let Some(quoted) = rest.strip_prefix('"') {
                let (field, after) = closed_quote(quoted).ok_or_else(|| {
                    bad(
                        start,
                        "a quoted field is not closed; add the missing quote".into(),
                    )
                })?;
                line += field.matches('\n').count();
                let (end, after) = end_of_field(after).ok_or_else(|| {
                    bad(
                        line,
                        "text follows a closing quote; put the whole field in quotes".into(),
                    )
                })?;
                (field, end, after)
            } else {
                let stop = rest.find([',', '\n']).unwrap_or(rest.len());
                let field = &rest[..stop];
                let (end, after) = match rest[stop..].chars().next() {
                    Some(',') => (End::Field, &rest[stop + 1..]),
                    Some(_) => (End::Record, &rest[stop + 1..]),
                    None => (End::Record, ""),
                };
                let field = if end == End::Record {
                    field.strip_suffix('\r').unwrap_or(field)
                } else {
                    field
                };
                if field.contains('"') {
                    return Err(bad(
                        line,
                        "a quote within a field; double it and put the whole field in quotes"
                            .into(),
                    ));
                }
                (field.to_owned(), end, after)
            };
            fields.push(field);
            rest = after;
            if end == End::Record {
                line += 1;
                break;
            }
        }
        if fields == [""] {
            continue;
        }
        if let Some(first) = records.first()
            && first.fields.len() != fields.len()
        {
            let detail = format!(
                "{} fields where the first line has {}",
                fields.len(),
                first.fields.len()
            );
            return Err(bad(start, detail));
        }
        records.push(CsvRecord {
            line: start,
            fields,
        });
    }
    Ok(records)
}

/// What comes behind a field.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Field,
    Record,
}

/// The text up to the closing quote, doubled quotes made single, and what follows it.
fn closed_quote(quoted: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = quoted;
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Some((field, after)),
        }
    }
}

/// What a closing quote is followed by: a comma, the end of the line or the end of the text.
fn end_of_field(after: &str) -> Option<(End, &str)> {
    if let Some(rest) = after.strip_prefix(',') {
        return Some((End::Field, rest));
    }
    let rest = after.strip_prefix('\r').unwrap_or(after);
    rest.strip_prefix('\n').map_or_else(
        || rest.is_empty().then_some((End::Record, "")),
        |rest| Some((End::Record, rest)),
    )
}

/// A field as it is written: in quotes where it holds a comma, a quote or a line break.
pub fn csv_field(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(text: &str) -> Vec<Vec<String>> {
        parse_csv(text, Path::new("a.csv"))
            .unwrap()
            .into_iter()
            .map(|record| record.fields)
            .collect()
    }

    #[test]
    fn quoting_and_line_ends() {
        let found = fields(
            "\u{feff}path,label\r\n\"a, b.tif\",\"say \"\"x\"\"\"\n\nc.tif,\"two\nlines\"\r\nd.tif,",
        );
        assert_eq!(
            found,
            [
                ["path", "label"],
                ["a, b.tif", "say \"x\""],
                ["c.tif", "two\nlines"],
                ["d.tif", ""]
            ]
        );
    }

    #[test]
    fn lines_are_counted_through_quoted_breaks() {
        let records = parse_csv("a\n\"x\ny\"\nb\n", Path::new("a.csv")).unwrap();
        assert_eq!(
            records.iter().map(|record| record.line).collect::<Vec<_>>(),
            [1, 2, 4]
        );
    }

    #[test]
    fn mistakes_name_file_and_line() {
        for (text, line) in [
            ("a\n\"x", 2),
            ("a\n\"x\"y\n", 2),
            ("a\nx\"y\n", 2),
            ("a,b\nc\n", 2),
        ] {
            let error = parse_csv(text, Path::new("a.csv")).unwrap_err().to_string();
            assert!(
                error.contains("a.csv") && error.contains(&format!("line {line}")),
                "{error}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 256,
            // The same cases on every run.
            rng_seed: proptest::test_runner::RngSeed::Fixed(20261123),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn what_is_written_is_read(table in prop::collection::vec(prop::collection::vec("[a,\"\n\r x]{0,6}", 3), 1..6)) {
            let text: String = table
                .iter()
                .map(|row| row.iter().map(|field| csv_field(field)).collect::<Vec<_>>().join(",") + "\n")
                .collect();
            prop_assert_eq!(fields(&text), table);
        }

        #[test]
        fn no_text_panics(text in "[a,\"\n\r]{0,40}") {
            let _ = parse_csv(&text, Path::new("a.csv"));
        }
    }
}
