//! From an id as a person types it to a problem.

use harness::problem::{Dataset, Problem};

use crate::error::Error;

/// Ids that an error names.
const MAX_IDS: usize = 6;

/// The problem with this id, in any spelling of the dataset's own: the whole id, or an end
/// of it that only one problem has (`0007`, `test/0007`).
///
/// # Errors
/// No problem has the id, or several have.
pub fn find_problem<'a>(dataset: &'a Dataset, id: &str) -> Result<&'a Problem, Error> {
    if let Some(problem) = dataset
        .problems
        .iter()
        .find(|problem| problem.id.as_str() == id)
    {
        return Ok(problem);
    }
    let wanted = plain(id);
    let found: Vec<&Problem> = dataset
        .problems
        .iter()
        .filter(|problem| {
            let whole = plain(problem.id.as_str());
            whole == wanted || whole.ends_with(&format!("/{wanted}"))
        })
        .collect();
    let failed = |hint: String| {
        Err(Error::NoSuchProblem {
            id: id.to_owned(),
            dataset: dataset.name.clone(),
            hint,
        })
    };
    match found[..] {
        [problem] => Ok(problem),
        [] => {
            let skipped = dataset.skipped.iter().find(|skipped| {
                let whole = plain(&skipped.id);
                whole == wanted || whole.ends_with(&format!("/{wanted}"))
            });
            match (skipped, dataset.problems.first(), dataset.problems.last()) {
                (Some(skipped), _, _) => failed(format!("; it was skipped: {}", skipped.reason)),
                (None, Some(first), Some(last)) => {
                    failed(format!("; ids go from `{}` to `{}`", first.id, last.id))
                }
                _ => failed(String::new()),
            }
        }
        _ => {
            let ids: Vec<String> = found
                .iter()
                .take(MAX_IDS)
                .map(|problem| format!("`{}`", problem.id))
                .collect();
            failed(format!("; it could be {}", ids.join(", ")))
        }
    }
}

/// Lower case, numbers without leading zeros.
fn plain(id: &str) -> String {
    id.split('/')
        .map(|part| match part.trim_start_matches('0') {
            "" if !part.is_empty() => "0".to_owned(),
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => number.to_owned(),
            _ => part.to_lowercase(),
        })
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::builtin;

    #[test]
    fn problems_are_found_by_parts_of_their_ids() {
        let dataset = builtin().unwrap();
        let check = |id: &str, expected: Result<&str, &str>| {
            let found = find_problem(&dataset, id)
                .map(|problem| problem.id.as_str().to_owned())
                .map_err(|error| error.to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{id}");
        };
        check("builtin/apps/0007", Ok("builtin/apps/0007"));
        check("apps/7", Ok("builtin/apps/0007"));
        check("7", Ok("builtin/apps/0007"));
        check("MBPP/11", Ok("builtin/mbpp/11"));
        check("0", Ok("builtin/apps/0000"));
        check(
            "11",
            Err(
                "no problem `11` in dataset `builtin`; it could be `builtin/apps/0011`, `builtin/mbpp/11`",
            ),
        );
        check(
            "99",
            Err(
                "no problem `99` in dataset `builtin`; ids go from `builtin/apps/0000` to `builtin/mbpp/26`",
            ),
        );
    }
}
