//! The file: head, static parts, index, script, and behind them the chunks of the problems, so
//! that the list can be used while a browser still reads the rest.
//!
//! Nothing is loaded from anywhere, and the policy in the head forbids it: only the style and
//! the script that this program wrote are allowed, by their hashes.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::html::{escape, inline, paragraphs, table};
use super::model::{Block, Page, Section};
use super::problems::{Index, OpenRun, check_labels, write_chunks};
use crate::error::ReportError;
use crate::plot::{Plot, training_plot};
use crate::table::Table;

const STYLE: &str = include_str!("assets/page.css");
/// One scope; each file holds one idea and uses those above it.
const SCRIPT: &str = concat!(
    "\"use strict\";\n(() => {\n",
    include_str!("assets/dom.js"),
    include_str!("assets/data.js"),
    include_str!("assets/diff.js"),
    include_str!("assets/code.js"),
    include_str!("assets/critic.js"),
    include_str!("assets/candidate.js"),
    include_str!("assets/problem.js"),
    include_str!("assets/list.js"),
    include_str!("assets/main.js"),
    "})();\n",
);

/// Rows of a table that the page shows.
const MOST_ROWS: usize = 100;
/// The same of the numbers of a plot.
const MOST_DATA_ROWS: usize = 60;

/// Writes `page` into one file, whole or not at all.
///
/// # Errors
/// When a run cannot be read or the file cannot be written, naming it.
pub fn write_page(page: &Page, path: &Path) -> Result<(), ReportError> {
    check_labels(&page.runs)?;
    let mut runs = page
        .runs
        .iter()
        .map(OpenRun::open)
        .collect::<Result<Vec<_>, _>>()?;
    let beside = |extension: &str| -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(extension);
        name.into()
    };
    // The index stands before the chunks, and is known behind them.
    let (chunks, whole) = (beside(".chunks.tmp"), beside(".tmp"));
    let written = write_parts(page, &mut runs, &chunks, &whole)
        .and_then(|()| fs::rename(&whole, path).map_err(cannot_write(path)));
    // Best effort; what matters is the first error.
    let _ = fs::remove_file(&chunks);
    if written.is_err() {
        let _ = fs::remove_file(&whole);
    }
    written
}

fn cannot_write(path: &Path) -> impl Fn(io::Error) -> ReportError {
    let path = path.to_owned();
    move |source| ReportError::Write {
        path: path.clone(),
        source,
    }
}

fn write_parts(
    page: &Page,
    runs: &mut [OpenRun<'_>],
    chunks: &Path,
    whole: &Path,
) -> Result<(), ReportError> {
    let failed = cannot_write(chunks);
    let mut out = BufWriter::new(File::create(chunks).map_err(&failed)?);
    let index = write_chunks(runs, &mut out, &failed)?;
    out.flush().map_err(&failed)?;
    let head = head(page, &index)?;
    let copy = || -> io::Result<()> {
        let mut out = BufWriter::new(File::create(whole)?);
        out.write_all(head.as_bytes())?;
        io::copy(&mut BufReader::new(File::open(chunks)?), &mut out)?;
        out.write_all(b"</body>\n</html>\n")?;
        out.into_inner().map_err(|error| error.into_error())?;
        Ok(())
    };
    copy().map_err(cannot_write(whole))
}

/// Everything before the chunks.
fn head(page: &Page, index: &Index) -> Result<String, ReportError> {
    let mut html = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n");
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash_source(STYLE),
        hash_source(SCRIPT)
    );
    let title = escape(&page.title);
    let _ = write!(
        html,
        "<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to content</a>\n"
    );
    let has_runs = !page.runs.is_empty();
    html.push_str(&navigation(page, has_runs));
    let _ = write!(
        html,
        "<main id=\"main\" tabindex=\"-1\">\n<div id=\"overview\">\n<header>\n<h1>{title}</h1>\n"
    );
    if !page.subtitle.is_empty() {
        let _ = writeln!(html, "<p class=\"subtitle\">{}</p>", inline(&page.subtitle));
    }
    html.push_str("</header>\n");
    for section in &page.sections {
        html.push_str(&self::section(page, section)?);
    }
    if has_runs {
        html.push_str(PROBLEMS);
    }
    html.push_str(&facts(&page.facts));
    html.push_str("</div>\n<div id=\"problem\" hidden></div>\n</main>\n");
    let index = serde_json::to_string(index)
        .map_err(|error| ReportError::Page(error.to_string()))?
        // So that no text in it can end the element.
        .replace('<', "\\u003c");
    let _ = write!(
        html,
        "<script type=\"application/json\" id=\"index\">{index}</script>\n\
         <script>{SCRIPT}</script>\n"
    );
    Ok(html)
}

