//! What the critic made of a problem's samples, as a pickle of numpy arrays.

use std::path::Path;

use crate::error::Error;
use crate::pickle::numpy::{Numpy, Object};
use crate::pickle::{PickleWriter, Value, load};

type PickleValue = Value<Object>;

/// Critic scores of the samples of one problem, N of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TreeScores {
    /// `[N, T]`: token ids of the programs, padded with -100.
    pub code: Vec<Vec<i64>>,
    /// `[N, S]`: token ids of the prompt, the same for all.
    pub prompt: Vec<Vec<i64>>,
    /// Classes of the true outcomes.
    pub true_classes: Vec<usize>,
    /// Classes that the critic predicted.
    pub predicted: Vec<usize>,
    /// `[N, T, C]`: class logits, despite the name of their key, `error_hidden_states`.
    pub logits: Vec<Vec<Vec<f32>>>,
}

const CODE: &str = "code";
const PROMPT: &str = "prompt";
const TRUE_CLASSES: &str = "gt_error_type";
const PREDICTED: &str = "pred_error_type";
const LOGITS: &str = "error_hidden_states";

/// Classes of a critic.
const N_CLASSES: usize = 4;

/// Reads `gen_solutions_critic_scores.pkl`. Nothing in it is executed.
///
/// # Errors
/// When the file is no such pickle, naming the key.
pub fn read_scores(path: &Path) -> Result<TreeScores, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let malformed = |place: &str, detail: String| Error::Malformed {
        file: path.display().to_string(),
        place: place.to_owned(),
        detail,
    };
    let value = load::<Numpy>(&bytes).map_err(|detail| malformed("content", detail))?;
    if !matches!(value, Value::Dict(_)) {
        let detail = format!("it is {}, expected a dict", value.kind());
        return Err(malformed("content", detail));
    }
    let key = |key: &str| {
        value
            .get(key)
            .ok_or_else(|| malformed(&format!("key `{key}`"), "is missing".to_owned()))
    };
    let in_key =
        |key: &'static str| move |detail: String| malformed(&format!("key `{key}`"), detail);
    let ids = |name: &'static str| -> Result<Vec<Vec<i64>>, Error> {
        let rows = elements(&key(name)?).map_err(in_key(name))?;
        rows.iter()
            .map(|row| elements(row)?.iter().map(int).collect())
            .collect::<Result<_, String>>()
            .map_err(in_key(name))
    };
    let classes = |name: &'static str| -> Result<Vec<usize>, Error> {
        let classes = elements(&key(name)?).map_err(in_key(name))?;
        classes
            .iter()
            .map(class)
            .collect::<Result<_, String>>()
            .map_err(in_key(name))
    };
    let logits = elements(&key(LOGITS)?).map_err(in_key(LOGITS))?;
    let logits: Vec<Vec<Vec<f32>>> = logits
        .iter()
        .map(|program| {
            elements(program)?
                .iter()
                .map(|token| elements(token)?.iter().map(logit).collect())
                .collect()
        })
        .collect::<Result<_, String>>()
        .map_err(in_key(LOGITS))?;
    let scores = TreeScores {
        code: ids(CODE)?,
        prompt: ids(PROMPT)?,
        true_classes: classes(TRUE_CLASSES)?,
        predicted: classes(PREDICTED)?,
        logits,
    };
    scores
        .check()
        .map_err(|(key, detail)| malformed(&format!("key `{key}`"), detail))?;
    Ok(scores)
}

impl TreeScores {
    /// Whether there is as much of everything.
    fn check(&self) -> Result<(), (&'static str, String)> {
        let n = self.code.len();
        let lengths = [
            (PROMPT, self.prompt.len()),
            (TRUE_CLASSES, self.true_classes.len()),
            (PREDICTED, self.predicted.len()),
            (LOGITS, self.logits.len()),
        ];
        if let Some((key, found)) = lengths.into_iter().find(|(_, found)| *found != n) {
            return Err((key, format!("is of {found} programs, and `{CODE}` of {n}")));
        }
        for (code, logits) in self.code.iter().zip(&self.logits) {
            if code.len() != logits.len() {
                let detail = format!("has {} positions for {} tokens", logits.len(), code.len());
                return Err((LOGITS, detail));
            }
            if logits.iter().any(|logits| logits.len() != N_CLASSES) {
                return Err((LOGITS, format!("has not {N_CLASSES} classes everywhere")));
            }
        }
        Ok(())
    }
}

