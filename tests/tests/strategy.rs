//! Strategies through the binary: with children that follow rules, and with the real engine where
//! it is built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::{Coderl, Done, workspace};
use serde_json::Value;

const CRITIC_SAMPLING: &str = "run problems.jsonl --backend torch --model actor --strategy \
                               critic-sampling --critic critic --repair-model repair -n 6 --k 1,6 \
                               --no-cache --template apps-generation";

/// An easy problem, one that the actor never solves, one that shows no test, and one of which the
/// hidden tests want something else than its example.
fn write_problems(coderl: &Coderl, hidden: &str) {
    let line = |id: &str, statement: &str, example: bool, hidden: &str| {
        format!(
            "{{\"id\": \"{id}\", \"statement\": \"{statement}\", \"tests\": [{{\"input\": \
             \"1\\n\", \"output\": \"2\", \"example\": {example}}}, {{\"input\": \"5\\n\", \
             \"output\": \"{hidden}\"}}]}}\n"
        )
    };
    let text = line("easy", "Add one.", true, "6")
        + &line("hard", "HARD: add one.", true, "6")
        + &line("bare", "Add one, without examples.", false, "6")
        + &line("trap", "Add one, they say.", true, hidden);
    fs::write(coderl.path("problems.jsonl"), text).unwrap();
}

fn command(coderl: &Coderl, arguments: &str) -> Command {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let mut command = coderl.command(&arguments);
    let toy = workspace().join("backends/tests/children/strategist.py");
    command.env("CODERL_TORCH", toy);
    command
}

fn run(coderl: &Coderl, arguments: &str) -> Done {
    let output = command(coderl, arguments).output();
    output.map(Done::from).expect("the binary starts")
}

fn records(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The record of a problem.
fn of<'a>(records: &'a [Value], problem: &str) -> &'a Value {
    let found = records.iter().find(|it| it["problem"] == problem);
    found.unwrap_or_else(|| panic!("no `{problem}`"))
}

#[test]
fn critic_sampling_refines_repairs_and_accounts() {
    let coderl = Coderl::new();
    write_problems(&coderl, "6");
    let done = run(&coderl, &format!("{CRITIC_SAMPLING} --out cs"));
    done.assert_exit(0);
    for text in [
        "repaired and refined",
        "no examples",
        "What the strategy used",
    ] {
        assert!(
            done.stdout.contains(text),
            "no `{text}` in\n{}",
            done.stdout
        );
    }
    let strategy = records(&coderl.path("cs/strategy.jsonl"));
    let path = |problem| of(&strategy, problem)["path"].as_str().unwrap().to_owned();
    assert_eq!(path("easy"), "refined");
    assert_eq!(path("hard"), "repaired-and-refined");
    assert_eq!(path("bare"), "no-examples");
    let budget = &of(&strategy, "hard")["budget"];
    assert!(budget["repair_tokens"].as_u64() > Some(0), "{budget}");
    assert!(budget["seed_tokens"].as_u64() > Some(0), "{budget}");
    // Wrong programs are of four kinds, and the repaired ones of one.
    let runs = budget["example_runs"].as_u64().unwrap();
    assert!((2..=5).contains(&runs), "{budget}");

    let candidates = records(&coderl.path("cs/candidates.jsonl"));
    assert_eq!(candidates.len(), 4 * 6);
    for candidate in &candidates {
        let strategy = &candidate["provenance"]["strategy"];
        let is_plain = candidate["id"]["problem"] == "bare";
        let round = if is_plain { "plain" } else { "refine" };
        assert_eq!(strategy["round"], round, "{candidate}");
        assert_eq!(strategy["parent"].is_null(), is_plain, "{candidate}");
        if !is_plain {
            // Up to the first `)`, where the critic's token values are largest.
            let text = candidate["code"]["text"].as_str().unwrap();
            assert!(text.starts_with("print(int(input()"), "{text}");
            assert_eq!(strategy["seed_tokens"], 17);
        }
    }
    let manifest: Value =
        serde_json::from_slice(&fs::read(coderl.path("cs/manifest.json")).unwrap()).unwrap();
    let strategy = &manifest["generation"]["strategy"];
    assert_eq!(strategy["name"], "critic-sampling");
    assert_eq!(strategy["critic"]["sha256"], "cd".repeat(32));
    // Other rounds are another run.
    let other = run(
        &coderl,
        &format!("{CRITIC_SAMPLING} --rounds refine --out cs"),
    );
    other.assert_exit(2);
    let part = "generation.strategy.repair_rounds";
    assert!(other.stderr.contains(part), "{}", other.stderr);
}

