//! Settings: layers, origins, defaults, refusals.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;

use harness::config::{JudgeChoice, Layer, Options, Resolved, Selection, Timeout, default_toml};
use harness::execution::Limits;
use harness::judge::JudgeOptions;
use harness::metric::{Bootstrap, NAtK};
use harness::problem::{Difficulty, ProblemId, Split};
use harness::verdict::Grader;
use harness::{Error, ErrorClass};

use crate::fixture::problems;

fn file(text: &str) -> Result<Layer, Error> {
    Layer::from_toml(Path::new("my.toml"), text)
}

fn resolve(text: &str, command_line: Options) -> Result<Resolved, Error> {
    Resolved::new([file(text)?, Layer::command_line(command_line)])
}

/// `key = value` of a line of the template, whether commented out or not.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.strip_prefix("# ").unwrap_or(line).split_once(" = ")?;
    let is_key = key
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    is_key.then_some((key, value))
}

#[test]
fn the_template_covers_every_key_with_unit_range_and_source() {
    let mut covered = Vec::new();
    let mut comment = String::new();
    for line in default_toml().lines() {
        if let Some((key, _)) = entry(line) {
            for word in ["Unit: ", "Range: ", "Source: "] {
                assert!(comment.contains(word), "`{key}` lacks `{word}`: {comment}");
            }
            covered.push(key);
            comment.clear();
        } else if let Some(text) = line.strip_prefix("# ") {
            comment.push_str(text);
            comment.push(' ');
        } else {
            assert_eq!(line.trim_start_matches('#'), "", "{line}");
            comment.clear();
        }
    }
    assert_eq!(covered, Options::keys());
}

#[test]
fn the_template_can_be_used_with_every_key_set() {
    let text: String = default_toml()
        .lines()
        .filter_map(entry)
        .map(|(key, value)| format!("{key} = {value}\n"))
        .collect();
    let resolved = resolve(&text, Options::default()).unwrap();
    assert!(
        resolved
            .records
            .values()
            .all(|record| record.value.is_some())
    );
    assert!(
        resolved
            .records
            .values()
            .all(|record| record.origin == "`my.toml`")
    );
}

#[test]
fn defaults_agree_with_those_of_the_types() {
    let settings = Resolved::new([]).unwrap().settings;
    assert_eq!(settings.judging.limits("apps"), Limits::default());
    assert_eq!(settings.judging.options, JudgeOptions::default());
    assert_eq!(settings.metrics.bootstrap, Bootstrap::default());
    assert_eq!(settings.selection, Selection::default());
    assert_eq!(settings.judging.graders, [Grader::Strict]);
    assert_eq!(settings.sampling.n_samples, None);
    assert!(settings.running.workers >= NonZeroUsize::MIN);
}

#[test]
fn later_layers_win_and_origins_are_kept() {
    let command_line = Options {
        temperature: Some(1.2),
        ids: Some(vec!["toy/1".into(), "toy/0".into(), "toy/1".into()]),
        ..Options::default()
    };
    let text = "temperature = 0.8\ntop-p = 1.0\nk = [80, 1, 80]\nn-at-k = ['1@80']\n\
                judge = 'both'\nsplit = 'validation'\ndifficulty = ['interview']\nmemory-mib = 64";
    let resolved = resolve(text, command_line).unwrap();
    let settings = &resolved.settings;
    assert_eq!(settings.sampling.temperature, 1.2);
    assert_eq!(settings.sampling.top_p, 1.0);
    assert_eq!(settings.metrics.k, [1, 80]);
    assert_eq!(settings.metrics.n_at_k, [NAtK { n: 1, k: 80 }]);
    assert_eq!(settings.judging.graders, [Grader::Strict, Grader::Apps2021]);
    assert_eq!(settings.judging.memory_bytes, 64 << 20);
    assert_eq!(settings.selection.split, Some(Split::Validation));
    assert_eq!(settings.selection.difficulty, [Difficulty::Interview]);
    let ids = ["toy/0", "toy/1"].map(ProblemId::new);
    assert_eq!(settings.selection.ids, ids);

    let origin = |key: &str| resolved.records[key].origin.as_str();
    assert_eq!(origin("temperature"), "command line");
    assert_eq!(origin("top-p"), "`my.toml`");
    assert_eq!(origin("seed"), "default");
    let shown = resolved.show();
    assert!(
        shown.contains("temperature = 1.2  # command line\n"),
        "{shown}"
    );
    assert!(
        shown.contains("n-at-k = [\"1@80\"]  # `my.toml`\n"),
        "{shown}"
    );
    assert!(shown.contains("use-cache = true  # default\n"), "{shown}");
    assert!(shown.contains("# limit is not set\n"), "{shown}");
    assert_eq!(shown.lines().count(), Options::keys().len());
    let again = resolve(&shown, Options::default()).unwrap();
    assert_eq!(again.settings, *settings, "what is shown can be read");
}

