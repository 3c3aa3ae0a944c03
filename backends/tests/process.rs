//! Generating with child processes, good ones and bad ones.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backends::Asking;
use backends::contract::check_generator;
use backends::process::{Model, Process, ProcessError, ProcessOptions};
use harness::candidate::{Candidate, Code};
use harness::contract::{Demand, Generated, GenerationTrouble, Generator, PluginError};
use harness::decoding::{Decoding, Method};
use harness::problem::Problem;
use harness::prompt::{Message, Prompt, PromptStyle, Role, Template, TemplateChoice};
use harness::seed::candidate_seed;
use tempfile::TempDir;

use crate::fixture::problems;

fn child(file: &str, arguments: &[&str]) -> ProcessOptions {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let mut command = vec!["python3".into(), path.into_os_string()];
    command.extend(arguments.iter().map(Into::into));
    ProcessOptions {
        command,
        guard: None,
        start_timeout: Duration::from_secs(60),
        idle_timeout: Duration::from_secs(60),
        max_in_flight: 64,
    }
}

fn toy(arguments: &[&str]) -> ProcessOptions {
    child("tests/children/toy.py", arguments)
}

pub(crate) fn asking(template: Template) -> Asking {
    Asking {
        model: "toy".to_owned(),
        style: PromptStyle::new(&TemplateChoice::BuiltIn(template), &[]).unwrap(),
        decoding: Decoding {
            method: Method::Sample {
                temperature: 0.6,
                top_p: 0.95,
                top_k: None,
            },
            max_new_tokens: 64,
            min_new_tokens: 0,
            stop: vec!["[DONE]".to_owned()],
            max_prompt_tokens: None,
        },
        run_seed: 7,
    }
}

fn process(options: ProcessOptions) -> Process {
    Process::new("process", options, asking(Template::Completion))
}