#[test]
fn hidden_tests_make_no_difference_before_the_end() {
    // In `trap` the programs that pass the example fail or pass in the end by this alone.
    let [honest, contrary] = ["6", "banana"].map(|hidden| {
        let coderl = Coderl::new();
        write_problems(&coderl, hidden);
        run(&coderl, &format!("{CRITIC_SAMPLING} --out cs")).assert_exit(0);
        coderl
    });
    let read = |coderl: &Coderl, file: &str| fs::read(coderl.path("cs").join(file)).unwrap();
    for file in ["strategy.jsonl", "candidates.jsonl"] {
        assert!(
            read(&honest, file) == read(&contrary, file),
            "`{file}` differs"
        );
    }
    let n_passed = |coderl: &Coderl| {
        let verdicts = records(&coderl.path("cs/verdicts.jsonl"));
        let of_trap = verdicts
            .iter()
            .filter(|it| it["candidate"]["problem"] == "trap");
        of_trap
            .filter(|it| it["judgement"]["outcome"] == "passed-tests")
            .count()
    };
    assert!(n_passed(&honest) > 0);
    assert_eq!(n_passed(&contrary), 0);
}

#[test]
fn a_killed_run_goes_on_to_the_same_files() {
    let coderl = Coderl::new();
    write_problems(&coderl, "6");
    run(&coderl, &format!("{CRITIC_SAMPLING} --out whole")).assert_exit(0);
    let arguments = format!("{CRITIC_SAMPLING} --out killed");
    for patience in [1500, 2500, 3500] {
        let mut child = command(&coderl, &arguments)
            .env("CODERL_TOY_STRATEGIST", "slow")
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(Duration::from_millis(patience));
        // It may have ended.
        let _ = child.kill();
        child.wait().expect("the child ends");
    }
    run(&coderl, &arguments).assert_exit(0);
    for file in ["strategy.jsonl", "candidates.jsonl", "verdicts.jsonl"] {
        let read = |out: &str| fs::read(coderl.path(out).join(file)).unwrap();
        assert!(read("whole") == read("killed"), "`{file}` differs");
    }
}

#[test]
fn plain_sampling_and_the_best_of_n_take_the_same_budget() {
    let coderl = Coderl::new();
    write_problems(&coderl, "6");
    run(&coderl, &format!("{CRITIC_SAMPLING} --out cs")).assert_exit(0);
    let shared = "run problems.jsonl --backend torch --model actor --k 1 --no-cache --template \
                  apps-generation";
    run(
        &coderl,
        &format!("{shared} --strategy plain --budget-of cs --out plain"),
    )
    .assert_exit(0);
    let best = format!("{shared} --strategy best-of-n --budget-of cs --keep 1");
    for (rank, more) in [
        ("examples", ""),
        ("log-prob", ""),
        ("critic", "--critic critic"),
    ] {
        let done = run(
            &coderl,
            &format!("{best} --rank {rank} {more} --out best-{rank}"),
        );
        done.assert_exit(0);
        let candidates = records(
            &coderl
                .path(&format!("best-{rank}"))
                .join("candidates.jsonl"),
        );
        assert_eq!(candidates.len(), 4, "{rank}");
    }
    let spent = |out: &str, problem: &str| {
        let strategy = records(&coderl.path(out).join("strategy.jsonl"));
        let budget = &of(&strategy, problem)["budget"];
        ["actor_tokens", "repair_tokens"]
            .map(|key| budget[key].as_u64().unwrap())
            .iter()
            .sum::<u64>()
    };
    for problem in ["easy", "hard", "bare", "trap"] {
        let [budget, plain, best] = ["cs", "plain", "best-examples"].map(|it| spent(it, problem));
        // The longest program has 24 tokens.
        assert!(
            plain <= budget && plain + 25 > budget,
            "{problem}: {plain} of {budget}"
        );
        assert_eq!(plain, best);
    }
    // The plain arm begins as a plain run does.
    run(&coderl, &format!("{shared} -n 6 --out without")).assert_exit(0);
    let texts = |out: &str| -> Vec<Value> {
        let candidates = records(&coderl.path(out).join("candidates.jsonl"));
        let first = candidates
            .into_iter()
            .filter(|it| it["id"]["index"].as_u64() < Some(3));
        first.map(|it| it["code"].clone()).collect()
    };
    assert_eq!(texts("plain"), texts("without"));
}