#[test]
fn time_limits_depend_on_the_dataset_unless_set() {
    let seconds = |text: &str, dataset: &str| {
        let timeout = resolve(text, Options::default())
            .unwrap()
            .settings
            .judging
            .timeout;
        timeout.reference_seconds(dataset)
    };
    assert_eq!(seconds("", "apps"), 4.0);
    assert_eq!(seconds("", "humaneval"), 3.0);
    assert_eq!(seconds("", "humaneval-plus"), 4.0);
    assert_eq!(seconds("", "mbpp-sanitized"), 3.0);
    assert_eq!(seconds("", "mine"), 4.0);
    assert_eq!(seconds("timeout = 7", "apps"), 7.0);
    // Entries of a table are merged.
    let own = "timeout-by-dataset = { mine = 9.5, apps = 5 }";
    assert_eq!(seconds(own, "mine"), 9.5);
    assert_eq!(seconds(own, "apps"), 5.0);
    assert_eq!(seconds(own, "humaneval"), 3.0);
    let limits = resolve("timeout = 2.5", Options::default())
        .unwrap()
        .settings;
    assert_eq!(limits.judging.timeout, Timeout::Fixed(2.5));
    assert_eq!(limits.judging.limits("apps").reference_seconds(), 2.5);
}

#[test]
fn unknown_keys_are_named_with_the_nearest() {
    let check = |text: &str, expected: &str| {
        let error = file(text).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Usage);
        let error = error.to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(error.contains("the keys are dataset, split"), "{error}");
    };
    check(
        "tmeout = 3",
        "`my.toml`: unknown key `tmeout`, did you mean `timeout`?; ",
    );
    check(
        "n_samples = 3",
        "`my.toml`: unknown key `n_samples`, did you mean `n-samples`?",
    );
    check(
        "[temprature]\nx = 1",
        "`my.toml`: unknown key `temprature`, did you mean",
    );
    check("zzz = 3", "`my.toml`: unknown key `zzz`; ");
}

