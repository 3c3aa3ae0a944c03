//! Fetching from a server on this machine.

use std::fs;
use std::path::Path;

use datasets::fetch::fetch;
use datasets::{Error, HubSettings, Places};

use crate::hub_server::{Behavior, COMMIT, HubServer};

const REPOSITORY: &str = "codeparrot/apps";

fn row(number: u32) -> String {
    format!(
        r#"{{"problem_id": {number}, "question": "Q", "solutions": "", "input_output": "", "difficulty": "interview", "url": "", "starter_code": ""}}"#
    )
}

/// About 200 kB in `train.jsonl`, one row in `test.jsonl`.
fn apps_files() -> (String, String) {
    let train: Vec<String> = (0..1500).map(row).collect();
    (train.join("\n"), row(0))
}

fn server(behavior: Behavior) -> HubServer {
    let (train, test) = apps_files();
    let files: [(&str, &[u8]); 4] = [
        ("train.jsonl", train.as_bytes()),
        ("test.jsonl", test.as_bytes()),
        ("README.md", b"no data"),
        ("sub/other.jsonl", b"{}"),
    ];
    HubServer::start(REPOSITORY, &files, behavior)
}

fn settings(server: &HubServer, cache: &Path) -> HubSettings {
    HubSettings {
        endpoint: Some(server.endpoint()),
        token: Some("a-token".to_owned()),
        cache_dir: cache.to_owned(),
        offline: false,
        max_resumptions: 0,
    }
}