/// Problems whose prompts differ.
pub(crate) fn some_problems(n: usize) -> Vec<Problem> {
    let ids: Vec<String> = (0..n).map(|index| format!("HumanEval/{index}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut problems = problems(&ids);
    for problem in &mut problems {
        problem.completion_prefix = Some(format!("def f(): # <{}>\n", problem.id));
    }
    problems
}

/// What came of asking for many.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) complete: Vec<String>,
    pub(crate) troubles: Vec<GenerationTrouble>,
}

pub(crate) fn collect(
    generator: &mut dyn Generator,
    problems: &[Problem],
    n: usize,
) -> (Collected, Result<(), PluginError>) {
    let demands: Vec<Demand<'_>> = problems
        .iter()
        .map(|problem| Demand {
            problem,
            n,
            present: Default::default(),
        })
        .collect();
    let mut collected = Collected::default();
    let result = generator.generate_many(&demands, &mut |generated| {
        match generated {
            Generated::Candidates(candidates) => collected.candidates.extend(candidates),
            Generated::Complete(id) => collected.complete.push(id.to_string()),
            Generated::Trouble(trouble) => collected.troubles.push(trouble),
            Generated::Waiting => {}
        }
        ControlFlow::Continue(())
    });
    collected.candidates.sort_by(|a, b| a.id.cmp(&b.id));
    (collected, result)
}

/// What a well-behaved child gives.
fn expected(problems: &[Problem], n: usize) -> Vec<Candidate> {
    let (collected, result) = collect(&mut process(toy(&["well"])), problems, n);
    result.unwrap();
    assert_eq!(collected.candidates.len(), problems.len() * n);
    assert!(collected.troubles.is_empty());
    collected.candidates
}

#[test]
fn keeps_the_contract() {
    check_generator(|| process(toy(&["well"])), &some_problems(3));
}

#[test]
fn candidates_have_their_own_seeds_and_are_cut() {
    let problems = some_problems(1);
    let candidates = expected(&problems, 2);
    let seed = candidate_seed(7, &problems[0].id, 1);
    let second = &candidates[1];
    assert_eq!(second.provenance.seed, Some(seed));
    assert_eq!(second.provenance.n_tokens, Some(3));
    assert_eq!(second.provenance.finish.as_deref(), Some("end"));
    assert_eq!(second.provenance.source.as_deref(), Some("toy"));
    let Code::Completion(text) = &second.code else {
        panic!("a completion continues a prompt")
    };
    // The toy's answer ends behind a stop text of the template, "\nprint".
    assert!(text.starts_with("# ") && !text.contains("print") && !text.contains("DONE"));
}

#[test]
fn what_is_there_is_not_asked_for() {
    let problems = some_problems(2);
    let all = expected(&problems, 4);
    let demands: Vec<Demand<'_>> = problems
        .iter()
        .map(|problem| Demand {
            problem,
            n: 4,
            present: [0, 2].into(),
        })
        .collect();
    let mut made = Vec::new();
    process(toy(&["well"]))
        .generate_many(&demands, &mut |generated| {
            if let Generated::Candidates(candidates) = generated {
                made.extend(candidates);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    made.sort_by(|a, b| a.id.cmp(&b.id));
    let missing: Vec<Candidate> = all
        .into_iter()
        .filter(|candidate| [1, 3].contains(&candidate.id.index))
        .collect();
    assert_eq!(made, missing);
}

/// Bad once: the run has everything in the end, and remembers.
#[test]
fn a_child_that_fails_once_is_replaced() {
    let problems = some_problems(6);
    let all = expected(&problems, 3);
    for (mode, words) in [
        ("once-die", "out of luck"),
        ("once-die-late", "not my day"),
        ("once-rubbish", "`Loading checkpoint shards: 100%`"),
        ("once-stumble", "it is too long"),
        ("once-leave-out", "left out 1 of 3"),
        ("once-unasked", "what it was not asked"),
        ("once-twice", "what it was not asked"),
        ("once-hang", "said nothing for 2 seconds"),
    ] {
        let directory = TempDir::new().unwrap();
        let mark = directory.path().join("mark");
        let mut options = toy(&[mode, mark.to_str().unwrap(), "HumanEval/4>"]);
        if mode == "once-hang" {
            options.idle_timeout = Duration::from_secs(2);
        }
        let (collected, result) = collect(&mut process(options), &problems, 3);
        result.unwrap();
        assert_eq!(collected.candidates, all, "{mode}");
        assert_eq!(
            collected.complete.len(),
            6,
            "{mode}: {:?}",
            collected.complete
        );
        let troubles = &collected.troubles;
        assert!(!troubles.is_empty(), "{mode}");
        for trouble in troubles {
            assert!(trouble.detail.contains(words), "{mode}: {}", trouble.detail);
            assert!(!trouble.gave_up && trouble.attempt == 1, "{mode}");
        }
    }
}

/// Bad for one problem whenever it is asked: the others come all the same.
#[test]
fn a_problem_that_kills_children_costs_itself_alone() {
    let problems = some_problems(6);
    let all = expected(&problems, 2);
    for mode in ["die", "rubbish", "unasked", "stumble", "refuse"] {
        let (collected, result) = collect(&mut process(toy(&[mode, "HumanEval/2>"])), &problems, 2);
        result.unwrap();
        let good: Vec<Candidate> = all
            .iter()
            .filter(|candidate| candidate.id.problem.as_str() != "HumanEval/2")
            .cloned()
            .collect();
        assert_eq!(collected.candidates, good, "{mode}");
        assert_eq!(collected.complete.len(), 6, "{mode}");
        let given_up: Vec<_> = collected.troubles.iter().filter(|t| t.gave_up).collect();
        assert_eq!(given_up.len(), 1, "{mode}: {:?}", collected.troubles);
        assert_eq!(given_up[0].problem.as_str(), "HumanEval/2");
        let attempt = if mode == "refuse" { 1 } else { 2 };
        assert_eq!(given_up[0].attempt, attempt, "{mode}");
    }
}

#[test]
fn a_child_that_fails_always_ends_the_run() {
    let (collected, result) = collect(&mut process(toy(&["die", ""])), &some_problems(50), 1);
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains("5 problems failed one after the other"),
        "{error}"
    );
    assert!(error.contains("out of luck"), "{error}");
    assert!(collected.candidates.is_empty());
}

#[test]
fn children_that_do_not_get_ready_say_why() {
    let check = |options: ProcessOptions, expected: &str| {
        let error = process(options).ready().unwrap_err();
        let text = harness::error_chain(&error);
        assert!(text.contains(expected), "{text}");
    };
    check(toy(&["crash-at-start"]), "no such model");
    check(toy(&["newer"]), "speaks version 2 of the protocol");
    let mut deaf = toy(&["deaf"]);
    deaf.start_timeout = Duration::from_millis(500);
    check(deaf, "said nothing for 0.5 seconds");
    let mut missing = toy(&[]);
    missing.command = vec!["no-such-program-of-coderl".into()];
    check(missing, "cannot start `no-such-program-of-coderl`");
    let mut silent = toy(&[]);
    silent.command = vec!["true".into()];
    check(silent, "the child ended (exit status: 0)");
}

#[test]
fn a_child_is_asked_only_for_what_it_can() {
    let mut asking = asking(Template::Completion);
    asking.decoding.method = Method::Beam {
        n_beams: 2,
        length_penalty: 1.0,
    };
    let mut beams = Process::new("process", toy(&["well"]), asking);
    let error = beams.ready().unwrap_err().to_string();
    assert!(error.contains("cannot search with beams"), "{error}");

    let mut chat = Process::new("process", toy(&["bare"]), self::asking(Template::Chat));
    let error = chat.generate(&some_problems(1)[0], 1).unwrap_err();
    assert!(
        error.to_string().contains("no capability `chat`"),
        "{error}"
    );

    let mut bare = Model::start(&toy(&["bare"])).unwrap();
    let prompt = Prompt::Text(String::new());
    for error in [
        bare.score(&prompt, "x").unwrap_err(),
        bare.count_tokens(&prompt).unwrap_err(),
        bare.train(Default::default(), &mut |_| {}).unwrap_err(),
    ] {
        assert!(matches!(error, ProcessError::Cannot { .. }), "{error}");
    }
}

#[test]
fn children_count_score_and_train() {
    let mut model = Model::start(&toy(&["well"])).unwrap();
    assert_eq!(model.ready().model, "toy");
    let message = Message {
        role: Role::User,
        content: "one two".to_owned(),
    };
    let (n_tokens, text) = model
        .count_tokens(&Prompt::Messages(vec![message]))
        .unwrap();
    assert_eq!((n_tokens, text.as_deref()), (2, Some("<user>one two")));
    let scores = model.score(&Prompt::Text(String::new()), "abc").unwrap();
    assert_eq!(scores.token_ends, [1, 2, 3]);
    let mut steps = Vec::new();
    let settings = [("steps".to_owned(), 2.into())].into();
    let result = model
        .train(settings, &mut |values| steps.push(values["step"].clone()))
        .unwrap();
    assert_eq!(steps, [0, 1]);
    assert_eq!(result["done"], true);
}

#[test]
fn stopping_does_not_wait_for_the_child() {
    let problems = some_problems(3);
    let demands: Vec<Demand<'_>> = problems
        .iter()
        .map(|problem| Demand {
            problem,
            n: 1,
            present: Default::default(),
        })
        .collect();
    let mut generator = process(toy(&["hang", "HumanEval/1>"]));
    generator.ready().unwrap();
    let begun = Instant::now();
    let mut n_waited = 0;
    generator
        .generate_many(&demands, &mut |generated| {
            n_waited += u32::from(generated == Generated::Waiting);
            if n_waited == 3 {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(30));
    // And it can be asked again.
    let candidates = generator.generate(&problems[0], 1).unwrap();
    assert_eq!(candidates.len(), 1);
}

/// The example of the documentation, with a model of random weights, where `transformers` is
/// installed for the `python3` that `CODERL_TRANSFORMERS_PYTHON` names.
#[test]
#[expect(clippy::print_stderr, reason = "says that it was skipped")]
fn the_example_child_generates() {
    let Some(python) = std::env::var_os("CODERL_TRANSFORMERS_PYTHON").map(PathBuf::from) else {
        eprintln!("skipped: CODERL_TRANSFORMERS_PYTHON is not set");
        return;
    };
    let model = TempDir::new().unwrap();
    let made = std::process::Command::new(&python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/children/tiny_model.py"))
        .arg(model.path())
        .status()
        .unwrap();
    assert!(made.success());
    let mut options = child("examples/transformers_child.py", &[]);
    options.command[0] = python.into_os_string();
    options.command.push(model.path().into());
    options.start_timeout = Duration::from_secs(300);
    options.idle_timeout = Duration::from_secs(300);
    let problems = some_problems(2);
    let mut generator = process(options.clone());
    let (all, result) = collect(&mut generator, &problems, 3);
    result.unwrap();
    assert_eq!(all.candidates.len(), 6);
    assert!(all.troubles.is_empty(), "{:?}", all.troubles);
    // A candidate depends on its own seed.
    let one = process(options).generate(&problems[1], 1).unwrap();
    assert_eq!(one[..], all.candidates[3..4]);
    assert_ne!(all.candidates[3].code, all.candidates[4].code);
    let prompt = Prompt::Text("def f():".to_owned());
    let (n_tokens, _) = generator.model().unwrap().count_tokens(&prompt).unwrap();
    // The model's tokens are bytes.
    assert_eq!(n_tokens, 8);
}
