//! Files that nothing can be learnt from are refused, naming file and line.

use harness::training::{CorpusText, PretrainObjective, Stage};
use serde_json::{Value, json};

use super::project::{CODE_RL, CRITIC, Project, rl, sample, write_lines};
use super::results::assert_error;
use crate::fixture::families;

#[test]
fn files_that_are_not_as_they_should_be_are_named() {
    let [case, _] = families();
    let project = Project::new(&case, 0.0);
    let good = serde_json::to_string(&sample(0)).unwrap();
    let lines = |bad: &str| format!("{good}\n{bad}\n");
    let check = |stage: Stage, text: Option<String>, parts: &[&str]| {
        let mut settings = project.settings("out", stage);
        let path = project.path("poisoned.jsonl");
        match text {
            Some(text) => std::fs::write(&path, text).unwrap(),
            None => _ = std::fs::remove_file(&path),
        }
        settings.data.samples = Some(path.clone());
        settings.data.examples = Some(path);
        if let Stage::Rl(_) = settings.stage {
            settings.data.examples = Some(project.path("examples.jsonl"));
        }
        assert_error(&settings, parts);
    };
    let stages = [Stage::Sft, Stage::Critic(CRITIC), Stage::Rl(rl(CODE_RL))];
    for stage in &stages {
        check(stage.clone(), None, &["poisoned.jsonl", "cannot read"]);
        let empty = Some(String::new());
        check(stage.clone(), empty, &["poisoned.jsonl", "no records"]);
        let cut = lines(&good[..good.len() / 2]);
        check(stage.clone(), Some(cut), &["poisoned.jsonl", "line 2"]);
        let typed = lines(&good.replace("\"program\":\"", "\"program\":7,\"x\":\""));
        check(stage.clone(), Some(typed), &["poisoned.jsonl", "line 2"]);
        let binary = format!("{good}\n\u{0}\u{1}\n");
        check(stage.clone(), Some(binary), &["poisoned.jsonl", "line 2"]);
    }
    let rl = &stages[2];
    let with_values = |values: Value| {
        let mut record = serde_json::to_value(sample(1)).unwrap();
        record["token_values"] = values;
        Some(lines(&record.to_string()))
    };
    let n = sample(1).program.len() + 1;
    let first = |value: Value| {
        let mut values = vec![json!(0.5); n];
        values[1] = value;
        with_values(json!(values))
    };
    check(
        rl.clone(),
        first(json!(null)),
        &["poisoned.jsonl", "line 2"],
    );
    let text = first(json!("NaN"));
    check(rl.clone(), text, &["poisoned.jsonl", "line 2"]);
    let text = first(json!(0.375)).map(|text| text.replace("0.375", "NaN"));
    check(rl.clone(), text, &["poisoned.jsonl", "line 2"]);
    check(
        rl.clone(),
        first(json!(1e39)),
        &["poisoned.jsonl", "line 2"],
    );
    for value in [json!(-0.5), json!(1.5)] {
        check(
            rl.clone(),
            first(value),
            &[
                "poisoned.jsonl",
                "line 2",
                "`test/1#0`",
                "token value 2",
                "probabilities",
            ],
        );
    }
    let short = with_values(json!([0.5, 0.5]));
    check(
        rl.clone(),
        short,
        &[
            "poisoned.jsonl",
            "line 2",
            "`test/1#0`",
            "2 token values",
            &format!("{n} tokens"),
        ],
    );
    let none = with_values(json!(null));
    let parts = ["poisoned.jsonl", "line 2", "`test/1#0`", "no token values"];
    check(rl.clone(), none, &parts);
    let mut record = serde_json::to_value(sample(1)).unwrap();
    record["baseline"] = json!(null);
    let text = Some(lines(&record.to_string()));
    let parts = [
        "poisoned.jsonl",
        "line 2",
        "`test/1#0`",
        "no greedy baseline",
    ];
    check(rl.clone(), text, &parts);
    record["feedback"]["outcome"] = json!("splendid");
    let text = Some(lines(&record.to_string()));
    check(rl.clone(), text, &["poisoned.jsonl", "line 2", "splendid"]);
}

#[test]
fn a_corpus_of_which_nothing_can_be_learnt_is_refused() {
    let [t5, llama] = families();
    let stage = Stage::Pretrain {
        objective: PretrainObjective::MaskedSpan,
    };
    let project = Project::new(&t5, 0.0);
    let settings = project.settings("out", stage.clone());
    let text = CorpusText {
        id: "short".to_owned(),
        text: "a".to_owned(),
    };
    write_lines(&project.path("corpus.jsonl"), [text]);
    assert_error(&settings, &["no text of the corpus"]);
    let project = Project::new(&llama, 0.0);
    assert_error(&project.settings("out", stage), &["encoder-decoders"]);
}