#[test]
fn a_critic_beside_the_actor_guides_it_and_is_on_the_bill() {
    let coderl = Coderl::new();
    write_problems(&coderl, "6");
    let shared = "run problems.jsonl --backend torch --model actor -n 4 --k 1 --no-cache --template \
                  apps-generation";
    let guided = format!("{shared} --strategy guided --critic critic");
    let done = run(&coderl, &format!("{guided} --guidance 2 --out guided"));
    done.assert_exit(0);
    assert!(done.stdout.contains("guided"), "{}", done.stdout);
    let strategy = records(&coderl.path("guided/strategy.jsonl"));
    for problem in ["easy", "hard", "bare", "trap"] {
        let record = of(&strategy, problem);
        assert_eq!(record["path"], "guided");
        let count = |key: &str| record["budget"][key].as_u64().unwrap();
        assert_eq!(count("critic_passes"), 4);
        // The prompt once, and three tokens for each that was written.
        let read = count("prompt_tokens") + 3 * count("actor_tokens");
        assert_eq!(count("critic_tokens"), read);
    }
    let manifest = fs::read_to_string(coderl.path("guided/manifest.json")).unwrap();
    assert!(manifest.contains(&"ef".repeat(32)), "{manifest}");
    // Another say is another run; none is a plain one, to the byte.
    let other = run(&coderl, &format!("{guided} --guidance 3 --out guided"));
    other.assert_exit(2);
    assert!(other.stderr.contains("strength"), "{}", other.stderr);
    run(&coderl, &format!("{guided} --guidance 0 --out zero")).assert_exit(0);
    run(&coderl, &format!("{shared} --out plain")).assert_exit(0);
    let codes = |out: &str| -> Vec<Value> {
        let candidates = records(&coderl.path(out).join("candidates.jsonl"));
        candidates.iter().map(|it| it["code"].clone()).collect()
    };
    assert_eq!(codes("zero"), codes("plain"));
    assert_ne!(codes("guided"), codes("plain"));
    // A child without a critic cannot.
    let child = workspace().join("backends/tests/children/strategist.py");
    let child = format!("{} --model actor", child.display());
    let done = coderl.run(&[
        "run",
        "problems.jsonl",
        "--backend",
        "process",
        "--command",
        &child,
        "-n",
        "2",
        "--out",
        "never",
        "--strategy",
        "guided",
    ]);
    assert_ne!(done.status, Some(0));
    assert!(done.stderr.contains("it has no critic"), "{}", done.stderr);
}

#[test]
fn what_does_not_go_together_is_said_at_once() {
    let coderl = Coderl::new();
    write_problems(&coderl, "6");
    let check = |arguments: &str, part: &str| {
        let base = "run problems.jsonl --backend torch --model actor -n 2 --out never";
        let done = run(&coderl, &format!("{base} {arguments}"));
        done.assert_exit(2);
        assert!(
            done.stderr.contains(part),
            "no `{part}` in\n{}",
            done.stderr
        );
        assert!(!coderl.path("never").exists());
    };
    check("--strategy critic-sampling", "a critic is needed");
    check(
        "--strategy critic-sampling --critic c --rounds repair",
        "who repairs?",
    );
    check(
        "--strategy critic-sampling --critic c --rank critic",
        "--rank does not go",
    );
    check("--strategy best-of-n", "Say --rank");
    check("--strategy best-of-n --rank critic", "a critic is needed");
    check("--critic c", "--critic does not go");
    check("--strategy guided", "a critic is needed");
    check("--guidance 1", "--guidance does not go");
    check("--strategy guided --critic c --guidance -1", "0 to 1000");
    check("--strategy guided --critic c --guidance-top 1", "2..=1024");
    check("--keep-passing", "--keep-passing does not go");
    check(
        "--strategy critic-sampling --critic c --temperature 0",
        "--temperature above 0",
    );
    // An actor is no critic.
    let done = run(
        &coderl,
        "run problems.jsonl --backend torch --model actor -n 2 --out never --strategy \
         critic-sampling --critic actor",
    );
    assert!(done.stderr.contains("it is no critic") || done.stderr.contains("score programs"));
}

