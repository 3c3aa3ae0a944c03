//! JSON, for programs: fractions stay fractions, a refused estimate is its reason.

use serde_json::{Map, Value, json};

use crate::error::ReportError;
use crate::table::{Cell, Table};

/// Renders a table as one JSON object with `title`, `columns`, `rows` and `notes`; each row
/// is an object with a key for each column.
///
/// # Errors
/// Only when the serializer fails.
pub fn json(table: &Table) -> Result<String, ReportError> {
    let row = |cells: &[Cell]| -> Map<String, Value> {
        let headers = table.columns.iter().map(|column| column.header.clone());
        headers.zip(cells.iter().map(value)).collect()
    };
    let headers: Vec<&str> = table.columns.iter().map(|c| c.header.as_str()).collect();
    let rows: Vec<Map<String, Value>> = table.rows.iter().map(|r| row(&r.cells)).collect();
    let object = json!({
        "title": table.title,
        "columns": headers,
        "rows": rows,
        "notes": table.notes,
    });
    serde_json::to_string_pretty(&object)
        .map(|text| text + "\n")
        .map_err(|error| ReportError::Render {
            table: table.name.clone(),
            format: "JSON",
            reason: error.to_string(),
        })
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Text(text) | Cell::Code(text) => json!(text),
        Cell::Count(count) => json!(count),
        Cell::Share(share) => json!(share),
        Cell::Estimate(estimate) => match &**estimate {
            Ok(estimate) => json!(estimate),
            Err(refusal) => json!({ "refused": refusal.to_string() }),
        },
        Cell::Difference { value, interval } => json!({ "value": value, "interval": interval }),
        Cell::Missing => Value::Null,
    }
}
