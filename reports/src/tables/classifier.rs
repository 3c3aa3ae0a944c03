//! How well a critic knows what becomes of programs.

use harness::metric::{CALIBRATION_BINS, ClassifierQuality};

use crate::table::{Cell, Column, ColumnKind, Table, percent};

/// Confusion of `classes`, true ones down and predicted ones across, with the summary below.
pub fn confusion_table(origin: &str, classes: &[&str], quality: &ClassifierQuality) -> Table {
    let title = format!(
        "{} {origin} programs: true and predicted outcome",
        quality.n
    );
    let mut table = Table::new(format!("critic.{origin}"), title).column("true", ColumnKind::Text);
    table.columns.extend(classes.iter().map(|class| Column {
        header: (*class).to_owned(),
        kind: ColumnKind::Count,
    }));
    for (class, counts) in classes.iter().zip(&quality.confusion) {
        let mut cells = vec![Cell::text(class)];
        cells.extend(counts.iter().map(|count| Cell::count(*count)));
        table.push(cells);
    }
    table.note(format!(
        "Accuracy {} %, macro-F1 {} %, expected calibration error {} % ({CALIBRATION_BINS} bins).",
        percent(quality.accuracy),
        percent(quality.macro_f1),
        percent(quality.calibration_error),
    ));
    table
}
