//! Plain text for a terminal: aligned, no color, no wider than asked for.

use textwrap::core::display_width;

use crate::table::{Cell, Table};

/// Space between columns.
const GAP: usize = 2;
/// Text cells longer than this are cut when a table does not fit otherwise.
const LONGEST_TEXT: usize = 32;

/// Renders a table in at most `width` columns.
///
/// Intervals stand beside their values where there is room and below them otherwise. Columns
/// that still do not fit follow in further blocks, each headed by the columns that name rows.
pub fn terminal(table: &Table, width: usize) -> String {
    let mut out = wrap(&table.title, width);
    out.push('\n');
    let wide = Layout::of(table, Intervals::Beside);
    let layout = if wide.width() <= width {
        wide
    } else {
        Layout::of(table, Intervals::Below)
    };
    for (i, block) in layout.blocks(width).into_iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        layout.render(&block, &mut out);
    }
    if !table.notes.is_empty() {
        out.push('\n');
    }
    for note in &table.notes {
        out.push_str(&wrap(note, width));
    }
    out
}

fn wrap(text: &str, width: usize) -> String {
    let options = textwrap::Options::new(width);
    textwrap::wrap(text, options)
        .iter()
        .map(|line| format!("{line}\n"))
        .collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Intervals {
    Beside,
    Below,
}

/// Cells as lines of text, column by column.
struct Layout {
    columns: Vec<LaidOutColumn>,
    /// Index of each row that is set apart from the rows above.
    totals: Vec<usize>,
}

struct LaidOutColumn {
    header: String,
    cells: Vec<[String; 2]>,
    width: usize,
    is_numeric: bool,
}

impl Layout {
    fn of(table: &Table, intervals: Intervals) -> Self {
        let lines = |cell: &Cell| -> [String; 2] {
            let (value, detail) = cell.shown();
            let value = shorten(&value.replace(['\n', '\r', '\t'], " "), intervals);
            match (detail, intervals) {
                (None, _) => [value, String::new()],
                (Some(detail), Intervals::Beside) => [format!("{value} {detail}"), String::new()],
                (Some(detail), Intervals::Below) => [value, detail],
            }
        };
        let columns = table
            .columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                let cells: Vec<[String; 2]> =
                    table.rows.iter().map(|row| lines(&row.cells[i])).collect();
                let widths = cells.iter().flatten().map(|text| display_width(text));
                LaidOutColumn {
                    width: widths.max().unwrap_or(0).max(display_width(&column.header)),
                    header: column.header.clone(),
                    cells,
                    is_numeric: column.kind.is_numeric(),
                }
            })
            .collect();
        let totals = table
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.is_total);
        Self {
            columns,
            totals: totals.map(|(i, _)| i).collect(),
        }
    }

    fn width(&self) -> usize {
        let widths: usize = self.columns.iter().map(|c| c.width + GAP).sum();
        widths.saturating_sub(GAP)
    }

    /// Columns that stand beside each other; the key columns head every block.
    fn blocks(&self, width: usize) -> Vec<Vec<usize>> {
        let keys: Vec<usize> = (0..self.n_keys(width)).collect();
        let room = |block: &[usize]| -> usize {
            let used: usize = block.iter().map(|&i| self.columns[i].width + GAP).sum();
            width.saturating_sub(used)
        };
        let mut blocks = vec![keys.clone()];
        for i in keys.len()..self.columns.len() {
            let block = blocks.last_mut().expect("starts with one");
            // A column that fits nowhere stands alone beside the keys.
            if self.columns[i].width <= room(block) || block.len() == keys.len() {
                block.push(i);
            } else {
                let mut block = keys.clone();
                block.push(i);
                blocks.push(block);
            }
        }
        blocks
    }

    /// Leading text columns name a row; they may take up a third of the width.
    fn n_keys(&self, width: usize) -> usize {
        let mut used = 0;
        let keys = self.columns.iter().take_while(|column| {
            used += column.width + GAP;
            !column.is_numeric && used <= width / 3
        });
        keys.count().max(1).min(self.columns.len())
    }

    fn render(&self, block: &[usize], out: &mut String) {
        let columns: Vec<&LaidOutColumn> = block.iter().map(|&i| &self.columns[i]).collect();
        let width: usize = columns.iter().map(|c| c.width + GAP).sum::<usize>() - GAP;
        let mut line = |cells: Vec<&str>| {
            let padded: Vec<String> = cells
                .iter()
                .zip(&columns)
                .map(|(text, column)| {
                    let fill = " ".repeat(column.width.saturating_sub(display_width(text)));
                    if column.is_numeric {
                        fill + text
                    } else {
                        (*text).to_owned() + &fill
                    }
                })
                .collect();
            out.push_str(padded.join(&" ".repeat(GAP)).trim_end());
            out.push('\n');
        };
        let rule = "─".repeat(width);
        line(columns.iter().map(|c| c.header.as_str()).collect());
        line(vec![&rule]);
        let n_rows = columns.first().map_or(0, |column| column.cells.len());
        for row in 0..n_rows {
            if row > 0 && self.totals.contains(&row) {
                line(vec![&rule]);
            }
            line(columns.iter().map(|c| c.cells[row][0].as_str()).collect());
            let details: Vec<&str> = columns.iter().map(|c| c.cells[row][1].as_str()).collect();
            if details.iter().any(|detail| !detail.is_empty()) {
                line(details);
            }
        }
    }
}

fn shorten(text: &str, intervals: Intervals) -> String {
    if intervals == Intervals::Beside || display_width(text) <= LONGEST_TEXT {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if display_width(&short) + 2 > LONGEST_TEXT {
            break;
        }
        short.push(c);
    }
    short + "…"
}