/// The script fills it.
const PROBLEMS: &str = "<section id=\"problems\" aria-labelledby=\"problems-title\">\n\
     <h2 id=\"problems-title\">Problems</h2>\n<div id=\"list\"></div>\n\
     <noscript><p>The list of problems needs JavaScript; everything above does without.</p>\
     </noscript>\n</section>\n";

fn hash_source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

fn navigation(page: &Page, has_runs: bool) -> String {
    let sections = page.sections.iter();
    let mut links: Vec<(&str, &str)> = sections.map(|it| (&*it.id, &*it.title)).collect();
    if has_runs {
        links.push(("problems", "Problems"));
    }
    if !page.facts.is_empty() {
        links.push(("provenance", "Provenance"));
    }
    let mut html = String::from("<nav aria-label=\"Sections\">\n<ul>\n");
    for (id, title) in links {
        let _ = writeln!(
            html,
            "<li><a href=\"#{}\">{}</a></li>",
            escape(id),
            inline(title)
        );
    }
    // The script takes the attribute away: without it the button would do nothing.
    html.push_str("</ul>\n<button type=\"button\" id=\"theme\" hidden></button>\n</nav>\n");
    html
}

fn section(page: &Page, section: &Section) -> Result<String, ReportError> {
    let id = escape(&section.id);
    let mut html = format!(
        "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{}</h2>\n\
         <div class=\"blocks\">\n",
        inline(&section.title)
    );
    for (position, block) in section.blocks.iter().enumerate() {
        let id = format!("{id}-{position}");
        match block {
            Block::Text(text) => html.push_str(&paragraphs(text)),
            Block::Table(shown) => html.push_str(&table(shown, &id, MOST_ROWS)),
            Block::Figure { plot, caption } => html.push_str(&figure(plot, caption, &id)),
            Block::Curves(curves) => match training_plot(&id, &page.title, curves)? {
                Some(plot) => html.push_str(&figure(&plot, "", &id)),
                None => html.push_str("<p>There are no learning curves.</p>\n"),
            },
        }
    }
    html.push_str("</div>\n</section>\n");
    Ok(html)
}

fn figure(plot: &Plot, caption: &str, id: &str) -> String {
    // An SVG of its own is named by its text; this one by what the plot says that it shows.
    let svg = plot.svg.find("<svg").map_or("", |at| &plot.svg[at..]);
    let svg = svg.replacen(
        "<svg",
        &format!("<svg role=\"img\" aria-label=\"{}\"", escape(&plot.alt)),
        1,
    );
    let data = Table {
        rows: plot
            .data
            .rows
            .iter()
            .take(MOST_DATA_ROWS)
            .cloned()
            .collect(),
        ..plot.data.clone()
    };
    let left_out = match plot.data.rows.len() - data.rows.len() {
        0 => String::new(),
        n => format!("<p class=\"note\">{n} more rows are in the file of this plot's data.</p>"),
    };
    let caption = match caption {
        "" => String::new(),
        caption => format!("<figcaption>{}</figcaption>\n", inline(caption)),
    };
    format!(
        "<figure>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">{svg}\
         </div>\n{caption}<details><summary>Numbers of this plot</summary>\n{}{left_out}\
         </details>\n</figure>\n",
        escape(&plot.alt),
        table(&data, &format!("{id}-data"), MOST_DATA_ROWS)
    )
}

fn facts(facts: &[(String, String)]) -> String {
    if facts.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<section id=\"provenance\" aria-labelledby=\"provenance-title\">\n\
         <h2 id=\"provenance-title\">Settings and provenance</h2>\n<dl class=\"facts\">\n",
    );
    for (name, value) in facts {
        let _ = writeln!(html, "<dt>{}</dt><dd>{}</dd>", escape(name), inline(value));
    }
    html.push_str("</dl>\n</section>\n");
    html
}
