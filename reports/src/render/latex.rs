//! LaTeX with `booktabs`: a complete `table` environment.
//!
//! Needs `\usepackage{booktabs}` and, for names outside ASCII, a Unicode engine or font.

use std::fmt::Write as _;

use crate::table::{Cell, Table};

/// Renders a table as a float with caption, label and notes.
pub fn latex(table: &Table) -> String {
    let columns: String = table
        .columns
        .iter()
        .map(|column| if column.kind.is_numeric() { 'r' } else { 'l' })
        .collect();
    let mut out = format!(
        "% Needs \\usepackage{{booktabs}}.\n\\begin{{table}}[tb]\n  \\centering\n  \\{}\n  \
         \\caption{{{}}}\n  \\label{{tab:{}}}\n  \\begin{{tabular}}{{{columns}}}\n    \\toprule\n",
        // Eight columns of four metrics just fit between usual margins.
        if table.columns.len() > 6 {
            "footnotesize\\setlength{\\tabcolsep}{2.5pt}"
        } else {
            "small\\setlength{\\tabcolsep}{4pt}"
        },
        note(&table.title),
        // Labels are no text: an escaped character would become part of the name.
        table
            .name
            .replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "-"),
    );
    let mut line = |cells: Vec<String>| {
        let _ = writeln!(out, "    {} \\\\", cells.join(" & "));
    };
    line(table.columns.iter().map(|c| escape(&c.header)).collect());
    let _ = writeln!(out, "    \\midrule");
    for (i, row) in table.rows.iter().enumerate() {
        if row.is_total && i > 0 {
            let _ = writeln!(out, "    \\midrule");
        }
        let cells: Vec<String> = row.cells.iter().map(cell).collect();
        let _ = writeln!(out, "    {} \\\\", cells.join(" & "));
    }
    let _ = writeln!(out, "    \\bottomrule\n  \\end{{tabular}}");
    if !table.notes.is_empty() {
        let notes: Vec<String> = table.notes.iter().map(|text| note(text)).collect();
        let _ = writeln!(
            out,
            "\n  \\smallskip\n  \\parbox{{\\linewidth}}{{\\footnotesize {}}}",
            notes.join("\\\\ ")
        );
    }
    out.push_str("\\end{table}\n");
    out
}

fn cell(cell: &Cell) -> String {
    if let Cell::Code(text) = cell {
        return format!("\\texttt{{{}}}", escape(text));
    }
    let (value, detail) = cell.shown();
    let value = escape(&value);
    match detail {
        // Below the value, or tables of four metrics are wider than a page.
        Some(detail) => format!(
            "\\begin{{tabular}}[t]{{@{{}}r@{{}}}}{value}\\\\ {{\\scriptsize {}}}\\end{{tabular}}",
            escape(&detail)
        ),
        None => value,
    }
}

/// A note: what stands in backticks is code, the rest is text.
fn note(text: &str) -> String {
    text.split('`')
        .enumerate()
        .map(|(i, part)| match i % 2 {
            1 => format!("\\texttt{{{}}}", escape(part)),
            _ => escape(part),
        })
        .collect()
}

/// Text that shall stand as it is.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, c) in text.chars().enumerate() {
        match c {
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '|' => out.push_str("\\textbar{}"),
            '"' => out.push_str("{\\char34}"), // `\textquotedbl` needs fonts in T1
            '`' => out.push_str("\\textasciigrave{}"),
            '{' | '}' | '#' | '$' | '%' | '&' | '_' => out.extend(['\\', c]),
            '−' => out.push_str("$-$"),
            '–' => out.push_str("--"),
            '·' => out.push_str("\\textperiodcentered{}"),
            '…' => out.push_str("\\dots{}"),
            '→' => out.push_str("$\\rightarrow$"),
            '\n' | '\r' | '\t' => out.push(' '),
            // A bracket at the start of a row would be read as an option of `\\`.
            '[' if i == 0 => out.push_str("{[}"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_what_it_is() {
        let check = |text: &str, expected: &str| assert_eq!(escape(text), expected, "{text:?}");
        check("50% of a_b & c", "50\\% of a\\_b \\& c");
        check("\\x{y}", "\\textbackslash{}x\\{y\\}");
        check("a\nb", "a b");
        check("[a] [b]", "{[}a] [b]");
        check("−1 – 2…", "$-$1 -- 2\\dots{}");
    }
}
