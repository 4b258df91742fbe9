//! The report as a whole, and its files.

use std::path::{Path, PathBuf};

use super::{ExampleSet, Figure, Picture, ResultTable, figures, html, markdown, tables};
use crate::EvalError;
use crate::record::{RunRecord, write_atomically};
use crate::svg::Theme;

/// What a report says besides its records.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Title.
    pub title: String,
    /// Paragraphs of plain text under the title.
    pub introduction: Vec<String>,
    /// The row that others are compared with where their record names none.
    pub baseline: String,
    /// Example images.
    pub examples: Vec<ExampleSet>,
    /// Pictures shown under their experiments.
    pub pictures: Vec<Picture>,
}

/// The files of a written report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFiles {
    /// `report.md`.
    pub markdown: PathBuf,
    /// `report.html`, self-contained.
    pub html: PathBuf,
    /// `figures/*.svg`, to which the Markdown links.
    pub figures: Vec<PathBuf>,
}

impl Report {
    /// A report without introduction, examples and pictures, compared with the row `frozen`.
    pub fn new(title: &str) -> Self {
        Self {
            title: title.into(),
            introduction: Vec::new(),
            baseline: "frozen".into(),
            examples: Vec::new(),
            pictures: Vec::new(),
        }
    }

    /// The tables of `records`.
    ///
    /// # Errors
    /// When a record contradicts itself, or two records are the same row.
    pub fn tables(&self, records: &[RunRecord]) -> Result<Vec<ResultTable>, EvalError> {
        tables(records, &self.baseline)
    }

    /// The report as Markdown; figures are linked as `figures/<name>.svg`.
    ///
    /// # Errors
    /// As [`tables`](Self::tables).
    pub fn markdown(&self, records: &[RunRecord]) -> Result<String, EvalError> {
        let tables = self.tables(records)?;
        let mut out = format!("# {}\n", markdown::escape(&self.title));
        for paragraph in &self.introduction {
            out.push_str(&format!("\n{}\n", markdown::escape(paragraph)));
        }
        if tables.len() > 1 {
            out.push_str(&format!(
                "\n## At a glance\n\n{}",
                markdown::overview(&tables)
            ));
        }
        for table in &tables {
            out.push_str(&format!(
                "\n## {}\n\n{}",
                markdown::escape(&table.title),
                table.markdown()
            ));
            for figure in main_figures(table, records) {
                out.push_str(&format!(
                    "\n![{}](figures/{}.svg)\n",
                    markdown::escape(&figure.alt),
                    figure.name
                ));
            }
        }
        Ok(out)
    }

    /// The report as one HTML page that needs nothing else: no script, no font, no network.
    ///
    /// # Errors
    /// As [`tables`](Self::tables), and when an example image is not a PNG file.
    pub fn html(&self, records: &[RunRecord]) -> Result<String, EvalError> {
        html::page(self, &self.tables(records)?, records)
    }

    /// Every figure as a document of its own.
    ///
    /// # Errors
    /// As [`tables`](Self::tables).
    pub fn figures(&self, records: &[RunRecord]) -> Result<Vec<Figure>, EvalError> {
        let mut all = Vec::new();
        for table in &self.tables(records)? {
            all.extend(main_figures(table, records));
            all.extend(
                figures::confusions(table, records, Theme::Standalone)
                    .into_iter()
                    .map(|(_, figure)| figure),
            );
            all.extend(figures::reliabilities(table, records, Theme::Standalone));
        }
        Ok(all)
    }

    /// Writes `report.md`, `report.html` and `figures/*.svg` into `folder`; each file appears whole or not at all.
    ///
    /// # Errors
    /// As [`html`](Self::html), and when a file cannot be written.
    pub fn write(&self, records: &[RunRecord], folder: &Path) -> Result<ReportFiles, EvalError> {
        // Everything is rendered before anything is written.
        let (text, page, drawn) = (
            self.markdown(records)?,
            self.html(records)?,
            self.figures(records)?,
        );
        let files = ReportFiles {
            markdown: folder.join("report.md"),
            html: folder.join("report.html"),
            figures: drawn
                .iter()
                .map(|f| folder.join("figures").join(format!("{}.svg", f.name)))
                .collect(),
        };
        for (path, figure) in files.figures.iter().zip(&drawn) {
            write_atomically(path, figure.svg.as_bytes())?;
        }
        write_atomically(&files.html, page.as_bytes())?;
        write_atomically(&files.markdown, text.as_bytes())?;
        Ok(files)
    }
}

/// The figures that the Markdown shows: parameters, differences, curves.
fn main_figures(table: &ResultTable, records: &[RunRecord]) -> Vec<Figure> {
    let theme = Theme::Standalone;
    figures::parameters(table, records, theme)
        .into_iter()
        .chain(figures::differences(table, theme))
        .chain(figures::curves(table, records, theme))
        .collect()
}
