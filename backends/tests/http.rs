//! Generating with servers, good ones and bad ones.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use backends::contract::check_generator;
use backends::http::{Http, HttpOptions, RequestLog, RequestRecord};
use harness::candidate::Candidate;
use harness::config::{Api, Selection};
use harness::contract::{Demand, Generated, Generator};
use harness::problem::Problem;
use harness::prompt::Template;
use harness::seed::candidate_seed;
use harness::store::{DatasetRecord, Manifest, RunDirectory};
use serde_json::json;

use crate::http_server::{Reply, Request, Server};
use crate::process::{asking, collect, some_problems};

pub(crate) fn options(server: &Server) -> HttpOptions {
    HttpOptions {
        base_url: server.base_url.clone(),
        api_key: None,
        api: Api::Completions,
        choices_per_request: 1,
        max_in_flight: 4,
        request_timeout: Duration::from_secs(20),
        max_retries: 2,
        first_wait: Duration::from_millis(20),
        extra: Default::default(),
    }
}

fn http(options: HttpOptions) -> Http {
    Http::new(options, asking(Template::Completion), None).unwrap()
}

/// What a good server gives, one choice a request.
fn expected(problems: &[Problem], n: usize) -> Vec<Candidate> {
    let server = Server::start(Request::good);
    let (collected, result) = collect(&mut http(options(&server)), problems, n);
    result.unwrap();
    assert_eq!(collected.candidates.len(), problems.len() * n);
    assert!(collected.troubles.is_empty());
    collected.candidates
}

#[test]
fn keeps_the_contract() {
    let server = Server::start(Request::good);
    check_generator(|| http(options(&server)), &some_problems(2));
    let mut three = options(&server);
    three.choices_per_request = 3;
    check_generator(|| http(three.clone()), &some_problems(2));
}

#[test]
fn requests_are_those_of_the_interfaces() {
    let server = Server::start(Request::good);
    let problem = &some_problems(1)[0];
    let mut with_key = options(&server);
    with_key.api_key = Some("sk-secret".to_owned());
    with_key.extra.insert("min_p".to_owned(), json!(0.0));
    http(with_key.clone()).generate(problem, 1).unwrap();
    with_key.api = Api::Chat;
    Http::new(with_key.clone(), asking(Template::Chat), None)
        .unwrap()
        .generate(problem, 1)
        .unwrap();
    let requests = server.requests();
    let [completion, chat] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert_eq!(completion.path, "/v1/completions");
    assert_eq!(completion.header("authorization"), Some("Bearer sk-secret"));
    assert_eq!(completion.header("content-type"), Some("application/json"));
    let seed = candidate_seed(7, &problem.id, 0) & 0x7fff_ffff;
    let expected = json!({
        "model": "toy", "prompt": problem.completion_prefix, "n": 1, "seed": seed,
        "temperature": 0.6, "top_p": 0.95, "max_tokens": 64, "min_p": 0.0,
        // As many as OpenAI takes.
        "stop": ["[DONE]", "\nclass", "\ndef", "\n#"]
    });
    assert_eq!(completion.body, expected);
    assert_eq!(chat.path, "/v1/chat/completions");
    assert_eq!(chat.body["messages"][0]["role"], "user");
    assert!(!format!("{with_key:?}").contains("sk-secret"));
}

#[test]
fn a_conversation_needs_the_chat_interface() {
    let server = Server::start(Request::good);
    let mut generator = Http::new(options(&server), asking(Template::Chat), None).unwrap();
    let error = generator.generate(&some_problems(1)[0], 1).unwrap_err();
    assert!(error.to_string().contains("`--api chat`"), "{error}");
}

/// Whatever a server makes of `n`, there are as many candidates as were asked for, and none of
/// the server's choices is used twice.
#[test]
fn wrong_counts_of_choices_are_made_up_for() {
    let check = |name: &str, answer: fn(&Request) -> Reply, n_requests: usize| {
        let server = Server::start(answer);
        let mut four = options(&server);
        four.choices_per_request = 4;
        four.max_in_flight = 1;
        let (collected, result) = collect(&mut http(four), &some_problems(2), 6);
        result.unwrap();
        let texts: BTreeSet<String> = collected
            .candidates
            .iter()
            .map(|candidate| format!("{:?}", candidate.code))
            .collect();
        assert_eq!(texts.len(), 12, "{name}: {:?}", collected.candidates);
        assert_eq!(collected.complete.len(), 2, "{name}");
        assert!(collected.troubles.is_empty(), "{name}");
        assert_eq!(server.requests().len(), n_requests, "{name}");
    };
    check("right", Request::good, 4);
    check("more", |request| request.choices(request.n() + 3), 4);
    // 4 are asked for and 3 come, then 1; 2 and 1 comes, which looks like a server that does not
    // look at `n`, so the rest is asked for one by one.
    check(
        "fewer",
        |request| request.choices(request.n().div_ceil(2) + request.n() / 4),
        2 + 2 + 6,
    );
    // 4 are asked for once; after that one at a time.
    check("one", |request| request.choices(1), 12);
}

