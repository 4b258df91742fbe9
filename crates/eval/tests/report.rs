//! The report: what stands in it, that it is whole, and that no text in a record can break it.

mod common;

use eval::EvalError;
use eval::record::{DataKind, RunRecord};
use eval::report::{ExampleImage, ExampleSet, Report, ResultTable};

fn small(method: usize, seeds: u64) -> RunRecord {
    common::record(
        "experiment",
        DataKind::Real,
        method,
        seeds,
        &common::CLASSES[..3],
        30,
    )
}

fn one(records: &[RunRecord]) -> ResultTable {
    Report::new("t").tables(records).unwrap().remove(0)
}

fn column<'a>(table: &'a ResultTable, title: &str) -> Vec<&'a str> {
    let at = table
        .columns
        .iter()
        .position(|c| c.title.starts_with(title))
        .unwrap_or_else(|| panic!("no column {title}"));
    table
        .rows
        .iter()
        .map(|row| row.cells[at].text.as_str())
        .collect()
}

/// Every opened element is closed in order; void elements and self-closing ones aside.
fn assert_balanced(html: &str) {
    const VOID: [&str; 4] = ["meta", "link", "img", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    for tag in html.split('<').skip(1) {
        let (inside, _) = tag
            .split_once('>')
            .unwrap_or_else(|| panic!("`<` without `>`: {tag:.60}"));
        let name = inside
            .split([' ', '\n', '/'])
            .find(|part| !part.is_empty())
            .unwrap();
        if inside.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closing {name}");
        } else if !inside.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} left open");
}

#[test]
fn a_table_says_what_the_records_say() {
    let records = common::records();
    let tables = Report::new("t").tables(&records).unwrap();
    assert_eq!(
        tables.iter().map(|t| t.rows.len()).collect::<Vec<_>>(),
        [8, 6, 3]
    );
    let large = &tables[0];
    assert_eq!(column(large, "method")[4], "LoRA r 8, all linear maps");
    assert_eq!(column(large, "trained parameters")[4], "196,608");
    assert_eq!(column(large, "% of backbone")[..3], ["0", "0.18", "0.48"]);
    assert_eq!(column(large, "s/epoch")[0], "\u{2013}");
    assert_eq!(column(large, "\u{394} to frozen")[0], "\u{2013}");
    assert!(large.rows[0].is_baseline && large.rows[0].difference.is_none());
    let mean = |row: &str| {
        let record = records.iter().find(|r| r.label() == row).unwrap();
        record.values("accuracy").iter().sum::<f64>() / record.results.len() as f64
    };
    let d = large.rows[4].difference.as_ref().unwrap();
    assert!((d.mean - (mean("demo-large/lora-r8") - mean("demo-large/frozen"))).abs() < 1e-12);
    assert_eq!(large.best().unwrap().method, "LoRA r 8, all linear maps");
    assert!(
        large.columns.iter().all(|c| !c.title.contains("paper")),
        "no paper value, no column"
    );
    // Five of eight seeds: said so in the row and below the table, and paired over five.
    let small = &tables[1];
    assert_eq!(column(small, "seeds")[5], "5 of 8");
    assert_eq!(small.rows[5].difference.as_ref().unwrap().n, 5);
    let notes = small.notes.join("\n");
    for expected in [
        "one image is 1.9 points",
        "Not all seeds have finished: LoRA r 16",
        "were not committed",
        "Nadeau",
    ] {
        assert!(notes.contains(expected), "{expected} in {notes}");
    }
    let synthetic = &tables[2];
    assert!(synthetic.notes[0].contains("synthetic scenes"));
    assert_eq!(column(synthetic, "paper")[2], "80.0 ± 1.0");
    assert_eq!(column(synthetic, "ours")[0], "\u{2013}");
}

