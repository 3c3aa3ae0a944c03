//! What is printed and written, compared with files in `golden/`.
//!
//! `UPDATE_GOLDEN=1 cargo test --release -p reports` writes them anew; review the
//! difference as code.

use std::fs;
use std::path::Path;

use harness::metric::{Bootstrap, Metric, UnjudgedPolicy, compare, outcome_pairs, outcome_shifts};
use harness::verdict::Grader;
use reports::{
    Cell, ColumnKind, CompareInput, ComparedRun, ComparedSide, Table, render, tables,
    write_comparison, write_report,
};

use crate::fixture::{self, Shape};

fn check(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, actual).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "`{name}` differs; if that is right, run with UPDATE_GOLDEN=1\n--- expected\n{expected}\n--- \
         actual\n{actual}"
    );
}

fn check_all_formats(table: &Table) {
    let name = &table.name;
    check(&format!("{name}.md"), &render::markdown(table));
    check(&format!("{name}.tex"), &render::latex(table));
    check(&format!("{name}.csv"), &render::csv(table).unwrap());
    check(&format!("{name}.json"), &render::json(table).unwrap());
    let terminal = render::terminal(table, 80);
    for line in terminal.lines() {
        let width = line.chars().count();
        assert!(width <= 80, "{width} columns: {line}");
    }
    check(&format!("{name}.txt"), &terminal);
}

/// With unjudged candidates, one metric too many, and levels.
fn eventful() -> reports::ReportInput {
    let mut input = fixture::input(&Shape {
        ks: vec![1, 5, 10, 100],
        unjudged_every: Some(23),
        ..Shape::default()
    });
    input.judgings[0].tallies[3].candidates[0].tests_passed = None;
    input
}

#[test]
fn pass_at_k_in_all_formats() {
    let input = eventful();
    check_all_formats(&tables::pass_at_k_table(&input, &input.judgings[0]));
}

#[test]
fn excluded_candidates_show_the_worst_case_beside_the_value() {
    let mut input = fixture::input(&Shape {
        levels: vec![(None, 6)],
        ks: vec![1, 5],
        unjudged_every: Some(7),
        unjudged: UnjudgedPolicy::Excluded,
        ..Shape::default()
    });
    input.judgings.truncate(1);
    let table = tables::pass_at_k_table(&input, &input.judgings[0]);
    check("excluded.txt", &render::terminal(&table, 80));
}

#[test]
fn pass_at_k_without_levels_fits_one_line() {
    let mut input = fixture::input(&Shape {
        levels: vec![(None, 20)],
        ks: vec![1, 10],
        ..Shape::default()
    });
    input.judgings.truncate(1);
    let table = tables::pass_at_k_table(&input, &input.judgings[0]);
    check("no-levels.txt", &render::terminal(&table, 80));
}

#[test]
fn hostile_text_in_all_formats() {
    let mut table = Table::new("hostile", "50% of `a_b` & <c> | d")
        .column("name|with_pipe", ColumnKind::Text)
        .column("code", ColumnKind::Text)
        .column("n & m", ColumnKind::Count);
    let texts = [
        "a|b",
        "x_y & 100% #1 $2 {z} ~ ^ \\",
        "said \"hi\", left",
        "two\nlines",
        "[bracket] `tick` *star* <tag>",
        "日本語の名前 — ünïcödé",
        "",
        "a text that is much longer than a column of a terminal would like it to be, by far",
    ];
    for (i, text) in texts.iter().enumerate() {
        table.push(vec![Cell::text(text), Cell::code(text), Cell::count(i)]);
    }
    table.note("`under_score` & 5 % < 6");
    check_all_formats(&table);
}

#[test]
fn csv_reads_back() {
    let input = eventful();
    let table = tables::flips_table(input.flips.as_deref().unwrap());
    let text = render::csv(&table).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 15);
    assert!(rows.iter().all(|row| row.len() == 6));
    assert_eq!(
        &rows[0][5],
        input.flips.as_ref().unwrap()[0].detail.as_str()
    );
}

#[test]
fn report_page() {
    let folder = tempfile::tempdir().unwrap();
    let written = write_report(&eventful(), folder.path()).unwrap();
    assert!(written.last().unwrap().ends_with("README.md"));
    let page = fs::read_to_string(folder.path().join("README.md")).unwrap();
    check("report.md", &page);
    // Everything the page points at is there.
    let mut n_links = 0;
    for link in page
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
    {
        assert!(folder.path().join(link).is_file(), "{link}");
        n_links += 1;
    }
    assert!(n_links > 15, "{n_links} links");
}

fn comparison() -> CompareInput {
    let shape = Shape::default();
    let a = fixture::tallies(&shape, 0);
    let mut b = fixture::tallies(&shape, 9);
    let again = fixture::tallies(&shape, 12);
    b.remove(2);
    b[7].candidates.truncate(4);
    let metrics = [Metric::PassAtK(1), Metric::PassAtK(5)];
    let bootstrap = Bootstrap {
        n_resamples: 500,
        ..Bootstrap::default()
    };
    let run = |name: &str, seed: &str| ComparedRun {
        name: name.to_owned(),
        settings: vec![("seed".to_owned(), seed.to_owned())],
    };
    let side = |name: &str, runs| ComparedSide {
        name: name.to_owned(),
        runs,
    };
    let flips = fixture::flips();
    CompareInput {
        title: "before and after".to_owned(),
        a: side("runs/before", vec![run("before", "1")]),
        b: side("runs/after", vec![run("after-2", "2"), run("after-3", "3")]),
        grader: Grader::Strict,
        cautions: vec!["guests differ: `one` and `two`".to_owned()],
        comparison: compare(&[&a], &[&b, &again], &metrics, &bootstrap).unwrap(),
        shifts: outcome_shifts(&[&a], &[&b, &again], &bootstrap),
        pairs: Some(outcome_pairs(&a, &b)),
        flips: Some((flips[..7].to_vec(), flips)),
    }
}

#[test]
fn comparison_in_all_formats() {
    check_all_formats(&tables::compare_table(&comparison()));
}

#[test]
fn comparison_page() {
    let folder = tempfile::tempdir().unwrap();
    write_comparison(&comparison(), folder.path()).unwrap();
    let page = fs::read_to_string(folder.path().join("README.md")).unwrap();
    check("comparison.md", &page);
}