#[test]
fn what_fails_once_is_asked_again() {
    let problems = some_problems(4);
    let all = expected(&problems, 2);
    type Bad = fn(&Request) -> Reply;
    let bad: [(&str, Bad, &str); 9] = [
        (
            "500",
            |_| Reply::Json(500, json!({"error": {"message": "oops"}})),
            "oops",
        ),
        (
            "503",
            |_| Reply::Other(503, "", "text/html", "<h1>busy</h1>".into()),
            "<h1>busy",
        ),
        (
            "429",
            |_| Reply::Json(429, json!({"error": "slow down"})),
            "slow down",
        ),
        (
            "truncated",
            |_| Reply::Truncated("{\"choices\": [{\"text\": \"pri".into()),
            "/v1/completions`",
        ),
        (
            "broken",
            |_| Reply::Other(200, "", "application/json", "{\"choices\": [{".into()),
            "is broken",
        ),
        (
            "page",
            |_| Reply::Other(200, "", "text/html", "<html>Welcome</html>".into()),
            "of text/html: `<html>Welcome</html>`",
        ),
        (
            "nothing",
            |_| Reply::Json(200, json!({"choices": []})),
            "has no choices",
        ),
        ("hang", |_| Reply::Hang(Duration::from_secs(3)), "timeout"),
        ("close", |_| Reply::Close, "/v1/completions`"),
    ];
    for (name, reply, words) in bad {
        let is_first = AtomicBool::new(true);
        let server = Server::start(move |request| {
            if request.prompt().contains("HumanEval/2>") && is_first.swap(false, Ordering::SeqCst) {
                reply(request)
            } else {
                request.good()
            }
        });
        let mut options = options(&server);
        if name == "hang" {
            options.request_timeout = Duration::from_secs(1);
        }
        let (collected, result) = collect(&mut http(options), &problems, 2);
        result.unwrap();
        assert_eq!(collected.candidates, all, "{name}");
        let troubles = &collected.troubles;
        assert_eq!(troubles.len(), 1, "{name}: {troubles:?}");
        assert!(
            troubles[0].detail.contains(words),
            "{name}: {}",
            troubles[0].detail
        );
        assert_eq!((troubles[0].attempt, troubles[0].gave_up), (1, false));
        assert_eq!(server.requests().len(), 9, "{name}");
    }
}

#[test]
fn the_wait_that_a_server_asks_for_is_kept() {
    let is_first = AtomicBool::new(true);
    let server = Server::start(move |request| {
        if is_first.swap(false, Ordering::SeqCst) {
            let body = "{\"error\": {\"message\": \"slow down\"}}".to_owned();
            Reply::Other(429, "retry-after: 1\r\n", "application/json", body)
        } else {
            request.good()
        }
    });
    let begun = Instant::now();
    let candidates = http(options(&server)).generate(&some_problems(1)[0], 1);
    assert_eq!(candidates.unwrap().len(), 1);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_request_that_is_refused_costs_its_problem_alone() {
    let problems = some_problems(8);
    let server = Server::start(|request| {
        if request.prompt().contains("HumanEval/5>") {
            let message = "This model's maximum context length is 4 tokens";
            Reply::Json(400, json!({"error": {"message": message}}))
        } else {
            request.good()
        }
    });
    let mut one_by_one = options(&server);
    one_by_one.max_in_flight = 1;
    let (collected, result) = collect(&mut http(one_by_one), &problems, 2);
    result.unwrap();
    assert_eq!(collected.candidates.len(), 14);
    assert_eq!(collected.complete.len(), 8);
    assert!(collected.troubles.iter().all(|trouble| trouble.gave_up
        && trouble.problem.as_str() == "HumanEval/5"
        && trouble.detail.contains("maximum context length")));
}

#[test]
fn what_no_request_would_get_past_ends_the_run() {
    let check = |api_key: Option<&str>, reply: fn(&Request) -> Reply, words: &[&str]| {
        let server = Server::start(reply);
        let mut options = options(&server);
        options.api_key = api_key.map(str::to_owned);
        let (collected, result) = collect(&mut http(options), &some_problems(30), 1);
        let error = result.unwrap_err().to_string();
        for words in words {
            assert!(error.contains(words), "{error}");
        }
        assert!(!error.contains("sk-secret"), "{error}");
        let troubles = format!("{:?}", collected.troubles);
        assert!(!troubles.contains("sk-secret"), "{troubles}");
        assert!(server.requests().len() < 30);
    };
    check(
        None,
        |_| Reply::Json(401, json!({"error": {"message": "no key"}})),
        &["401", "OPENAI_API_KEY is not set", "no key"],
    );
    check(
        Some("sk-secret"),
        |_| Reply::Json(401, json!({"error": {"message": "bad key sk-secret"}})),
        &["is OPENAI_API_KEY the right one?", "bad key ***"],
    );
    check(
        None,
        |_| Reply::Json(404, json!({"detail": "Not Found"})),
        &["404", "Not Found", "end with the version"],
    );
    check(
        None,
        |_| {
            let error = json!({"code": "insufficient_quota", "message": "pay"});
            Reply::Json(429, json!({ "error": error }))
        },
        &["no money left", "pay"],
    );
    // A field that the server does not like is not the problem's fault.
    check(
        None,
        |_| Reply::Json(400, json!({"error": {"message": "unknown field `seed`"}})),
        &[
            "problems failed one after the other",
            "unknown field `seed`",
        ],
    );
    check(
        None,
        |_| Reply::Json(500, json!({"error": {"message": "down"}})),
        &["problems failed one after the other", "down"],
    );
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let server = Server::start(Request::good);
    let mut gone = options(&server);
    gone.max_retries = 0;
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    gone.base_url = format!("http://user:password@{address}/v1/");
    let (_, result) = collect(&mut http(gone), &some_problems(9), 1);
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains(&format!("`http://{address}/v1/completions`")),
        "{error}"
    );
    assert!(!error.contains("password"), "{error}");

    let mut nonsense = options(&server);
    nonsense.base_url = "127.0.0.1:8000".to_owned();
    let error = Http::new(nonsense, asking(Template::Completion), None)
        .err()
        .expect("it is refused");
    assert!(error.to_string().contains("`http://`"), "{error}");
}

