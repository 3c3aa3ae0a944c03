//! Argument types that MBPP+ lost on the way through JSON.
//!
//! JSON has neither tuples nor sets nor complex numbers. EvalPlus states per task what the
//! arguments were (`mbpp_deserialize_inputs`, v0.3.1); this is that knowledge as a table of
//! shapes. A test on the published data compares every input with the Python literals of
//! `MbppPlus-OriginFmt`.

use harness::value::Value;
use num_bigint::BigInt;

use crate::rows::type_name;

/// What a value read from JSON has to become.
#[derive(Debug)]
enum Shape {
    Unchanged,
    /// A list of items of the inner shape.
    List(&'static Shape),
    /// A list that has to be a tuple.
    Tuple(&'static Shape),
    /// Each list is a tuple, however deep.
    TuplesAllTheWay,
    /// A tuple of items, those that are lists being tuples themselves.
    TupleWithTuples,
    /// A set; an empty one is an empty dict, as EvalPlus has it.
    Set,
    /// An object whose values are tuples.
    DictOfTuples,
    Float,
    Complex,
}

use Shape::{
    Complex, DictOfTuples, Float, List, Set, Tuple, TupleWithTuples, TuplesAllTheWay, Unchanged,
};

const FLAT_TUPLE: Shape = Tuple(&Unchanged);

/// Shapes of the arguments of a task; the last one holds for all further arguments.
fn shapes(task: u32) -> &'static [Shape] {
    match task {
        2 | 116 | 132 | 143 | 222 | 261 | 273 | 394 | 399 | 421 | 424 | 429 | 470 | 560 | 579
        | 596 | 616 | 630 | 726 | 740 | 744 | 809 => &[Tuple(&Unchanged)],
        63 | 64 | 70 | 94 | 120 | 237 | 272 | 299 | 400 | 409 | 417 | 438 | 473 | 614 | 780 => {
            &[List(&FLAT_TUPLE)]
        }
        75 | 413 | 444 | 753 => &[List(&FLAT_TUPLE), Unchanged],
        106 | 750 => &[Unchanged, Tuple(&Unchanged)],
        115 => &[List(&Set)],
        124 => &[Float, Complex],
        250 | 307 | 405 | 446 | 617 | 720 | 763 | 808 => &[Tuple(&Unchanged), Unchanged],
        252 => &[Complex],
        259 | 401 | 445 => &[Tuple(&FLAT_TUPLE)],
        278 => &[TupleWithTuples],
        580 | 615 | 791 => &[TuplesAllTheWay],
        722 => &[DictOfTuples, Unchanged],
        _ => &[Unchanged],
    }
}

/// The arguments of MBPP+ task `task` with their types restored.
///
/// # Errors
/// Arguments that do not have the shape known for the task.
pub(crate) fn restored(task: u32, arguments: Vec<Value>) -> Result<Vec<Value>, String> {
    let shapes = shapes(task);
    arguments
        .into_iter()
        .enumerate()
        .map(|(index, argument)| shaped(argument, &shapes[index.min(shapes.len() - 1)]))
        .collect()
}

fn shaped(value: Value, shape: &Shape) -> Result<Value, String> {
    Ok(match (shape, value) {
        (Unchanged, value) => value,
        (List(inner), Value::List(items)) => Value::List(all(items, inner)?),
        (Tuple(inner), Value::List(items)) => Value::Tuple(all(items, inner)?),
        (TuplesAllTheWay, Value::List(items)) => Value::Tuple(all(items, shape)?),
        (TuplesAllTheWay, value) => value,
        (TupleWithTuples, Value::List(items)) => Value::Tuple(
            items
                .into_iter()
                .map(|item| match item {
                    Value::List(items) => Value::Tuple(items),
                    item => item,
                })
                .collect(),
        ),
        (Set, Value::List(items)) if items.is_empty() => Value::Dict(Vec::new()),
        (Set, Value::List(items)) => {
            let mut members: Vec<Value> = Vec::with_capacity(items.len());
            for item in items {
                if !members.contains(&item) {
                    members.push(item);
                }
            }
            Value::Set(members)
        }
        (Set, _) => Value::Dict(Vec::new()),
        (DictOfTuples, Value::Dict(pairs)) => Value::Dict(
            pairs
                .into_iter()
                .map(|(key, value)| Ok((key, shaped(value, &FLAT_TUPLE)?)))
                .collect::<Result<_, String>>()?,
        ),
        (Float, Value::Str(text)) => Value::Float(
            text.trim()
                .parse()
                .map_err(|_| format!("`{text}` is not a float"))?,
        ),
        (Float, Value::Int(number)) => Value::Float(of_int(&number)?),
        (Float, value @ Value::Float(_)) => value,
        (Complex, Value::Int(number)) => Value::Complex {
            re: of_int(&number)?,
            im: 0.0,
        },
        (Complex, Value::Float(number)) => Value::Complex {
            re: number,
            im: 0.0,
        },
        (Complex, Value::Str(text)) => complex(&text)?,
        (shape, value) => {
            return Err(format!("{} does not become {shape:?}", type_name(&value)));
        }
    })
}

fn all(items: Vec<Value>, shape: &Shape) -> Result<Vec<Value>, String> {
    items.into_iter().map(|item| shaped(item, shape)).collect()
}

fn of_int(number: &BigInt) -> Result<f64, String> {
    let number = number.to_string();
    number
        .parse()
        .map_err(|_| format!("`{number}` is not a float"))
}

/// `complex("(1+2j)")`, `complex("5j")`, `complex("3")`.
fn complex(text: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    let inner = trimmed
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(trimmed);
    let parts = || -> Option<(f64, f64)> {
        let Some(imaginary) = inner.strip_suffix(['j', 'J']) else {
            return Some((inner.parse().ok()?, 0.0));
        };
        // The sign that parts the two numbers is the last one that no exponent owns.
        let at = imaginary
            .char_indices()
            .rfind(|&(at, c)| {
                at > 0 && (c == '+' || c == '-') && !imaginary[..at].ends_with(['e', 'E'])
            })
            .map_or(0, |(at, _)| at);
        let (real, imaginary) = imaginary.split_at(at);
        let imaginary = match imaginary {
            "" | "+" => 1.0,
            "-" => -1.0,
            number => number.parse().ok()?,
        };
        let real = if real.is_empty() {
            0.0
        } else {
            real.parse().ok()?
        };
        Some((real, imaginary))
    };
    let (re, im) = parts().ok_or_else(|| format!("`{text}` is not a complex number"))?;
    Ok(Value::Complex { re, im })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::literal::literal;
    use crate::rows::{self, Row};
    use crate::test_data;

    /// Rows of an EvalPlus file by the number of their task.
    fn tasks(path: &std::path::Path) -> Vec<(u32, Row)> {
        let mut tasks = Vec::new();
        rows::for_each(path, |_, row| {
            let row = row.unwrap();
            let task = row.name("task_id").unwrap();
            let number = task.trim_start_matches("Mbpp/").parse().unwrap();
            tasks.push((number, row));
            Ok(())
        })
        .unwrap();
        tasks.sort_by_key(|(number, _)| *number);
        tasks
    }

    #[test]
    fn inputs_equal_the_literals_of_the_published_scripts() {
        let Some(folder) = test_data::folder("evalplus") else {
            return;
        };
        let values = tasks(&folder.join("MbppPlus.jsonl.gz"));
        let scripts = tasks(&folder.join("MbppPlus-OriginFmt.jsonl.gz"));
        assert_eq!(values.len(), 378);
        let mut differing = Vec::new();
        for ((task, row), (script_task, script)) in values.iter().zip(&scripts) {
            assert_eq!(task, script_task);
            let problem = crate::evalplus::problem(row).unwrap();
            let harness::problem::UnitTests::Differential { base, plus, .. } = problem.tests else {
                panic!("differential")
            };
            let actual: Vec<Value> = base.into_iter().chain(plus).map(Value::List).collect();
            let script = script.text("test").unwrap();
            let (_, data) = script.split_once("\ninputs = ").unwrap();
            let Some((Value::List(expected), _)) = literal(data) else {
                panic!("task {task}: {data}")
            };
            // The scripts leave out some inputs, but keep the order; and a complex number
            // changes the sign of its zero when it is an expression.
            let shown = |value: &Value| value.to_string().replace("(-0-", "-").replace("j)", "j");
            let mut actual = actual.iter().map(shown);
            let found = |expected: Value| {
                let expected = shown(&listed(expected));
                actual.any(|actual| actual == expected)
            };
            if !expected.into_iter().all(found) {
                differing.push(*task);
            }
        }
        assert_eq!(differing, [] as [u32; 0]);
    }

    /// Argument lists are written as lists or as tuples.
    fn listed(arguments: Value) -> Value {
        match arguments {
            Value::Tuple(items) => Value::List(items),
            other => other,
        }
    }

    #[test]
    fn types_are_restored() {
        let check = |task: u32, json: &str, expected: &str| {
            let Value::List(arguments) = Value::from_json(json.as_bytes()).unwrap() else {
                panic!("{json}")
            };
            let actual = restored(task, arguments).map_or_else(
                |error| error,
                |arguments| Value::List(arguments).to_string(),
            );
            assert_eq!(actual, expected, "task {task}: {json}");
        };
        check(1000, "[[1], 2]", "[[1], 2]");
        check(2, "[[1, [2]], []]", "[(1, [2]), ()]");
        check(63, "[[[1, 2], []]]", "[[(1, 2), ()]]");
        check(75, "[[[1]], 2]", "[[(1,)], 2]");
        check(106, "[[1], [2]]", "[[1], (2,)]");
        check(115, "[[[1, 1, 2], [], {}]]", "[[{1, 2}, {}, {}]]");
        check(124, r#"["1.5", "-2j"]"#, "[1.5, -2j]");
        check(307, "[[[1]], 2, [3]]", "[([1],), 2, [3]]");
        check(259, "[[[1], [2]], [[3]]]", "[((1,), (2,)), ((3,),)]");
        check(278, "[[1, [2, [3]]]]", "[(1, (2, [3]))]");
        check(791, "[[1, [2, [3]]], 4]", "[(1, (2, (3,))), 4]");
        check(722, r#"[{"a": [1]}, [2]]"#, "[{'a': (1,)}, [2]]");
        check(2, "[5]", "an integer does not become Tuple(Unchanged)");
        check(124, r#"["x", "1"]"#, "`x` is not a float");
    }

    #[test]
    fn complex_numbers_are_read() {
        let check = |text: &str, expected: Option<(f64, f64)>| {
            let expected = expected.map(|(re, im)| Value::Complex { re, im });
            assert_eq!(complex(text).ok(), expected, "{text}");
        };
        check("(1+2j)", Some((1.0, 2.0)));
        check(" -1e-3-2.5E+2j ", Some((-1e-3, -2.5e2)));
        check("j", Some((0.0, 1.0)));
        check("3-j", Some((3.0, -1.0)));
        check("7", Some((7.0, 0.0)));
        check("(1e5j)", Some((0.0, 1e5)));
        check("a+bj", None);
        check("", None);
    }
}