#[test]
fn rows_are_ordered_grouped_and_compared_as_asked() {
    let mut records = vec![small(4, 2), small(0, 2), small(1, 2)];
    records[0].experiment.order = None;
    records[0].experiment.baseline = Some("norm".into());
    let table = one(&records);
    assert_eq!(
        column(&table, "method"),
        [
            "frozen (linear probe)",
            "norm tuning",
            "LoRA r 8, all linear maps"
        ]
    );
    assert_eq!(
        table
            .rows
            .iter()
            .map(|row| row.is_baseline)
            .collect::<Vec<_>>(),
        [true, true, false]
    );
    assert!(
        table
            .columns
            .iter()
            .any(|c| c.title.starts_with("\u{394} to its baseline"))
    );
    // A different split is not a pair, whatever the seed.
    for result in &mut records[2].results {
        result.split_hash = Some("another".into());
    }
    assert!(one(&records).rows[1].difference.is_none());
    records.push(records[0].clone());
    assert!(matches!(
        Report::new("t").tables(&records),
        Err(EvalError::Duplicate { .. })
    ));
    // Mixed kinds of data are said row by row.
    let mut mixed = vec![small(0, 2), small(1, 2)];
    mixed[1].experiment.data = DataKind::Synthetic;
    assert_eq!(
        column(&one(&mixed), "data"),
        ["real data", "synthetic scenes"]
    );
}

#[test]
fn what_is_absent_is_a_dash_or_no_column() {
    let mut record = small(2, 1);
    record.parameters = Default::default();
    record.cost = Default::default();
    for result in &mut record.results {
        *result = eval::record::SeedResult {
            seed: result.seed,
            ..Default::default()
        };
    }
    record.summarise();
    let report = Report::new("t");
    let records = [record];
    let table = one(&records);
    assert_eq!(
        table
            .columns
            .iter()
            .map(|c| c.title.as_str())
            .collect::<Vec<_>>(),
        ["method", "seeds"]
    );
    assert!(table.rows[0].score.is_none() && table.best().is_none());
    assert_balanced(&report.html(&records).unwrap());
    assert!(report.figures(&records).unwrap().is_empty());
    let empty = report.html(&[]).unwrap();
    assert!(empty.contains("no run records"));
    assert_balanced(&empty);
    // One seed: a mean without spread, a difference without interval.
    let single = [small(0, 1), small(4, 1)];
    let table = one(&single);
    assert!(
        column(&table, "accuracy")
            .iter()
            .all(|text| !text.contains('±'))
    );
    assert!(
        column(&table, "\u{394}")
            .iter()
            .all(|text| !text.contains('['))
    );
    assert!(table.notes.join(" ").contains("one pair has no interval"));
}

#[test]
fn arithmetic_is_a_column_where_it_was_counted() {
    let mut records = vec![small(0, 2), small(1, 2)];
    let without = one(&records);
    assert!(without.columns.iter().all(|c| c.title != "GFLOPs"));
    records[1].cost.forward_flops = Some(512_300_000);
    let table = one(&records);
    assert_eq!(column(&table, "GFLOPs"), ["–", "0.512"]);
    assert!(table.notes.iter().any(|note| note.starts_with("GFLOPs:")));
}

#[test]
fn the_page_is_whole_and_needs_nothing_else() {
    let records = common::records();
    let html = common::report().html(&records).unwrap();
    assert_balanced(&html);
    for forbidden in ["<script", "javascript:", "NaN", "inf\"", "@import", "url("] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    // The only addresses are those of the SVG namespace.
    assert_eq!(
        html.matches("http").count(),
        html.matches("http://www.w3.org/2000/svg").count() + html.matches("http-equiv").count()
    );
    assert!(html.contains("data:image/png;base64,iVBORw0KGgo"));
    assert!(html.contains("prefers-color-scheme:dark") && html.contains("Content-Security-Policy"));
    assert!(html.matches("role=\"img\" aria-label=").count() >= 30);
    assert!(html.contains("synthetic scenes") && html.contains("resolved configuration"));
    let markdown = common::report().markdown(&records).unwrap();
    for line in markdown.lines().filter(|line| line.starts_with('|')) {
        assert!(line.ends_with('|'));
    }
    assert!(markdown.contains("](figures/demo-large-parameters.svg)"));
}

