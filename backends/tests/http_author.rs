//! Servers as authors of strategies, good ones and bad ones.

use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use backends::http::{HttpAuthor, HttpOptions};
use harness::config::Api;
use harness::problem::Problem;
use harness::prompt::{Message, Prompt, Role, Template};
use harness::strategy::{Author, Draft, Prefix, Stop, Written};
use serde_json::json;

use crate::http::options;
use crate::http_server::{Reply, Request, Server};
use crate::process::{asking, some_problems};

fn author(options: HttpOptions, problems: &[Problem]) -> HttpAuthor {
    let cancel = Arc::new(AtomicBool::new(false));
    let asking = asking(Template::Completion);
    HttpAuthor::new(options, &asking, problems, None, cancel).unwrap()
}

/// A draft of the programs with these seeds, whose prompt is the problem's id.
fn draft<'a>(problem: &'a Problem, seeds: &[u64]) -> Draft<'a> {
    Draft {
        problem: &problem.id,
        prompt: Prompt::Text(format!("# {}\n", problem.id)),
        seeds: seeds.to_vec(),
        prefix: None,
        wants_log_prob: false,
        guidance: None,
    }
}

fn texts(written: &Result<Vec<Written>, String>) -> Vec<&str> {
    let written = written.as_ref().unwrap();
    written.iter().map(|it| it.text.as_str()).collect()
}

/// Answers with the seed, counts tokens, and knows how likely they were.
fn counting(request: &Request) -> Reply {
    let seed = request.body["seed"].as_u64().unwrap();
    let logprobs = match &request.body["logprobs"] {
        value if value.is_null() => json!(null),
        value if value.is_boolean() => json!({"content": [{"logprob": -0.5}, {"logprob": -1.5}]}),
        _ => json!({"token_logprobs": [-0.25, -0.75]}),
    };
    let text = format!("print({seed})");
    let mut choice = json!({"index": 0, "finish_reason": "stop", "logprobs": logprobs});
    if request.path.ends_with("/chat/completions") {
        choice["message"] = json!({"role": "assistant", "content": text});
    } else {
        choice["text"] = json!(text);
    }
    let usage = json!({"prompt_tokens": 7, "completion_tokens": 3});
    Reply::Json(200, json!({"choices": [choice], "usage": usage}))
}

#[test]
fn programs_come_in_the_order_of_drafts_and_seeds() {
    let server = Server::start(|request| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        counting(request)
    });
    let problems = some_problems(2);
    let drafts = [
        draft(&problems[0], &[5, 4, 3]),
        draft(&problems[1], &[]),
        draft(&problems[1], &[2, (1 << 31) + 1]),
    ];
    let answers = author(options(&server), &problems).write(&drafts).unwrap();
    assert_eq!(texts(&answers[0]), ["print(5)", "print(4)", "print(3)"]);
    assert_eq!(texts(&answers[1]), [""; 0]);
    // Servers take 31 bits of a seed.
    assert_eq!(texts(&answers[2]), ["print(2)", "print(1)"]);
    let first = &answers[0].as_ref().unwrap()[0];
    let expected = Written {
        text: "print(5)".to_owned(),
        n_tokens: 3,
        n_prompt_tokens: 7,
        finish: "stop".to_owned(),
        ..Written::default()
    };
    assert_eq!(*first, expected);
    assert!(server.most_at_once() > 1, "one after the other");
}