#[test]
fn so_many_requests_are_in_flight_and_no_more() {
    let server = Server::start(|request| {
        std::thread::sleep(Duration::from_millis(20));
        request.good()
    });
    let (collected, result) = collect(&mut http(options(&server)), &some_problems(10), 4);
    result.unwrap();
    assert_eq!(collected.candidates.len(), 40);
    let most = server.most_at_once();
    assert!((2..=4).contains(&most), "{most} at once");
}

fn run_directory(path: &std::path::Path) -> RunDirectory {
    let dataset = DatasetRecord {
        name: "toy".to_owned(),
        path: None,
        sha256: String::new(),
        n_problems: 0,
        n_skipped: 0,
        n_selected: 0,
        selection: Selection::default(),
        excluded: None,
    };
    RunDirectory::create_or_resume(path, Manifest::new("0", BTreeMap::new(), dataset)).unwrap()
}

/// Stopped at any moment and begun again with nothing stored but the log, a run asks for nothing
/// twice.
#[test]
fn nothing_is_asked_for_twice() {
    let problems = some_problems(6);
    let directory = tempfile::tempdir().unwrap();
    let n_asked = Arc::new(AtomicUsize::new(0));
    let n_counted = Arc::clone(&n_asked);
    let server = Server::start(move |request| {
        n_counted.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(5));
        request.good()
    });
    let mut two = options(&server);
    two.choices_per_request = 2;
    let mut last = None;
    for stop_after in [1, 5, 9, usize::MAX] {
        let run = run_directory(directory.path());
        let log = RequestLog::new(run.requests::<RequestRecord>().unwrap());
        let mut generator =
            Http::new(two.clone(), asking(Template::Completion), Some(log)).unwrap();
        let demands: Vec<Demand<'_>> = problems
            .iter()
            .map(|problem| Demand {
                problem,
                n: 5,
                present: BTreeSet::new(),
            })
            .collect();
        let mut candidates = Vec::new();
        let mut n_told = 0;
        generator
            .generate_many(&demands, &mut |generated| {
                if let Generated::Candidates(made) = generated {
                    candidates.extend(made);
                    n_told += 1;
                    if n_told == stop_after {
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        last = Some(candidates);
    }
    let mut candidates = last.unwrap();
    candidates.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(candidates.len(), 30);
    // Three requests a problem: 2 and 2 and 1.
    assert_eq!(n_asked.load(Ordering::SeqCst), 18);
    assert_eq!(server.requests().len(), 18);
    let log = std::fs::read_to_string(directory.path().join("requests.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 18);

    let (again, result) = collect(&mut http(two), &problems, 5);
    result.unwrap();
    assert_eq!(again.candidates, candidates, "with the log as without");
}

#[test]
fn stopping_does_not_wait_for_the_next_try() {
    let server = Server::start(|_| Reply::Json(500, json!({})));
    let mut patient = options(&server);
    patient.first_wait = Duration::from_secs(60);
    let problems = some_problems(2);
    let demands: Vec<Demand<'_>> = problems
        .iter()
        .map(|problem| Demand {
            problem,
            n: 1,
            present: BTreeSet::new(),
        })
        .collect();
    let begun = Instant::now();
    http(patient)
        .generate_many(&demands, &mut |generated| match generated {
            Generated::Trouble(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20));
}
