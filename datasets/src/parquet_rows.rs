//! Records of Parquet files, as [`Row`]s.

use std::fs::File;
use std::path::Path;

use harness::value::Value;
use num_bigint::BigInt;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use crate::error::Error;
use crate::rows::{Row, RowResult};

pub(crate) fn for_each(
    path: &Path,
    file: File,
    mut visit: impl FnMut(usize, RowResult) -> Result<(), Error>,
) -> Result<(), Error> {
    let unreadable = |error: parquet::errors::ParquetError| Error::Parquet {
        file: path.display().to_string(),
        detail: error.to_string(),
    };
    let reader = SerializedFileReader::new(file).map_err(unreadable)?;
    for (index, record) in reader.get_row_iter(None).map_err(unreadable)?.enumerate() {
        let row = record.map_err(unreadable)?;
        let fields = row
            .into_columns()
            .into_iter()
            .map(|(name, field)| Ok((name, value(field)?)))
            .collect::<Result<_, String>>()
            .map(|fields| Row { fields });
        visit(index + 1, fields)?;
    }
    Ok(())
}

fn value(field: Field) -> Result<Value, String> {
    Ok(match field {
        Field::Null => Value::None,
        Field::Bool(b) => Value::Bool(b),
        Field::Byte(i) => int(i),
        Field::Short(i) => int(i),
        Field::Int(i) => int(i),
        Field::Long(i) => int(i),
        Field::UByte(i) => int(i),
        Field::UShort(i) => int(i),
        Field::UInt(i) => int(i),
        Field::ULong(i) => int(i),
        Field::Float(x) => Value::Float(x.into()),
        Field::Double(x) => Value::Float(x),
        Field::Str(text) => Value::Str(text),
        // A string column that was written without saying so.
        Field::Bytes(bytes) => Value::Str(
            bytes
                .as_utf8()
                .map_err(|_| "a binary column that is not UTF-8".to_owned())?
                .to_owned(),
        ),
        Field::ListInternal(list) => Value::List(
            list.elements()
                .iter()
                .map(|item| value(item.clone()))
                .collect::<Result<_, _>>()?,
        ),
        Field::Group(group) => Value::Dict(
            group
                .into_columns()
                .into_iter()
                .map(|(name, field)| Ok((Value::Str(name), value(field)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => return Err(format!("a column of a type that no dataset uses: {other}")),
    })
}

fn int(number: impl Into<BigInt>) -> Value {
    Value::Int(number.into())
}
