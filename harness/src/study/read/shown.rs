//! The tables and figures that a study asks for.

use super::super::document::Section;
use super::super::types::{Figure, FigureKind, FigureSeries, Setting, Study, TableChoice};
use super::{check_datasets, check_name, check_row, check_rows, setting};
use crate::error::Error;
use crate::metric::Metric;

fn all_rows() -> Vec<String> {
    vec!["*".to_owned()]
}

pub(super) fn tables(study: &Study, root: &mut Section<'_>) -> Result<Vec<TableChoice>, Error> {
    let sections = root.table_list("tables")?;
    let mut tables = Vec::new();
    for mut section in sections {
        let line = section.line;
        let name = required(&mut section, "name")?;
        let table = TableChoice {
            title: section.text("title")?.unwrap_or_else(|| name.clone()),
            rows: section.parsed_list("rows")?.unwrap_or_else(all_rows),
            control: section.text("control")?.or_else(|| study.control.clone()),
            datasets: section.parsed_list("datasets")?.unwrap_or_default(),
            paper: section.text("paper")?,
            paper_rows: match section.take("paper-rows") {
                None => Vec::new(),
                Some(entry) => match setting(&section, entry)? {
                    Setting::Pairs(pairs) => pairs,
                    _ => {
                        let detail = "should be a table: a row of ours = a row of the paper's";
                        return Err(section.refused(line, "tables.paper-rows", detail.to_owned()));
                    }
                },
            },
            name,
            line,
        };
        section.finish()?;
        check_rows(study, line, "tables.rows", &table.rows)?;
        check_datasets(study, line, "tables.datasets", &table.datasets)?;
        for (row, _) in &table.paper_rows {
            check_row(study, line, "tables.paper-rows", row)?;
        }
        if let Some(control) = &table.control {
            check_row(study, line, "tables.control", control)?;
        }
        if table.paper.is_none() && !table.paper_rows.is_empty() {
            let detail = "needs `paper`, the table of the paper, such as `Table 2`".to_owned();
            return Err(study.files.refused(line, "tables.paper-rows", detail));
        }
        tables.push(table);
    }
    if tables.is_empty() {
        tables.push(TableChoice {
            name: "results".to_owned(),
            title: "Results".to_owned(),
            rows: all_rows(),
            control: study.control.clone(),
            datasets: Vec::new(),
            paper: None,
            paper_rows: Vec::new(),
            line: 1,
        });
    }
    Ok(tables)
}

fn required(section: &mut Section<'_>, key: &'static str) -> Result<String, Error> {
    let line = section.line;
    match section.text(key)? {
        Some(text) => Ok(text),
        None => Err(section.refused(line, &section.key(key), "is missing".to_owned())),
    }
}

pub(super) fn figures(study: &Study, root: &mut Section<'_>) -> Result<Vec<Figure>, Error> {
    let sections = root.table_list("figures")?;
    let mut figures = Vec::new();
    for section in sections {
        figures.push(figure(study, section)?);
    }
    if figures.is_empty() {
        let figure = |name: &str, title: &str, kind| Figure {
            name: name.to_owned(),
            title: title.to_owned(),
            kind,
            datasets: Vec::new(),
            paper: None,
            line: 1,
        };
        let over_k = FigureKind::OverK {
            rows: all_rows(),
            submissions: None,
        };
        figures.push(figure("pass-at-k", "pass@k over k", over_k));
        let outcomes = FigureKind::Outcomes { rows: all_rows() };
        figures.push(figure("outcomes", "Outcomes of candidates", outcomes));
    }
    Ok(figures)
}

const KINDS: [&str; 5] = ["pass-at-k", "n-at-k", "over-rows", "outcomes", "stage"];

fn figure(study: &Study, mut section: Section<'_>) -> Result<Figure, Error> {
    let files = &study.files;
    let line = section.line;
    let name = required(&mut section, "name")?;
    let kind = required(&mut section, "kind")?;
    check_name(
        (files, line, "figures.kind"),
        "figure of kind",
        &kind,
        KINDS.into_iter(),
    )?;
    let rows = |section: &mut Section<'_>| -> Result<Vec<String>, Error> {
        let rows = section.parsed_list("rows")?.unwrap_or_else(all_rows);
        check_rows(study, line, "figures.rows", &rows)?;
        Ok(rows)
    };
    let kind = match kind.as_str() {
        "pass-at-k" => FigureKind::OverK {
            rows: rows(&mut section)?,
            submissions: None,
        },
        "n-at-k" => FigureKind::OverK {
            rows: rows(&mut section)?,
            submissions: Some(section.parsed("n")?.unwrap_or(1)),
        },
        "outcomes" => FigureKind::Outcomes {
            rows: rows(&mut section)?,
        },
        "stage" => {
            let stage = required(&mut section, "stage")?;
            let names = study.stages.iter().map(|it| it.name.as_str());
            check_name((files, line, "figures.stage"), "stage", &stage, names)?;
            FigureKind::Stage { stage }
        }
        _ => {
            let k = section.parsed("k")?.unwrap_or(1);
            let axis = section.text("axis")?.unwrap_or_default();
            let mut series = Vec::new();
            for mut one in section.table_list("series")? {
                let line = one.line;
                let rows: Vec<String> = one.parsed_list("rows")?.unwrap_or_default();
                check_rows(study, line, "figures.series.rows", &rows)?;
                let rows: Vec<String> = study
                    .rows_matching(&rows)
                    .into_iter()
                    .map(|row| row.name)
                    .collect();
                let at: Vec<f64> = one.parsed_list("at")?.unwrap_or_default();
                if at.len() != rows.len() || rows.is_empty() {
                    let detail = format!(
                        "has {} numbers for {} rows; every row needs one",
                        at.len(),
                        rows.len()
                    );
                    return Err(files.refused(line, "figures.series.at", detail));
                }
                let title = one.text("title")?.unwrap_or_default();
                one.finish()?;
                series.push(FigureSeries { title, rows, at });
            }
            FigureKind::OverRows {
                metric: Metric::PassAtK(k),
                axis,
                series,
            }
        }
    };
    let figure = Figure {
        title: section.text("title")?.unwrap_or_else(|| name.clone()),
        datasets: section.parsed_list("datasets")?.unwrap_or_default(),
        paper: section.text("paper")?,
        kind,
        name,
        line,
    };
    section.finish()?;
    check_datasets(study, line, "figures.datasets", &figure.datasets)?;
    Ok(figure)
}
