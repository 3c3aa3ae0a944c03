//! The example tests that CodeRL published.

use std::collections::BTreeMap;
use std::path::Path;

use harness::problem::StdinTest;
use harness::value::Value;

use crate::error::Error;
use crate::rows;

/// Example tests by number of problem, as in the folder `APPS_test_example_tests`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleasedExamples {
    by_number: BTreeMap<u32, Vec<StdinTest>>,
}

impl ReleasedExamples {
    /// Reads rows with the keys `problem` (the number) and `example_input_output` (the text
    /// of CodeRL's file).
    ///
    /// # Errors
    /// A file that cannot be read, or that has other rows.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut by_number = BTreeMap::new();
        rows::for_each(path, |number, row| {
            let read = || -> Result<(u32, Vec<StdinTest>), String> {
                let row = row?;
                let problem = row.name("problem")?;
                let problem = problem
                    .parse()
                    .map_err(|_| format!("key `problem` holds `{problem}`, expected a number"))?;
                let text = row
                    .optional_text("example_input_output")?
                    .unwrap_or_default();
                Ok((problem, tests_of_file(text)))
            };
            let (problem, tests) = read().map_err(|detail| Error::NotTheFormat {
                file: path.display().to_string(),
                row: number,
                detail,
                expected: "rows with `problem` and `example_input_output`",
            })?;
            by_number.insert(problem, tests);
            Ok(())
        })?;
        Ok(Self { by_number })
    }

    /// Tests of a problem; none where the published file is empty.
    pub fn get(&self, number: u32) -> Option<&[StdinTest]> {
        self.by_number.get(&number).map(Vec::as_slice)
    }

    pub fn len(&self) -> usize {
        self.by_number.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }
}

/// The tests in the text of an `example_input_output.json`. An empty text, `null`, counts
/// that differ and values other than strings are no tests: the file is an aid.
pub(crate) fn tests_of_file(json: &str) -> Vec<StdinTest> {
    let Ok(Value::Dict(pairs)) = Value::from_json(json.as_bytes()) else {
        return Vec::new();
    };
    let texts = |name: &str| -> Option<Vec<String>> {
        let (_, list) = pairs.iter().find(|(key, _)| *key == Value::from(name))?;
        let Value::List(items) = list else {
            return None;
        };
        items
            .iter()
            .map(|item| match item {
                Value::Str(text) => Some(text.clone()),
                _ => None,
            })
            .collect()
    };
    match (texts("inputs"), texts("outputs")) {
        (Some(inputs), Some(outputs)) if inputs.len() == outputs.len() => inputs
            .into_iter()
            .zip(outputs)
            .map(|(input, expected)| StdinTest { input, expected })
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_all_kinds() {
        let check = |json: &str, n_tests: usize| {
            assert_eq!(tests_of_file(json).len(), n_tests, "{json}");
        };
        check(r#"{"inputs": ["1\n", "2"], "outputs": ["3", "4"]}"#, 2);
        check(r#"{"inputs": ["1\n"], "outputs": []}"#, 0);
        check(r#"{"inputs": [1], "outputs": ["2"]}"#, 0);
        check(r#"{"inputs": ["1"]}"#, 0);
        check("null", 0);
        check("", 0);
        check("{", 0);
    }
}