/// The chain of messages.
fn message(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

#[test]
fn a_fetched_dataset_opens_by_name() {
    let cache = tempfile::tempdir().unwrap();
    let server = server(Behavior::default());
    let settings = settings(&server, cache.path());
    let mut last = None;
    let fetched = fetch("apps", &settings, &mut |progress| {
        last = Some(progress.clone());
    })
    .unwrap();

    let (train, test) = apps_files();
    let expected: u64 = (train.len() + test.len()) as u64;
    assert_eq!(fetched.bytes_transferred, expected);
    let last = last.unwrap();
    assert_eq!(
        (last.file.as_str(), last.file_index, last.n_files),
        ("train.jsonl", 1, 2)
    );
    assert_eq!(last.bytes_done, last.bytes_total);
    assert_eq!(fetched.record.commit, COMMIT);
    assert_eq!(fetched.record.files.len(), 2);

    let places = Places {
        data_dir: None,
        hub_cache: Some(cache.path().to_owned()),
    };
    let dataset = datasets::open("apps", &places).unwrap();
    assert_eq!(
        (
            dataset.name.as_str(),
            dataset.problems.len(),
            dataset.skipped.len()
        ),
        ("apps", 1501, 0)
    );
    assert_eq!(dataset.problems[0].id.as_str(), "apps/test/0000");

    // Nothing is transferred twice; a file that was changed is.
    server.take_transfers();
    assert_eq!(
        fetch("apps", &settings, &mut |_| {})
            .unwrap()
            .bytes_transferred,
        0
    );
    assert_eq!(server.take_transfers(), [] as [&str; 0]);
    let damaged = fetched.snapshot.join("test.jsonl");
    fs::write(&damaged, test.replace('Q', "P")).unwrap();
    let again = fetch("apps", &settings, &mut |_| {}).unwrap();
    assert_eq!(again.bytes_transferred, test.len() as u64);
    assert_eq!(fs::read_to_string(damaged).unwrap(), test);
    assert_eq!(again.record, fetched.record);
}

#[test]
fn an_interrupted_download_goes_on_where_it_stopped() {
    let check = |behavior: Behavior, max_resumptions: u32, n_failures: usize, expected: &[&str]| {
        let cache = tempfile::tempdir().unwrap();
        let server = server(behavior);
        let settings = HubSettings {
            max_resumptions,
            ..settings(&server, cache.path())
        };
        for _ in 0..n_failures {
            let error = message(&fetch("apps", &settings, &mut |_| {}).unwrap_err());
            assert!(
                error.starts_with(
                    "cannot fetch `train.jsonl` from dataset repository `codeparrot/apps`"
                ),
                "{error}"
            );
            assert!(error.contains("it goes on where it stopped"), "{error}");
            // What is not whole does not open.
            let places = Places {
                data_dir: None,
                hub_cache: Some(cache.path().to_owned()),
            };
            let unopened = datasets::open("apps", &places).unwrap_err().to_string();
            assert!(
                unopened.contains("coderl datasets fetch apps"),
                "{unopened}"
            );
        }
        let fetched = fetch("apps", &settings, &mut |_| {}).unwrap();
        let (train, _) = apps_files();
        let content = fs::read_to_string(fetched.snapshot.join("train.jsonl")).unwrap();
        assert!(
            content == train,
            "{} bytes of {}",
            content.len(),
            train.len()
        );
        let transfers = server.take_transfers();
        let of_train: Vec<&str> = transfers
            .iter()
            .filter_map(|line| line.strip_prefix("GET /store/train.jsonl "))
            .collect();
        let half = train.len() / 2;
        let more = half + (train.len() - half) / 2;
        let expected: Vec<String> = expected
            .iter()
            .map(|range| {
                range
                    .replace("HALF", &half.to_string())
                    .replace("MORE", &more.to_string())
                    .replace("LAST", &(train.len() - 1).to_string())
            })
            .collect();
        assert_eq!(of_train, expected);
    };
    let cuts = |n| Behavior {
        cuts: ("train.jsonl", n),
        ..Behavior::default()
    };
    let (first, second) = ("bytes=HALF-LAST", "bytes=MORE-LAST");
    // Within a call, and by the next calls.
    check(cuts(2), 2, 0, &["-", first, second]);
    check(cuts(2), 0, 2, &["-", first, second]);
    check(cuts(2), 1, 1, &["-", first, second]);
    // A server without ranges sends everything again, and that is noticed.
    let without_ranges = Behavior {
        ignores_ranges: true,
        ..cuts(1)
    };
    check(without_ranges, 1, 0, &["-", first]);
}

#[test]
fn refusals_say_what_to_do() {
    let check = |name: &str, behavior: Behavior, token: &str, expected: &[&str]| {
        let cache = tempfile::tempdir().unwrap();
        let server = server(behavior);
        let settings = HubSettings {
            token: Some(token.to_owned()),
            ..settings(&server, cache.path())
        };
        let error = message(&fetch(name, &settings, &mut |_| {}).unwrap_err());
        for part in expected {
            assert!(error.contains(part), "{error}");
        }
    };
    let refuses_with = |status| Behavior {
        refuses_with: Some(status),
        ..Behavior::default()
    };
    let wants_token = Behavior {
        wants_token: Some("right"),
        ..Behavior::default()
    };
    check(
        "apps",
        refuses_with(404),
        "",
        &["`codeparrot/apps`", "`HF_ENDPOINT`", "not found"],
    );
    check("apps", refuses_with(403), "", &["`HF_TOKEN`", "Forbidden"]);
    check(
        "apps",
        wants_token,
        "wrong",
        &["`HF_TOKEN`", "Authentication required"],
    );
    check(
        "humaneval",
        Behavior::default(),
        "",
        &["openai/openai_humaneval"],
    );
    check("builtin", Behavior::default(), "", &["needs no download"]);
    check(
        "nonsense",
        Behavior::default(),
        "",
        &["nonsense", "`humaneval-plus`"],
    );
}

#[test]
fn a_right_token_is_sent() {
    let cache = tempfile::tempdir().unwrap();
    let server = server(Behavior {
        wants_token: Some("a-token"),
        ..Behavior::default()
    });
    fetch("apps", &settings(&server, cache.path()), &mut |_| {}).unwrap();
}

#[test]
fn a_repository_with_other_files_is_an_error() {
    let cache = tempfile::tempdir().unwrap();
    let server = HubServer::start(REPOSITORY, &[("train.jsonl", b"{}")], Behavior::default());
    let error = fetch("apps", &settings(&server, cache.path()), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("has 1 files"), "{error}");
}

#[test]
fn offline_uses_the_cache_alone() {
    let cache = tempfile::tempdir().unwrap();
    let server = server(Behavior::default());
    let online = settings(&server, cache.path());
    let offline = HubSettings {
        offline: true,
        ..online.clone()
    };
    let error = fetch("apps", &offline, &mut |_| {}).unwrap_err();
    assert!(
        error.to_string().contains("`HF_HUB_OFFLINE` is set"),
        "{error}"
    );
    assert_eq!(server.take_transfers(), [] as [&str; 0]);
    let fetched = fetch("apps", &online, &mut |_| {}).unwrap();
    server.behave(Behavior {
        refuses_with: Some(500),
        ..Behavior::default()
    });
    let again = fetch("apps", &offline, &mut |_| {}).unwrap();
    assert_eq!(again.record, fetched.record);
}

#[test]
fn no_network_is_said() {
    let cache = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let settings = HubSettings {
        endpoint: Some(format!("http://{free}")),
        token: None,
        cache_dir: cache.path().to_owned(),
        offline: false,
        max_resumptions: 0,
    };
    let error = message(&fetch("apps", &settings, &mut |_| {}).unwrap_err());
    assert!(error.contains("check the network"), "{error}");
}
