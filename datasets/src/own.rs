//! Users' own problems: the form that `docs/problem-format.md` describes.
//!
//! Unlike the readers of published formats this one refuses keys that it does not know,
//! because a person who writes a file wants to hear of a misspelled key.

use harness::problem::{
    CallTest, Difficulty, Problem, ProblemId, Split, StdinTest, TestSet, UnitTests,
};
use harness::value::Value;

use crate::python_text;
use crate::reading::Skip;
use crate::rows::{Row, type_name};

/// Keys of a problem of any kind.
const COMMON: [&str; 9] = [
    "id",
    "statement",
    "split",
    "difficulty",
    "starter_code",
    "completion_prefix",
    "solutions",
    "url",
    "tests",
];

/// Kinds of problems, each by the key that only it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    StandardInput,
    CallBased,
    Asserts,
    Check,
}

impl Kind {
    fn of(row: &Row) -> Result<Self, String> {
        let kinds: Vec<Self> = [
            ("function", Self::CallBased),
            ("asserts", Self::Asserts),
            ("check", Self::Check),
        ]
        .into_iter()
        .filter(|(key, _)| row.has(key))
        .map(|(_, kind)| kind)
        .collect();
        match kinds[..] {
            [] if row.has("tests") => Ok(Self::StandardInput),
            [] => Err(
                "no tests: expected one of `tests` (standard input), `function` with \
                       `tests` (calls), `asserts`, `check`"
                    .to_owned(),
            ),
            [kind] => Ok(kind),
            _ => Err("more than one of `function`, `asserts`, `check`".to_owned()),
        }
    }

    /// Keys beside the common ones.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::StandardInput => &[],
            Self::CallBased => &["function"],
            Self::Asserts => &["asserts", "example_asserts", "challenge_asserts", "setup"],
            Self::Check => &["check", "entry_point"],
        }
    }

    fn allows(self, key: &str) -> bool {
        let has_tests = matches!(self, Self::StandardInput | Self::CallBased);
        (COMMON.contains(&key) && (key != "tests" || has_tests)) || self.keys().contains(&key)
    }

    fn allowed(self) -> String {
        let keys: Vec<String> = COMMON
            .iter()
            .chain(self.keys())
            .filter(|key| self.allows(key))
            .map(|key| format!("`{key}`"))
            .collect();
        keys.join(", ")
    }
}

pub(crate) fn problem(row: &Row) -> Result<Problem, Skip> {
    let id = ProblemId::new(row.name("id")?);
    read(row, &id).map_err(Skip::of(&id))
}

fn read(row: &Row, id: &ProblemId) -> Result<Problem, String> {
    let kind = Kind::of(row)?;
    if let Some((key, _)) = row.fields.iter().find(|(key, _)| !kind.allows(key)) {
        return Err(format!(
            "unknown key `{key}`; allowed are {}",
            kind.allowed()
        ));
    }
    let parsed = |key: &str| -> Result<Option<&str>, String> { row.optional_text(key) };
    let split: Option<Split> = parsed("split")?
        .map(str::parse)
        .transpose()
        .map_err(|detail| format!("key `split`: {detail}"))?;
    let difficulty: Option<Difficulty> = parsed("difficulty")?
        .map(str::parse)
        .transpose()
        .map_err(|detail| format!("key `difficulty`: {detail}"))?;
    let tests = match kind {
        Kind::StandardInput => UnitTests::StandardInput {
            tests: test_set(row, stdin_test)?,
        },
        Kind::CallBased => UnitTests::CallBased {
            function: row.text("function")?.to_owned(),
            tests: test_set(row, call_test)?,
        },
        Kind::Asserts => UnitTests::Asserts {
            setup: row.optional_text("setup")?.unwrap_or_default().to_owned(),
            tests: TestSet {
                example: row.optional_texts("example_asserts")?,
                hidden: row.texts("asserts")?,
            },
            challenge: row.optional_texts("challenge_asserts")?,
        },
        Kind::Check => UnitTests::CheckFunction {
            entry_point: row.text("entry_point")?.to_owned(),
            source: row.text("check")?.to_owned(),
        },
    };
    Ok(Problem {
        id: id.clone(),
        split,
        difficulty,
        statement: row.text("statement")?.to_owned(),
        starter_code: parsed("starter_code")?.map(str::to_owned),
        completion_prefix: parsed("completion_prefix")?.map(str::to_owned),
        reference_solutions: row.optional_texts("solutions")?,
        tests,
        url: parsed("url")?.map(str::to_owned),
    })
}

/// Reads `tests`; one with `"example": true` is shown in the statement as well.
fn test_set<T: Clone>(
    row: &Row,
    test: impl Fn(&[(Value, Value)]) -> Result<T, String>,
) -> Result<TestSet<T>, String> {
    let mut set = TestSet::default();
    for (index, entry) in row.list("tests")?.iter().enumerate() {
        let read = || -> Result<(T, bool), String> {
            let Value::Dict(pairs) = entry else {
                return Err(format!("{} instead of an object", type_name(entry)));
            };
            let example = match value_of(pairs, "example") {
                None => false,
                Some(Value::Bool(example)) => *example,
                Some(other) => {
                    return Err(format!(
                        "`example` is {}, expected true or false",
                        type_name(other)
                    ));
                }
            };
            Ok((test(pairs)?, example))
        };
        let (test, example) =
            read().map_err(|detail| format!("entry {index} of `tests`: {detail}"))?;
        if example {
            set.example.push(test.clone());
        }
        set.hidden.push(test);
    }
    Ok(set)
}