#[test]
fn no_text_breaks_out() {
    let evil = "<script>alert(1)</script> | **x** \"'&\u{0} \n# `y`";
    let mut record = small(4, 2);
    record.experiment.method = evil.into();
    record.experiment.title = evil.into();
    record.experiment.protocol = evil.into();
    record.compute.backend = evil.into();
    record.config = serde_json::json!({ "text": evil });
    record.id = record.computed_id();
    for result in &mut record.results {
        let classes: Vec<String> = [evil, "b", "c"].map(String::from).to_vec();
        let counts = vec![vec![1, 0, 0], vec![0, 1, 0], vec![0, 0, 1]];
        let matrix = eval::metric::ConfusionMatrix::from_counts(&classes, &counts).unwrap();
        result.per_class = Some(matrix.per_class());
        result.confusion = Some(matrix);
    }
    let mut report = Report::new(evil);
    report.introduction = vec![evil.into()];
    report.examples = vec![ExampleSet {
        experiment: "experiment".into(),
        caption: evil.into(),
        images: vec![ExampleImage {
            png: common::png(2, |_, _| [0, 0, 0]),
            id: evil.into(),
            truth: evil.into(),
            ..Default::default()
        }],
    }];
    let records = [record, small(0, 2)];
    let html = report.html(&records).unwrap();
    assert!(!html.contains("<script") && !html.contains('\u{0}'));
    assert_balanced(&html);
    for figure in report.figures(&records).unwrap() {
        assert_balanced(&figure.svg);
        assert!(
            !figure.svg.contains("<script") && !figure.svg.contains("var("),
            "{}",
            figure.name
        );
    }
    let markdown = report.markdown(&records).unwrap();
    assert!(!markdown.contains("<script"));
    let bars = |line: &str| line.replace("\\|", "").matches('|').count();
    let table: Vec<usize> = markdown
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(bars)
        .collect();
    assert!(
        table.windows(2).all(|pair| pair[0] == pair[1]),
        "{markdown}"
    );
}

#[test]
fn an_image_that_is_no_png_is_refused() {
    let mut report = Report::new("t");
    let image = |png: Vec<u8>| ExampleImage {
        png,
        id: "tile 7".into(),
        ..Default::default()
    };
    let whole = common::png(4, |x, y| [x as u8, y as u8, 0]);
    for bad in [
        Vec::new(),
        b"GIF89a".to_vec(),
        whole[..18].to_vec(),
        vec![0; 5 << 20],
    ] {
        report.examples = vec![ExampleSet {
            experiment: "experiment".into(),
            caption: String::new(),
            images: vec![image(bad)],
        }];
        let error = report.html(&[small(0, 1)]).unwrap_err().to_string();
        assert!(error.contains("tile 7") && error.contains("PNG"), "{error}");
    }
}

#[test]
fn files_are_written_under_names_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = vec![small(0, 2), small(1, 2)];
    // Two experiments whose names differ only in characters that file names do not carry.
    for name in ["a b", "a/b"] {
        for method in 0..2 {
            let mut record = small(method, 2);
            record.experiment.name = name.into();
            record.id = record.computed_id();
            records.push(record);
        }
    }
    let files = Report::new("t").write(&records, folder.path()).unwrap();
    let mut names = files.figures.clone();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), files.figures.len());
    for path in files.figures.iter().chain([&files.html, &files.markdown]) {
        assert!(
            path.starts_with(folder.path()) && path.metadata().unwrap().len() > 100,
            "{}",
            path.display()
        );
    }
    let markdown = std::fs::read_to_string(&files.markdown).unwrap();
    for link in markdown.split("](figures/").skip(1) {
        let name = link.split(')').next().unwrap();
        assert!(folder.path().join("figures").join(name).is_file(), "{name}");
    }
    // A folder that cannot be written: an error, no panic.
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert!(
        Report::new("t")
            .write(&records, &folder.path().join("file"))
            .is_err()
    );
}

#[test]
fn pixels_are_not_called_images() {
    use eval::metric::PixelCounts;
    let mut row = small(0, 2);
    let classes: Vec<String> = ["dry", "wet"].map(String::from).to_vec();
    for result in &mut row.results {
        let mut counts = PixelCounts::new(&classes).unwrap();
        counts.add(&[0, 1, 1, -1], &[0, 1, 0, 1]).unwrap();
        let evaluation = counts.evaluate();
        result.metrics = evaluation.metrics;
        result.per_class = Some(evaluation.per_class);
        result.confusion = Some(evaluation.confusion);
        result.reliability = None;
        result.n_test = Some(7);
    }
    row.experiment.metrics = vec!["miou".into(), "iou_wet".into()];
    row.summarise();
    assert!(row.has_pixels());
    let table = one(std::slice::from_ref(&row));
    let text = table.markdown();
    assert!(
        text.contains("IoU wet") && text.contains("pixels of 7 test images"),
        "{text}"
    );
    assert!(!text.contains("one image is"));
    let folder = tempfile::tempdir().unwrap();
    let files = Report::new("t").write(&[row], folder.path()).unwrap();
    let page = std::fs::read_to_string(files.html).unwrap();
    assert!(page.contains("IoU per class") && page.contains("test pixels"));
    assert!(!small(0, 2).has_pixels());
}
