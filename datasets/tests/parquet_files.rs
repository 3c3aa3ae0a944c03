//! Parquet files as the Hub has them: strings, numbers, lists of strings, snappy.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use datasets::Places;
use harness::problem::{Split, UnitTests};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// Three asserts a problem, in two rows, as the Hub's conversion of MBPP lays them out.
fn write_mbpp(path: &Path, compression: Compression) {
    let schema = parse_message_type(
        "message schema {
            optional int32 task_id;
            optional binary text (UTF8);
            optional binary code (UTF8);
            optional group test_list (LIST) { repeated group list { optional binary element (UTF8); } }
            optional binary test_setup_code (UTF8);
            optional group challenge_test_list (LIST) { repeated group list { optional binary element (UTF8); } }
        }",
    )
    .unwrap();
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .build();
    let file = File::create(path).unwrap();
    let mut writer =
        SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).unwrap();
    let mut rows = writer.next_row_group().unwrap();
    let texts = |texts: &[&str]| -> Vec<ByteArray> {
        texts.iter().map(|text| ByteArray::from(*text)).collect()
    };

    let mut column = rows.next_column().unwrap().unwrap();
    column
        .typed::<Int32Type>()
        .write_batch(&[11, 601], Some(&[1, 1]), None)
        .unwrap();
    column.close().unwrap();
    let mut write = |values: &[&str], definition: &[i16], repetition: Option<&[i16]>| {
        let mut column = rows.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(&texts(values), Some(definition), repetition)
            .unwrap();
        column.close().unwrap();
    };
    write(&["Add «ä».", "Sub."], &[1, 1], None);
    write(&["def f(): pass", "def g(): pass"], &[1, 1], None);
    write(
        &["assert f()", "assert not f()", "assert g()"],
        &[3, 3, 3],
        Some(&[0, 1, 0]),
    );
    write(&["", "import math"], &[1, 1], None);
    // An empty list, and a list of one.
    write(&["assert g() == 1"], &[1, 3], Some(&[0, 0]));
    rows.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn rows_of_parquet_files_are_problems() {
    let check = |compression: Compression| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train-00000-of-00001.parquet");
        write_mbpp(&path, compression);
        let dataset = datasets::open(&path.to_string_lossy(), &Places::default()).unwrap();
        assert_eq!(dataset.name, "mbpp");
        assert_eq!(dataset.skipped, []);
        let [first, second] = dataset.problems.as_slice() else {
            panic!("two problems")
        };
        assert_eq!(
            (first.id.as_str(), first.split),
            ("mbpp/11", Some(Split::Test))
        );
        assert_eq!(first.statement, "Add «ä».");
        assert_eq!(first.reference_solutions, ["def f(): pass"]);
        let asserts = |tests: &UnitTests| match tests {
            UnitTests::Asserts {
                setup,
                tests,
                challenge,
            } => (setup.clone(), tests.hidden.clone(), challenge.clone()),
            other => panic!("{other:?}"),
        };
        let texts = |texts: &[&str]| -> Vec<String> {
            texts.iter().map(|text| (*text).to_owned()).collect()
        };
        assert_eq!(
            asserts(&first.tests),
            (
                String::new(),
                texts(&["assert f()", "assert not f()"]),
                Vec::new()
            )
        );
        assert_eq!(
            asserts(&second.tests),
            (
                "import math".to_owned(),
                texts(&["assert g()"]),
                texts(&["assert g() == 1"])
            )
        );
    };
    check(Compression::UNCOMPRESSED);
    check(Compression::SNAPPY);
    check(Compression::GZIP(Default::default()));
    check(Compression::ZSTD(Default::default()));
}