fn stdin_test(pairs: &[(Value, Value)]) -> Result<StdinTest, String> {
    refuse_others(pairs, &["input", "output", "example"])?;
    let text = |key: &str| {
        let value = value_of(pairs, key).ok_or_else(|| format!("`{key}` is missing"))?;
        python_text::scalar(value)
            .ok_or_else(|| format!("`{key}` is {}, expected text", type_name(value)))
    };
    Ok(StdinTest {
        input: text("input")?,
        expected: text("output")?,
    })
}

fn call_test(pairs: &[(Value, Value)]) -> Result<CallTest, String> {
    refuse_others(pairs, &["arguments", "result", "example"])?;
    let arguments = match value_of(pairs, "arguments") {
        Some(Value::List(arguments)) => arguments.clone(),
        Some(other) => {
            return Err(format!(
                "`arguments` is {}, expected a list",
                type_name(other)
            ));
        }
        None => return Err("`arguments` is missing".to_owned()),
    };
    let expected = value_of(pairs, "result").ok_or("`result` is missing")?;
    Ok(CallTest {
        arguments,
        expected: expected.clone(),
    })
}

fn value_of<'a>(pairs: &'a [(Value, Value)], key: &str) -> Option<&'a Value> {
    pairs
        .iter()
        .find(|(name, _)| matches!(name, Value::Str(name) if name == key))
        .map(|(_, value)| value)
}

fn refuse_others(pairs: &[(Value, Value)], allowed: &[&str]) -> Result<(), String> {
    let other = pairs
        .iter()
        .find(|(key, _)| !matches!(key, Value::Str(key) if allowed.contains(&key.as_str())));
    match other {
        Some((key, _)) => {
            let allowed: Vec<String> = allowed.iter().map(|key| format!("`{key}`")).collect();
            Err(format!(
                "unknown key {key}; allowed are {}",
                allowed.join(", ")
            ))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Result<UnitTests, &str>) {
        let actual = problem(&Row::from_json(json.as_bytes()).unwrap());
        assert_eq!(
            actual
                .map(|problem| problem.tests)
                .map_err(|skip| skip.reason),
            expected.map_err(str::to_owned),
            "{json}"
        );
    }

    #[test]
    fn every_kind_of_problem() {
        let test = |input: &str, expected: &str| StdinTest {
            input: input.to_owned(),
            expected: expected.to_owned(),
        };
        check(
            r#"{"id": "a", "statement": "s", "tests": [{"input": "1\n", "output": 2, "example": true}, {"input": "", "output": "3"}]}"#,
            Ok(UnitTests::StandardInput {
                tests: TestSet {
                    example: vec![test("1\n", "2")],
                    hidden: vec![test("1\n", "2"), test("", "3")],
                },
            }),
        );
        check(
            r#"{"id": 1, "statement": "s", "function": "f", "tests": [{"arguments": [1, "x"], "result": null}]}"#,
            Ok(UnitTests::CallBased {
                function: "f".to_owned(),
                tests: TestSet {
                    example: Vec::new(),
                    hidden: vec![CallTest {
                        arguments: vec![Value::from(1), Value::from("x")],
                        expected: Value::None,
                    }],
                },
            }),
        );
        check(
            r#"{"id": "a", "statement": "s", "asserts": ["assert f() == 1"], "setup": "import math"}"#,
            Ok(UnitTests::Asserts {
                setup: "import math".to_owned(),
                tests: TestSet {
                    example: Vec::new(),
                    hidden: vec!["assert f() == 1".to_owned()],
                },
                challenge: Vec::new(),
            }),
        );
        check(
            r#"{"id": "a", "statement": "s", "entry_point": "f", "check": "def check(g): pass"}"#,
            Ok(UnitTests::CheckFunction {
                entry_point: "f".to_owned(),
                source: "def check(g): pass".to_owned(),
            }),
        );
    }

    #[test]
    fn mistakes_are_named() {
        check(
            r#"{"id": "a", "statement": "s", "tests": [], "dificulty": "interview"}"#,
            Err(
                "unknown key `dificulty`; allowed are `id`, `statement`, `split`, `difficulty`, \
                 `starter_code`, `completion_prefix`, `solutions`, `url`, `tests`",
            ),
        );
        check(
            r#"{"id": "a", "statement": "s", "difficulty": "easy", "tests": []}"#,
            Err(
                "key `difficulty`: `easy` is not one of `introductory`, `interview`, `competition`",
            ),
        );
        check(
            r#"{"id": "a", "statement": "s", "asserts": [], "check": ""}"#,
            Err("more than one of `function`, `asserts`, `check`"),
        );
        check(
            r#"{"id": "a", "statement": "s", "tests": [{"input": "", "expected": ""}]}"#,
            Err(
                "entry 0 of `tests`: unknown key 'expected'; allowed are `input`, `output`, `example`",
            ),
        );
        check(
            r#"{"id": "a", "statement": "s", "function": "f", "tests": [{"arguments": 1, "result": 2}]}"#,
            Err("entry 0 of `tests`: `arguments` is an integer, expected a list"),
        );
        check(
            r#"{"id": "a", "statement": "s", "check": "def check(g): pass"}"#,
            Err("key `entry_point` is missing"),
        );
        check(
            r#"{"id": "a", "statement": "s", "asserts": ["assert 1"], "tests": []}"#,
            Err(
                "unknown key `tests`; allowed are `id`, `statement`, `split`, `difficulty`, \
                 `starter_code`, `completion_prefix`, `solutions`, `url`, `asserts`, \
                 `example_asserts`, `challenge_asserts`, `setup`",
            ),
        );
        check(
            r#"{"id": "a", "statement": "s"}"#,
            Err(
                "no tests: expected one of `tests` (standard input), `function` with `tests` \
                 (calls), `asserts`, `check`",
            ),
        );
    }
}