#[test]
fn a_beginning_is_put_behind_the_prompt_and_before_the_program() {
    let server = Server::start(counting);
    let problems = some_problems(1);
    let mut begun = draft(&problems[0], &[1]);
    begun.prefix = Some(Prefix {
        tokens: vec![9; 14],
        text: "x = 1\n".to_owned(),
    });
    let answers = author(options(&server), &problems).write(&[begun.clone()]);
    assert_eq!(texts(&answers.unwrap()[0]), ["x = 1\nprint(1)"]);
    let body = &server.requests()[0].body;
    let prompt = format!("# {}\nx = 1\n", problems[0].id);
    assert_eq!(body["prompt"], prompt);
    // As long as any other program at most.
    assert_eq!(body["max_tokens"], 64 - 14);

    let mut chat = options(&server);
    chat.api = Api::Chat;
    match author(chat, &problems).write(&[begun]) {
        Err(Stop::Failed(error)) => {
            assert!(error.to_string().contains("conversation"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn conversations_and_log_probabilities_go_by_either_interface() {
    let server = Server::start(counting);
    let problems = some_problems(1);
    let mut wished = draft(&problems[0], &[1]);
    wished.wants_log_prob = true;
    let log_prob = |options, draft: &Draft<'_>| {
        let answers = author(options, &problems).write(from_ref(draft)).unwrap();
        answers[0].as_ref().unwrap()[0].log_prob
    };
    assert_eq!(log_prob(options(&server), &wished), Some(-0.5));
    let message = Message {
        role: Role::User,
        content: "Add.".to_owned(),
    };
    wished.prompt = Prompt::Messages(vec![message]);
    let mut chat = options(&server);
    chat.api = Api::Chat;
    assert_eq!(log_prob(chat, &wished), Some(-1.0));
    let requests = server.requests();
    assert_eq!(requests[0].body["logprobs"], 1);
    assert_eq!(requests[1].body["logprobs"], true);
    let messages = json!([{"role": "user", "content": "Add."}]);
    assert_eq!(requests[1].body["messages"], messages);
}

#[test]
fn what_a_server_leaves_out_costs_the_draft_and_is_named() {
    let problems = some_problems(1);
    let check = |reply: fn(&Request) -> Reply, wants_log_prob, part: &str| {
        let server = Server::start(reply);
        let mut draft = draft(&problems[0], &[1, 2]);
        draft.wants_log_prob = wants_log_prob;
        let answers = author(options(&server), &problems).write(&[draft]);
        let error = answers.unwrap().remove(0).unwrap_err();
        assert!(error.contains(part), "{error}");
    };
    let silent = |_: &Request| Reply::Json(200, json!({"choices": [{"text": "x"}]}));
    check(silent, false, "`usage`");
    // A good server of the other tests says nothing of the prompt.
    check(Request::good, false, "`usage`");
    check(Request::good, true, "log-probabilities");
    let refuse = |_: &Request| Reply::Json(400, json!({"error": {"message": "too long"}}));
    check(refuse, false, "too long");
}

#[test]
fn a_prompt_that_is_too_long_costs_its_problem_alone() {
    let server = Server::start(|request| match request.prompt() {
        prompt if prompt.contains("long") => {
            Reply::Json(400, json!({"error": {"message": "too long"}}))
        }
        _ => counting(request),
    });
    let problems = some_problems(2);
    let mut author = author(options(&server), &problems);
    let short = draft(&problems[0], &[1]);
    assert_eq!(
        texts(&author.write(from_ref(&short)).unwrap()[0]),
        ["print(1)"]
    );
    let mut long = draft(&problems[1], &[1, 2, 3, 4, 5, 6, 7, 8]);
    long.prompt = Prompt::Text("long".to_owned());
    let answers = author.write(&[long, short]).unwrap();
    assert!(answers[0].as_ref().unwrap_err().contains("too long"));
    assert_eq!(texts(&answers[1]), ["print(1)"]);
}

#[test]
fn trouble_that_passes_passes_and_what_does_not_ends_it() {
    let problems = some_problems(1);
    let draft = draft(&problems[0], &[1, 2, 3]);
    let busy_once = Server::start(|request| match request.number {
        0 => Reply::Json(503, json!({"error": "busy"})),
        _ => counting(request),
    });
    let answers = author(options(&busy_once), &problems).write(from_ref(&draft));
    let expected = ["print(1)", "print(2)", "print(3)"];
    assert_eq!(texts(&answers.unwrap()[0]), expected);

    let locked = Server::start(|_| Reply::Json(401, json!({"error": "who are you?"})));
    match author(options(&locked), &problems).write(from_ref(&draft)) {
        Err(Stop::Failed(error)) => {
            assert!(error.to_string().contains("OPENAI_API_KEY"), "{error}");
        }
        other => panic!("{other:?}"),
    }

    let server = Server::start(counting);
    let cancel = Arc::new(AtomicBool::new(true));
    let asking = asking(Template::Completion);
    let mut author = HttpAuthor::new(options(&server), &asking, &problems, None, cancel).unwrap();
    assert!(matches!(author.write(&[draft]), Err(Stop::Cancelled)));
    assert!(server.requests().is_empty());
}
