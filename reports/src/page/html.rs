//! Words and tables as HTML. Everything that comes from outside goes through [`escape`].

use std::fmt::Write as _;

use crate::table::{Cell, Table};

/// Text that shall stand as it is, in an element or in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            // HTML has no way to write them, and a reader should see that they are there.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Words with code in backticks.
pub(super) fn inline(text: &str) -> String {
    let mut parts = text.split('`').enumerate();
    let mut out = String::new();
    for (index, part) in parts.by_ref() {
        if index % 2 == 1 {
            let _ = write!(out, "<code>{}</code>", escape(part));
        } else {
            out.push_str(&escape(part));
        }
    }
    out
}

/// Paragraphs, which empty lines part.
pub(super) fn paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").filter(|part| !part.trim().is_empty());
    paragraphs
        .map(|part| format!("<p>{}</p>\n", inline(part.trim())))
        .collect()
}

/// A table with at most `n_rows` rows, and its notes below. `id` is unique within the page.
pub(super) fn table(table: &Table, id: &str, n_rows: usize) -> String {
    let mut out = String::new();
    // A region that can be reached by keyboard, since it may have to be scrolled.
    let _ = write!(
        out,
        "<div class=\"table\"><div class=\"scroll\" role=\"region\" tabindex=\"0\" \
         aria-labelledby=\"{id}\"><table><caption id=\"{id}\">{}</caption>\n<thead><tr>",
        inline(&table.title)
    );
    for column in &table.columns {
        let _ = write!(
            out,
            "<th scope=\"col\"{}>{}</th>",
            numeric(column.kind.is_numeric()),
            escape(&column.header)
        );
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in table.rows.iter().take(n_rows) {
        out.push_str(if row.is_total {
            "<tr class=\"total\">"
        } else {
            "<tr>"
        });
        for (index, (cell, column)) in row.cells.iter().zip(&table.columns).enumerate() {
            let (open, close) = match index {
                0 => ("th scope=\"row\"", "th"),
                _ => ("td", "td"),
            };
            let _ = write!(
                out,
                "<{open}{}>{}</{close}>",
                numeric(column.kind.is_numeric()),
                content(cell)
            );
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    if table.rows.len() > n_rows {
        let _ = writeln!(
            out,
            "<p class=\"note\">{n_rows} of {} rows; all of them are in \
             <code>tables/{}.csv</code>.</p>",
            table.rows.len(),
            escape(&table.name)
        );
    }
    for note in &table.notes {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", inline(note));
    }
    out.push_str("</div>\n");
    out
}

fn numeric(is_numeric: bool) -> &'static str {
    if is_numeric { " class=\"number\"" } else { "" }
}

fn content(cell: &Cell) -> String {
    let (value, detail) = cell.shown();
    let value = escape(&value);
    match (cell, detail) {
        (Cell::Code(_), _) => format!("<code>{value}</code>"),
        (_, Some(detail)) => format!("{value} <small>{}</small>", escape(&detail)),
        (_, None) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out() {
        assert_eq!(
            inline("</p><script>\"x\" & `<b>`\u{1b}[0m"),
            "&lt;/p&gt;&lt;script&gt;&quot;x&quot; &amp; <code>&lt;b&gt;</code>\u{fffd}[0m"
        );
        assert_eq!(
            paragraphs("a\n\n\n\nb `c`"),
            "<p>a</p>\n<p>b <code>c</code></p>\n"
        );
    }
}
