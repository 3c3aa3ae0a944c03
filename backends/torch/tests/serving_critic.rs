//! The process protocol of a critic, in one process.

use std::io::Cursor;

use backend_torch::checkpoint::Checkpoint;
use backend_torch::serve::critic::{ServedCritic, serve};
use backend_torch::tokenizer::Tokenizer;
use backend_torch::train::{Computing, Critic};
use harness::training::BatchSettings;
use serde_json::{Value, json};
use tch::Device;

use crate::fixture::{Case, families, with_head, write_critic};

/// What a critic of this model answers that reads at most 5 tokens of a program.
fn talk(case: &Case, lines: &[Value]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    write_critic(&with_head(case), folder.path());
    assert!(Critic::is_in(folder.path()));
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let tokenizer = Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config).unwrap();
    let served = ServedCritic {
        critic: &Critic::load(&checkpoint, Computing::on(Device::Cpu)).unwrap(),
        tokenizer: &tokenizer,
        lengths: BatchSettings {
            size: 0,
            max_tokens: u32::MAX,
            epochs: 0.0,
            steps: None,
            max_source_tokens: 600,
            max_target_tokens: 5,
            as_released: false,
        },
        name: "small".to_owned(),
        sha256: "00".to_owned(),
        tokenizer_sha256: tokenizer.digest(),
    };
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    let mut output = Vec::new();
    serve(&served, Cursor::new(text.join("\n")), &mut output).unwrap();
    let answers = String::from_utf8(output).unwrap();
    let answers = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    answers.collect()
}

fn score(id: u64, completion: &str) -> Value {
    json!({"type": "score", "id": id, "prompt": {"text": "ab"}, "completion": completion})
}

#[test]
fn programs_get_logits_by_token_and_as_a_whole() {
    for case in families() {
        let answers = talk(
            &case,
            &[
                json!({"type": "hello", "protocol": 1}),
                score(1, "cdé"),
                score(2, "a longer one"),
                score(3, "cdé"),
                json!({"type": "generate", "id": 4, "prompt": {"text": "a"}, "seeds": [1],
                       "method": {"name": "greedy"}, "max_new_tokens": 3}),
            ],
        );
        let can = answers[0]["capabilities"].as_array().unwrap();
        assert!(can.contains(&json!("critic")) && !can.contains(&json!("generate")));
        assert_eq!(answers[0]["tokenizer_sha256"].as_str().unwrap().len(), 64);
        let scores = &answers[1];
        assert_eq!(scores["classes"], json!(["failed", "passed"]));
        // Tokens are bytes here; the end of the text is not among them.
        assert_eq!(scores["token_ends"], json!([1, 2, 3, 4]));
        let logits = scores["outcome_logits"].as_array().unwrap();
        assert_eq!(logits.len(), 4);
        for class in 0..2 {
            let largest = logits
                .iter()
                .map(|logits| logits[class].as_f64().unwrap())
                .fold(f64::NEG_INFINITY, f64::max);
            // That of the end counts too.
            assert!(scores["pooled_outcome_logits"][class].as_f64().unwrap() >= largest);
        }
        assert_eq!(answers[2]["token_ids"].as_array().unwrap().len(), 5);
        assert_eq!(answers[2]["outcome_logits"].as_array().unwrap().len(), 5);
        // What else is asked makes no difference.
        assert_eq!(answers[3]["outcome_logits"], scores["outcome_logits"]);
        assert_eq!(answers[4]["type"], "error");
        let message = answers[4]["message"].as_str().unwrap();
        assert!(message.contains("is a critic"), "{message}");
    }
}