/// The engine, where it is built.
fn engine() -> Option<PathBuf> {
    let named = std::env::var_os("CODERL_TEST_TORCH").map(PathBuf::from);
    let program = std::env::current_exe().ok()?;
    let beside = program.parent()?.parent()?.join("coderl-torch");
    named.into_iter().chain([beside]).find(|it| it.is_file())
}

#[test]
#[expect(clippy::print_stderr, reason = "says that it was skipped")]
fn the_real_engine_scores_and_continues() {
    let Some(engine) = engine() else {
        eprintln!(
            "skipped: no `coderl-torch` beside the tests; `make torch`, or set CODERL_TEST_TORCH"
        );
        return;
    };
    let coderl = Coderl::new();
    let real = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut command = coderl.command(&arguments);
        command.env("CODERL_TORCH", &engine);
        let done = command.output().map(Done::from).expect("the binary starts");
        done.assert_exit(0);
        done
    };
    write_problems(&coderl, "6");
    let texts: String = (0..40)
        .map(|n| format!("{{\"text\": \"print(int(input()) + {n})\\nadd one\\n\"}}\n"))
        .collect();
    fs::write(coderl.path("corpus.jsonl"), texts).unwrap();
    real(
        "models new base --tokenizer-from corpus.jsonl --vocabulary 300 --model-width 32 --layers 1",
    );
    let sampling = "--backend torch --model base --max-new-tokens 12 --k 1 --no-cache --template \
                    apps-generation";
    real(&format!("run problems.jsonl {sampling} -n 3 --out samples"));
    real(
        "train critic --samples samples --model base --out critic --set critic.classes=binary \
         --steps 2",
    );
    // A random model passes nothing, so that its programs are repaired: by itself here.
    let run = |out: &str| {
        real(&format!(
            "run problems.jsonl {sampling} -n 3 --strategy critic-sampling --critic critic/model \
             --repair-model base --out {out}"
        ))
    };
    run("one");
    let strategy = records(&coderl.path("one/strategy.jsonl"));
    assert_eq!(of(&strategy, "bare")["path"], "no-examples");
    let hard = of(&strategy, "hard");
    assert!(hard["budget"]["critic_passes"].as_u64() > Some(0), "{hard}");
    // Guided by a critic that has no say, they are those of a plain run, to the byte.
    real(&format!(
        "run problems.jsonl {sampling} -n 3 --strategy guided --critic critic/model --guidance 0 \
         --out zero"
    ));
    let codes = |out: &str| -> Vec<Value> {
        let candidates = records(&coderl.path(out).join("candidates.jsonl"));
        candidates.iter().map(|it| it["code"].clone()).collect()
    };
    assert_eq!(codes("zero"), codes("samples"));
    let strategy = records(&coderl.path("zero/strategy.jsonl"));
    let budget = &of(&strategy, "easy")["budget"];
    assert!(
        budget["critic_tokens"].as_u64() > budget["actor_tokens"].as_u64(),
        "{budget}"
    );
    // A critic of another vocabulary has nothing to say about these tokens. The texts give 278 tokens
    // however many more are asked for, so that only fewer make another vocabulary.
    real(
        "models new other --tokenizer-from corpus.jsonl --vocabulary 270 --model-width 32 --layers 1",
    );
    real(
        "train critic --samples samples --model other --out other-critic --set \
         critic.classes=binary --steps 2",
    );
    let mut command = coderl.command(&[
        "run",
        "problems.jsonl",
        "--backend",
        "torch",
        "--model",
        "base",
        "-n",
        "1",
        "--out",
        "never",
        "--strategy",
        "guided",
        "--critic",
        "other-critic/model",
    ]);
    command.env("CODERL_TORCH", &engine);
    let done = command.output().map(Done::from).expect("the binary starts");
    assert!(
        done.stderr.contains("another vocabulary"),
        "{}",
        done.stderr
    );
    run("two");
    for file in ["strategy.jsonl", "candidates.jsonl", "verdicts.jsonl"] {
        let read = |out: &str| fs::read(coderl.path(out).join(file)).unwrap();
        assert!(read("one") == read("two"), "`{file}` differs");
    }
}
