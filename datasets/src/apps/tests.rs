//! `input_output`: the hidden tests of one APPS problem.

use harness::problem::{CallTest, StdinTest, TestSet, UnitTests};
use harness::value::Value;

use crate::python_text;
use crate::rows::type_name;

/// Reads the JSON text of `input_output`. An empty text, `null` and an object without
/// `inputs` are no tests, which is not an error: many problems of APPS have none.
///
/// Standard input and output are text. A list stands for its lines, as in the original
/// judge; numbers and booleans, alone or in such a list, stand for what Python prints.
///
/// # Errors
/// What is wrong, as a fragment: truncated JSON, counts that differ, values of other kinds.
pub(super) fn parse(json: &str) -> Result<UnitTests, String> {
    if json.trim().is_empty() {
        return from_value(Value::None);
    }
    from_value(Value::from_json(json.as_bytes()).map_err(|detail| format!("not JSON: {detail}"))?)
}

pub(super) fn from_value(value: Value) -> Result<UnitTests, String> {
    let pairs = match value {
        Value::None => Vec::new(),
        Value::Dict(pairs) => pairs,
        other => return Err(format!("{} instead of an object", type_name(&other))),
    };
    let mut inputs = Vec::new();
    let mut outputs = Vec::new();
    let mut function = None;
    for (key, value) in pairs {
        match (key, value) {
            (Value::Str(key), Value::List(items)) if key == "inputs" => inputs = items,
            (Value::Str(key), Value::List(items)) if key == "outputs" => outputs = items,
            (Value::Str(key), Value::None)
                if ["inputs", "outputs", "fn_name"].contains(&key.as_str()) => {}
            (Value::Str(key), Value::Str(name)) if key == "fn_name" => {
                function = Some(name).filter(|name| !name.is_empty());
            }
            (Value::Str(key), value) if key == "inputs" || key == "outputs" => {
                return Err(format!("`{key}` is {}, expected a list", type_name(&value)));
            }
            (Value::Str(key), value) if key == "fn_name" => {
                return Err(format!("`{key}` is {}, expected a name", type_name(&value)));
            }
            _ => {}
        }
    }
    if inputs.len() != outputs.len() {
        return Err(format!(
            "{} `inputs` and {} `outputs`",
            inputs.len(),
            outputs.len()
        ));
    }
    let pairs = inputs.into_iter().zip(outputs).enumerate();
    Ok(match function {
        Some(function) => UnitTests::CallBased {
            function,
            tests: TestSet {
                example: Vec::new(),
                hidden: pairs
                    .map(|(index, (arguments, expected))| match arguments {
                        Value::List(arguments) => Ok(CallTest {
                            arguments,
                            expected,
                        }),
                        other => Err(format!(
                            "entry {index} of `inputs` is {}, expected a list of arguments",
                            type_name(&other)
                        )),
                    })
                    .collect::<Result<_, _>>()?,
            },
        },
        None => UnitTests::StandardInput {
            tests: TestSet {
                example: Vec::new(),
                hidden: pairs
                    .map(|(index, (input, expected))| {
                        Ok(StdinTest {
                            input: text("inputs", index, input)?,
                            expected: text("outputs", index, expected)?,
                        })
                    })
                    .collect::<Result<_, String>>()?,
            },
        },
    })
}

fn text(key: &str, index: usize, value: Value) -> Result<String, String> {
    let lines = match value {
        Value::Str(text) => return Ok(text),
        Value::List(items) => items.iter().map(python_text::scalar).collect(),
        other => python_text::scalar(&other)
            .map(|text| vec![text])
            .ok_or(other)
            .map_or_else(
                |other| {
                    Err(format!(
                        "entry {index} of `{key}` is {}, expected text",
                        type_name(&other)
                    ))
                },
                |lines| Ok(Some(lines)),
            )?,
    };
    let lines: Vec<String> = lines.ok_or_else(|| {
        format!("entry {index} of `{key}` is a list with something else than text and numbers")
    })?;
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn standard_input_is_text() {
        let check = |json: &str, expected: Result<&[(&str, &str)], &str>| {
            let actual = parse(json).map(|tests| match tests {
                UnitTests::StandardInput { tests } => tests
                    .hidden
                    .into_iter()
                    .map(|test| (test.input, test.expected))
                    .collect::<Vec<_>>(),
                other => panic!("{json}: {other:?}"),
            });
            let expected = expected
                .map(|tests| {
                    tests
                        .iter()
                        .map(|&(input, output)| (input.to_owned(), output.to_owned()))
                        .collect::<Vec<_>>()
                })
                .map_err(str::to_owned);
            assert_eq!(actual, expected, "{json}");
        };
        check("", Ok(&[]));
        check("null", Ok(&[]));
        check("{}", Ok(&[]));
        check(r#"{"inputs": [], "outputs": []}"#, Ok(&[]));
        check(
            r#"{"fn_name": null, "inputs": ["1\n"], "outputs": ["2"]}"#,
            Ok(&[("1\n", "2")]),
        );
        check(
            r#"{"inputs": [["1", "2 3"], 5], "outputs": [[7, 1.5, true], 123456789012345678901234567890]}"#,
            Ok(&[
                ("1\n2 3", "7\n1.5\nTrue"),
                ("5", "123456789012345678901234567890"),
            ]),
        );
        check(
            r#"{"inputs": ["1"], "outputs": []}"#,
            Err("1 `inputs` and 0 `outputs`"),
        );
        check(
            r#"{"inputs": [{"a": 1}], "outputs": [""]}"#,
            Err("entry 0 of `inputs` is an object, expected text"),
        );
        check(
            r#"{"inputs": [""], "outputs": [[[1]]]}"#,
            Err("entry 0 of `outputs` is a list with something else than text and numbers"),
        );
        check(
            r#"{"inputs": "1", "outputs": "2"}"#,
            Err("`inputs` is a string, expected a list"),
        );
        check("[1]", Err("a list instead of an object"));
        check(
            r#"{"inputs": ["1", "2"#,
            Err("not JSON: EOF while parsing a string at line 1 column 19"),
        );
    }

    #[test]
    fn arguments_and_results_stay_values() {
        let json = r#"{"fn_name": "f", "inputs": [[{"1": NaN}, 99999999999999999999], []], "outputs": [[true], null]}"#;
        let UnitTests::CallBased { function, tests } = parse(json).unwrap() else {
            panic!("call-based")
        };
        assert_eq!(function, "f");
        assert_eq!(tests.hidden[0].arguments.len(), 2);
        assert_eq!(
            tests.hidden[0].arguments[1],
            Value::Int("99999999999999999999".parse().unwrap())
        );
        assert_eq!(
            tests.hidden[0].expected,
            Value::List(vec![Value::Bool(true)])
        );
        assert_eq!(tests.hidden[1].expected, Value::None);
        assert_eq!(
            parse(r#"{"fn_name": "f", "inputs": ["ab"], "outputs": [1]}"#),
            Err("entry 0 of `inputs` is a string, expected a list of arguments".to_owned())
        );
    }
}