#[test]
fn values_of_the_wrong_kind_are_named_with_what_is_allowed() {
    let check = |text: &str, parts: &[&str]| {
        let error = resolve(text, Options::default()).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Usage);
        let error = error.to_string();
        for part in parts {
            assert!(error.contains(part), "`{part}` in `{error}`");
        }
        assert!(error.starts_with("`my.toml`: `"), "{error}");
    };
    check(
        "judge = 'lenient'",
        &["`judge`", "`lenient`", "`strict`, `apps-2021`, `both`"],
    );
    check(
        "split = 'tset'",
        &["`split`", "`prompt`, `train`, `validation`, `test`"],
    );
    check("workers = 0", &["`workers`", "nonzero"]);
    check(
        "workers = 5000",
        &["`workers`: is 5000; allowed is from 1 to 1024"],
    );
    check(
        "timeout = 'long'",
        &["`timeout`", "invalid type: string \"long\""],
    );
    check(
        "timeout = 0",
        &["`timeout`: is 0; allowed is reference seconds above 0"],
    );
    check("timeout = nan", &["`timeout`: is not a finite number"]);
    check(
        "timeout-by-dataset = { apps = -1 }",
        &["`apps` is -1; allowed is reference"],
    );
    check(
        "temperature = -0.1",
        &["`temperature`: is -0.1; allowed is from 0 (greedy) to 10"],
    );
    check(
        "top-p = 0.0",
        &["`top-p`: is 0; allowed is above 0 and up to 1"],
    );
    check(
        "memory-mib = 8192",
        &["`memory-mib`: is 8192; allowed is from 64 to 4096"],
    );
    check(
        "output-mib = 0",
        &["`output-mib`: is 0; allowed is from 1 to 1024"],
    );
    check(
        "confidence-level = 1",
        &["`confidence-level`: is 1; allowed is above 0"],
    );
    check(
        "bootstrap-resamples = 5",
        &["allowed is from 100 to 1000000"],
    );
    check("beams = 0", &["`beams`: is 0; allowed is from 1 to 1000"]);
    check("top-k = 0", &["`top-k`: is 0; allowed is 1 or more"]);
    check(
        "template = 'mbpp'",
        &["`template`", "`mbpp-paper`", "`.toml`"],
    );
    check("backend = 'vllm'", &["`backend`", "`http`"]);
    check(
        "idle-timeout = 0",
        &["`idle-timeout`: is 0; allowed is seconds"],
    );
    check("k = []", &["`k`: is empty"]);
    check("k = [0]", &["`k`", "nonzero"]);
    check("n-at-k = ['5@1']", &["`n-at-k`", "5@1"]);
    check("limit = 0", &["`limit`", "nonzero"]);
    check("seed = -1", &["`seed`"]);
    check("use-cache = 'yes'", &["`use-cache`", "expected a boolean"]);
}

#[test]
fn text_that_is_not_toml_is_pointed_at() {
    let error = file("judge = 'strict'\nk = [1,\n\nsplit")
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("`my.toml`: not TOML: "), "{error}");
    assert!(error.contains("line "), "{error}");
}

#[test]
fn a_k_that_cannot_be_had_is_refused_where_it_was_asked_for() {
    let n_samples = NonZeroU32::new(3);
    let command_line = Options {
        n_samples,
        ..Options::default()
    };
    // The default k = 5 is left to the metric.
    resolve("", command_line.clone()).unwrap();
    let error = resolve("k = [1, 10]", command_line.clone()).unwrap_err();
    let expected = "`my.toml`: `k`: k = 10 needs at least 10 candidates for each problem, and \
                    `n-samples` is 3";
    assert_eq!(error.to_string(), expected);
    let error = resolve("n-at-k = ['1@4']", command_line).unwrap_err();
    assert!(
        error.to_string().contains("`n-at-k`: k = 4 needs"),
        "{error}"
    );
    let error = resolve(
        "",
        Options {
            n_samples,
            k: Some(vec![NonZeroU32::new(4).unwrap()]),
            judge: Some(JudgeChoice::Both),
            ..Options::default()
        },
    )
    .unwrap_err();
    assert!(
        error.to_string().starts_with("command line: `k`: "),
        "{error}"
    );
}

#[test]
fn a_selection_filters_in_order_and_knows_its_ids() {
    let all = problems(12);
    let select = |selection: Selection| -> Result<Vec<String>, Error> {
        let selected = selection.apply("toy", all.clone())?;
        Ok(selected.into_iter().map(|it| it.id.to_string()).collect())
    };
    assert_eq!(select(Selection::default()).unwrap().len(), 12);
    let selection = Selection {
        split: Some(Split::Test),
        difficulty: vec![Difficulty::Introductory, Difficulty::Competition],
        ids: Vec::new(),
        limit: NonZeroUsize::new(3),
    };
    assert_eq!(
        select(selection.clone()).unwrap(),
        ["toy/0", "toy/2", "toy/6"]
    );
    let selection = Selection {
        ids: vec![ProblemId::new("toy/8"), ProblemId::new("toy/2")],
        ..selection
    };
    assert_eq!(
        select(selection.clone()).unwrap(),
        ["toy/2", "toy/8"],
        "dataset order"
    );
    let selection = Selection {
        ids: vec![ProblemId::new("toy/111")],
        ..selection
    };
    let error = select(selection).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Usage);
    let expected = "no problem `toy/111` in dataset `toy`, did you mean `toy/11`?";
    assert_eq!(error.to_string(), expected);
}
