//! GitHub-flavored Markdown.

use std::fmt::Write as _;

use crate::table::{Cell, Table};

/// Renders a table with its title as a bold line and its notes below.
pub fn markdown(table: &Table) -> String {
    markdown_excerpt(table, table.rows.len(), "")
}

/// The same with the first `n_rows` rows; `rest` says where the others are.
pub fn markdown_excerpt(table: &Table, n_rows: usize, rest: &str) -> String {
    let mut out = format!("**{}**\n\n", note(&table.title));
    let mut line = |cells: Vec<String>| {
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    };
    line(table.columns.iter().map(|c| escape(&c.header)).collect());
    let rule = |numeric| if numeric { "---:" } else { ":---" };
    line(
        table
            .columns
            .iter()
            .map(|c| rule(c.kind.is_numeric()).to_owned())
            .collect(),
    );
    for row in table.rows.iter().take(n_rows) {
        line(row.cells.iter().map(|c| cell(c, row.is_total)).collect());
    }
    if table.rows.len() > n_rows {
        let _ = write!(out, "\n{n_rows} of {} rows; {rest}\n", table.rows.len());
    }
    for text in &table.notes {
        let _ = write!(out, "\n{}\n", note(text));
    }
    out
}

fn cell(cell: &Cell, is_total: bool) -> String {
    if let Cell::Code(text) = cell {
        return code(text).replace('|', "\\|");
    }
    let (value, detail) = cell.shown();
    let value = match cell {
        Cell::Text(_) => escape(&value),
        _ => value,
    };
    let value = if is_total && !value.is_empty() {
        format!("**{value}**")
    } else {
        value
    };
    match detail {
        // Kept together, so that a narrow page does not tear intervals apart.
        Some(detail) => format!("{value} {}", detail.replace(", ", ",&nbsp;")),
        None => value,
    }
}

/// Text that shall stand as it is, on one line.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => out.extend(['\\', c]),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

/// A note: what stands in backticks is code, the rest is text.
pub(crate) fn note(text: &str) -> String {
    text.split('`')
        .enumerate()
        .map(|(i, part)| if i % 2 == 1 { code(part) } else { escape(part) })
        .collect()
}

/// An inline code span around any text.
fn code(text: &str) -> String {
    let text = one_line(text);
    if text.trim().is_empty() {
        return escape(&text);
    }
    let longest_run = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest_run + 1);
    // A span strips one space on both sides, which keeps backticks off the fence.
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn one_line(text: &str) -> String {
    let mut lines = text.split(['\n', '\r']).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |joined, line| joined + " " + line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_what_it_is() {
        let check = |text: &str, expected: &str| assert_eq!(escape(text), expected, "{text:?}");
        check("a|b", "a\\|b");
        check("two\r\nlines", "two lines");
        check("<b> & *x_y*", "&lt;b&gt; &amp; \\*x\\_y\\*");
    }

    #[test]
    fn code_stays_what_it_is() {
        let check = |text: &str, expected: &str| {
            assert_eq!(cell(&Cell::code(text), false), expected, "{text:?}");
        };
        check("a_b*c", "`a_b*c`");
        check("a|b", "`a\\|b`");
        check("a`b", "``a`b``");
        check("``x`", "``` ``x` ```");
        check("", "");
    }

    #[test]
    fn backticks_in_notes_mark_code() {
        assert_eq!(note("see `a_b` or x_y"), "see `a_b` or x\\_y");
    }
}
