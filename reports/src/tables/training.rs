//! What a training told of itself, in a table.

use crate::plot::TrainingCurve;
use crate::table::{Cell, ColumnKind, Table};

/// First, last, lowest and highest value of each quantity.
pub fn training_table(curve: &TrainingCurve) -> Table {
    let mut table = Table::new("training", "Quantities over the updates of the training")
        .column("quantity", ColumnKind::Text)
        .column("first", ColumnKind::Text)
        .column("last", ColumnKind::Text)
        .column("lowest", ColumnKind::Text)
        .column("highest", ColumnKind::Text);
    for (name, values) in &curve.values {
        let by_value = |a: &(&u64, &f64), b: &(&u64, &f64)| a.1.total_cmp(b.1);
        // The first of equal ones: `max_by` would give the last.
        let ends = (
            values.iter().min_by(by_value),
            values.iter().rev().max_by(by_value),
        );
        let (Some(lowest), Some(highest)) = ends else {
            continue;
        };
        let (Some(first), Some(last)) = (values.values().next(), values.values().next_back())
        else {
            continue;
        };
        table.push(vec![
            Cell::code(name),
            Cell::Text(rounded(*first)),
            Cell::Text(rounded(*last)),
            Cell::Text(at_update(lowest)),
            Cell::Text(at_update(highest)),
        ]);
    }
    table
}

fn at_update((update, value): (&u64, &f64)) -> String {
    format!("{} at {update}", rounded(*value))
}

/// Whole, or with four digits after the point, or as many as a small number needs.
fn rounded(value: f64) -> String {
    match value.abs() {
        whole if whole.fract() == 0.0 && whole < 1e9 => format!("{value:.0}"),
        tiny if tiny < 1e-3 => format!("{value:.3e}"),
        large if large >= 1e5 => format!("{value:.0}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn extremes_are_named_by_their_first_update() {
        let loss = BTreeMap::from([(1, 3.0), (2, 0.00002), (3, 3.0), (4, 1.0)]);
        let table = training_table(&TrainingCurve {
            label: "sft".to_owned(),
            values: BTreeMap::from([("loss".to_owned(), loss)]),
        });
        let row: Vec<String> = table.rows[0]
            .cells
            .iter()
            .map(|cell| cell.shown().0)
            .collect();
        assert_eq!(row, ["loss", "3", "1", "2.000e-5 at 2", "3 at 1"]);
    }
}
