//! The process protocol, in one process.

use std::io::Cursor;

use backend_torch::serve::{ServeError, Served, serve};
use serde_json::{Value, json};

use crate::fixture::{case, families, limits, load};

fn talk(case: &crate::fixture::Case, lines: &[Value]) -> (Vec<Value>, Result<(), ServeError>) {
    let loaded = load(case);
    let served = Served {
        model: &*loaded.model,
        tokenizer: &loaded.tokenizer,
        end_tokens: &loaded.end_tokens,
        name: "small".to_owned(),
        sha256: "00".to_owned(),
        tokenizer_sha256: loaded.tokenizer.digest(),
        limits: limits(4),
        guide: None,
    };
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    let mut output = Vec::new();
    let result = serve(&served, Cursor::new(text.join("\n")), &mut output);
    let answers = String::from_utf8(output)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    (answers, result)
}

fn generate(id: u64, seeds: &[u64]) -> Value {
    json!({
        "type": "generate", "id": id, "prompt": {"text": "def f(x):"}, "seeds": seeds,
        "method": {"name": "sample", "temperature": 1.0, "top_p": 0.9}, "max_new_tokens": 12,
        "log_probs": true,
    })
}

#[test]
fn requests_are_answered_whatever_comes_between() {
    for case in families() {
        let (answers, result) = talk(
            &case,
            &[
                json!({"type": "hello", "protocol": 1}),
                generate(1, &[7, 8, 9]),
                json!({"type": "train", "id": 2, "settings": {}}),
                json!({"type": "tokenize", "id": 3, "prompt": {"text": "abc"}}),
                generate(4, &[9, 8]),
                json!({"type": "generate", "id": 5, "prompt": {"messages": []}, "seeds": [1],
                       "method": {"name": "greedy"}, "max_new_tokens": 3}),
                json!({"type": "score", "id": 6, "prompt": {"text": "ab"}, "completion": "cd"}),
            ],
        );
        result.unwrap();
        assert_eq!(answers[0]["type"], "ready");
        assert_eq!(answers[0]["model"], "small");
        let of = |id: u64, kind: &str| -> Vec<&Value> {
            let wanted = |it: &&Value| it["id"] == id && it["type"] == kind;
            answers.iter().filter(wanted).collect()
        };
        assert_eq!(of(1, "completion").len(), 3);
        assert_eq!(of(1, "done").len(), 1);
        assert_eq!(of(2, "error").len(), 1);
        assert_eq!(of(3, "tokens")[0]["n_tokens"], 3);
        assert_eq!(of(5, "error").len(), 1, "no chat template");
        // Equal seeds give equal candidates, in whatever request.
        let text_of = |id: u64, index: u64| -> &Value {
            let all = of(id, "completion");
            let found = all.into_iter().find(|it| it["index"] == index);
            found.unwrap()
        };
        for (first, second) in [(2, 0), (1, 1)] {
            let (a, b) = (text_of(1, first), text_of(4, second));
            assert_eq!((&a["text"], &a["log_probs"]), (&b["text"], &b["log_probs"]));
        }
        let scores = of(6, "scores")[0];
        assert_eq!(scores["token_ends"], json!([1, 2]));
        assert_eq!(scores["log_probs"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn long_prompts_are_cut_where_asked_for() {
    let mut long = generate(1, &[1]);
    long["max_prompt_tokens"] = json!(4);
    let case = case("llama 6/6 heads");
    let (answers, _) = talk(&case, &[json!({"type": "hello", "protocol": 1}), long]);
    let done = answers.iter().find(|it| it["type"] == "done").unwrap();
    assert_eq!(done["n_prompt_tokens"], 4);
    assert_eq!(done["prompt_cut"], true);
}

#[test]
fn what_is_not_of_the_protocol_ends_the_child() {
    let case = case("llama 6/6 heads");
    let check = |lines: &[Value], expected: &str| {
        let (_, result) = talk(&case, lines);
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&[json!({"type": "hello", "protocol": 9})], "version 9");
    check(&[generate(1, &[1])], "not `hello`");
    check(
        &[
            json!({"type": "hello", "protocol": 1}),
            json!({"type": "sing"}),
        ],
        "request 2",
    );
}