/// `scores` as CodeRL pickles them.
///
/// # Errors
/// When programs have different numbers of positions, which one array cannot hold.
pub fn write_scores(scores: &TreeScores) -> Result<Vec<u8>, String> {
    scores
        .check()
        .map_err(|(key, detail)| format!("key `{key}`: {detail}"))?;
    let n_positions = scores.code.first().map_or(0, Vec::len);
    if scores.code.iter().any(|code| code.len() != n_positions) {
        return Err("programs are not padded to one length".to_owned());
    }
    let shape = [scores.code.len(), n_positions, N_CLASSES];
    let mut writer = PickleWriter::default();
    writer.dict(|writer| {
        for (key, rows) in [(CODE, &scores.code), (PROMPT, &scores.prompt)] {
            writer.text(key);
            writer.list(|writer| {
                for row in rows {
                    writer.list(|writer| {
                        for id in row {
                            writer.int(i32::try_from(*id).unwrap_or(i32::MAX));
                        }
                    });
                }
            });
        }
        writer.text(TRUE_CLASSES);
        writer.list(|writer| {
            for class in &scores.true_classes {
                writer.int(i32::try_from(*class).unwrap_or(i32::MAX));
            }
        });
        writer.text(PREDICTED);
        let predicted = scores.predicted.iter();
        let predicted = predicted.map(|class| i64::try_from(*class).unwrap_or(i64::MAX));
        writer.array_i64(&[scores.predicted.len()], predicted);
        writer.text(LOGITS);
        writer.array_f32(&shape, scores.logits.iter().flatten().flatten().copied());
    });
    Ok(writer.finish())
}

/// The elements of a list, a tuple or an array along its first axis.
fn elements(value: &PickleValue) -> Result<Vec<PickleValue>, String> {
    match value {
        Value::List(items) | Value::Tuple(items) => Ok(items.values().clone()),
        Value::Object(Object::Array(array)) => array.borrow().rows(),
        other => Err(format!(
            "{} where a list or an array is expected",
            other.kind()
        )),
    }
}

fn int(value: &PickleValue) -> Result<i64, String> {
    match value {
        Value::Int(value) if i32::try_from(*value).is_ok() => Ok(*value),
        Value::Int(value) => Err(format!("{value} is no token id")),
        other => Err(format!("{} where a token id is expected", other.kind())),
    }
}

fn class(value: &PickleValue) -> Result<usize, String> {
    match value {
        Value::Int(class @ 0..=3) => Ok(*class as usize),
        Value::Int(class) => Err(format!("{class} is none of the classes 0 to 3")),
        other => Err(format!("{} where a class is expected", other.kind())),
    }
}

fn logit(value: &PickleValue) -> Result<f32, String> {
    match value {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "logits have single precision"
        )]
        Value::Float(value) if value.is_finite() => Ok(*value as f32),
        Value::Float(value) => Err(format!("{value} is no finite number")),
        other => Err(format!("{} where a number is expected", other.kind())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores() -> TreeScores {
        TreeScores {
            code: vec![vec![1, 42, 2, -100], vec![1, 2, -100, -100]],
            prompt: vec![vec![1, 7, 2]; 2],
            true_classes: vec![1, 3],
            predicted: vec![3, 3],
            logits: vec![vec![vec![0.5, -1.0, 0.0, 2.0]; 4]; 2],
        }
    }

    fn read(bytes: &[u8]) -> Result<TreeScores, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.pkl");
        std::fs::write(&path, bytes).unwrap();
        read_scores(&path)
    }

    #[track_caller]
    fn check_error(bytes: &[u8], expected: &[&str]) {
        let error = harness::error_chain(&read(bytes).unwrap_err());
        for expected in expected.iter().chain(&["scores.pkl"]) {
            assert!(error.contains(expected), "no `{expected}` in {error}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(read(&write_scores(&scores()).unwrap()).unwrap(), scores());
    }

    #[test]
    fn nothing_is_executed() {
        let mark = tempfile::tempdir().unwrap();
        let file = mark.path().join("mark");
        let order = format!("touch '{}'", file.display());
        for module in [
            "posix\nsystem",
            "os\nsystem",
            "subprocess\ncall",
            "builtins\neval",
        ] {
            let mut bytes = b"\x80\x02c".to_vec();
            bytes.extend(module.as_bytes());
            bytes.extend(b"\nX");
            bytes.extend(u32::try_from(order.len()).unwrap().to_le_bytes());
            bytes.extend(order.as_bytes());
            bytes.extend(b"\x85R.");
            check_error(
                &bytes,
                &[&module.replace('\n', "."), "nothing was executed"],
            );
        }
        assert!(!file.exists());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = write_scores(&scores()).unwrap();
        check_error(&good[..good.len() / 2], &["cut off"]);
        check_error(b"\x80\x02]q\x00.", &["a list, expected a dict"]);
        check_error(
            b"\x80\x02}q\x00.",
            &["key `error_hidden_states`", "missing"],
        );
        let check = |change: fn(&mut TreeScores), key: &str, detail: &str| {
            let mut scores = scores();
            change(&mut scores);
            let bytes = write_scores(&scores).unwrap();
            check_error(&bytes, &[&format!("key `{key}`"), detail]);
        };
        check(
            |s| s.logits[0][0][0] = f32::NAN,
            "error_hidden_states",
            "NaN is no finite",
        );
        check(
            |s| s.true_classes[0] = 7,
            "gt_error_type",
            "7 is none of the classes",
        );
        let short = TreeScores {
            predicted: vec![3],
            ..scores()
        };
        let error = write_scores(&short).unwrap_err();
        assert!(error.contains("is of 1 programs"), "{error}");
    }
}
