//! The files of `docs/ci`, as a runner of CI would use them: an environment with next to nothing
//! in it, an empty home, no terminal.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::{Coderl, Done, workspace};
use serde_json::Value as Json;

/// A YAML file as JSON, by the parser that is most often at hand; `None` where it is not.
fn yaml(file: &str) -> Option<Json> {
    const PROGRAM: &str =
        "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
    let path = workspace().join("docs/ci").join(file);
    let has_yaml = Command::new("python3").args(["-c", "import yaml"]).output();
    if !has_yaml.is_ok_and(|it| it.status.success()) {
        return None;
    }
    let output = Command::new("python3")
        .args(["-c", PROGRAM])
        .stdin(fs::File::open(&path).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{file} is no YAML: {output:?}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Runs a command line with these variables and nothing of the test's own environment but what
/// saves building the guest anew.
fn in_ci(coderl: &Coderl, command: &str, variables: &[(String, String)]) -> Done {
    let with = coderl.command(&[]);
    let home = coderl.path("home");
    fs::create_dir_all(&home).unwrap();
    let mut shell = Command::new("sh");
    shell
        .args(["-e", "-c", command])
        .current_dir(workspace())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home)
        .env("CI", "true")
        .env("CODERL", with.get_program())
        .stdin(Stdio::null());
    for name in ["CODERL_GUEST", "CODERL_CACHE_DIR"] {
        let value = with.get_envs().find(|(key, _)| *key == name);
        shell.env(name, value.unwrap().1.unwrap());
    }
    shell.envs(variables.iter().cloned());
    shell.output().map(Done::from).unwrap()
}

fn worked_example(coderl: &Coderl, candidate: &str) -> Vec<(String, String)> {
    let out = coderl.path("gate");
    let variables = [
        ("GATE_DATASET", "micro-mbpp"),
        ("GATE_BASELINE", "docs/ci/transfer/main.jsonl"),
        ("GATE_CANDIDATE", candidate),
        ("GATE_SCORE", "--limit 120 --k 1,4"),
        ("GATE_TRAINED_ON", "micro-apps"),
        ("GATE_MAX_DROP", "pass@1=1.0pp\npass@4=25%\n"),
        ("GATE_OUT", out.to_str().unwrap()),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    variables.into_iter().map(owned).collect()
}

#[test]
fn the_worked_example_passes_and_fails_as_documented() {
    let coderl = Coderl::new();
    let mut variables = worked_example(&coderl, "docs/ci/transfer/branch.jsonl");
    let summary = coderl.path("summary.md");
    variables.push(("GITHUB_STEP_SUMMARY".into(), summary.display().to_string()));
    let done = in_ci(&coderl, "docs/ci/gate.sh", &variables);
    done.assert_exit(0);
    // Numbers of docs/ci/README.md.
    for text in ["from 9.17 % to 8.54 %", "no overlap", "6.37", "25.00"] {
        assert!(done.stdout.contains(text), "no {text} in\n{}", done.stdout);
    }
    assert!(!done.stdout.contains('\u{1b}') && !done.stderr.contains('\u{1b}'));
    let summary = fs::read_to_string(summary).unwrap();
    assert!(
        summary.starts_with("## Gate passed: candidate"),
        "{summary}"
    );
    for file in ["gate.xml", "comparison/README.md", "transfer/README.md"] {
        assert!(coderl.path("gate").join(file).is_file(), "{file}");
    }

    // Programs of the same model, sampled too hot.
    let coderl = Coderl::new();
    let variables = worked_example(&coderl, "docs/ci/transfer/hot.jsonl");
    let done = in_ci(&coderl, "docs/ci/gate.sh", &variables);
    done.assert_exit(4);
    assert!(done.stderr.contains("by 3.54 points"), "{}", done.stderr);
    let junit = fs::read_to_string(coderl.path("gate/gate.xml")).unwrap();
    assert!(junit.contains("failures=\"1\""), "{junit}");
}

#[test]
#[expect(clippy::print_stderr, reason = "says that it was skipped")]
fn the_files_for_github_and_gitlab_run() {
    let (Some(action), Some(workflow), Some(gitlab)) = (
        yaml("github/action.yml"),
        yaml("github/workflow.yml"),
        yaml("gitlab-ci.yml"),
    ) else {
        eprintln!("skipped: no python3 with PyYAML");
        return;
    };
    // What the workflow gives to the action, the action to its script.
    let steps = workflow["jobs"]["gate"]["steps"].as_array().unwrap();
    let given = steps.iter().find(|it| it["uses"] == "./docs/ci/github");
    let given = given.unwrap()["with"].as_object().unwrap();
    let inputs = action["inputs"].as_object().unwrap();
    for name in given.keys() {
        assert!(inputs.contains_key(name), "the action has no input {name}");
    }
    let step = &action["runs"]["steps"][0];
    let value = |expression: &str| {
        let name = expression
            .trim_start_matches("${{ inputs.")
            .trim_end_matches(" }}");
        let input = inputs.get(name).unwrap_or_else(|| panic!("{expression}"));
        let value = given.get(name).or_else(|| input.get("default"));
        value.unwrap().as_str().unwrap().to_owned()
    };
    let coderl = Coderl::new();
    let environment = step["env"].as_object().unwrap();
    let mut variables: Vec<(String, String)> = environment
        .iter()
        .map(|(name, expression)| (name.clone(), value(expression.as_str().unwrap())))
        // Paths of the runner's checkout.
        .filter(|(name, _)| name != "CODERL" && name != "GATE_OUT")
        .collect();
    let folder = workspace().join("docs/ci/github");
    variables.push(("GITHUB_ACTION_PATH".into(), folder.display().to_string()));
    variables.push(out_of(&coderl));
    let done = in_ci(&coderl, step["run"].as_str().unwrap(), &variables);
    done.assert_exit(0);
    assert!(
        done.stdout.contains("max-drop pass@4=25%  holds"),
        "{}",
        done.stdout
    );

    let job = &gitlab["gate"];
    let coderl = Coderl::new();
    let mut variables: Vec<(String, String)> = job["variables"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| name.starts_with("GATE_"))
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    variables.push(out_of(&coderl));
    for command in job["script"].as_array().unwrap() {
        in_ci(&coderl, command.as_str().unwrap(), &variables).assert_exit(0);
    }
    let report = job["artifacts"]["reports"]["junit"].as_str().unwrap();
    let report = Path::new(report).strip_prefix("gate").unwrap();
    assert!(coderl.path("gate").join(report).is_file());
}

fn out_of(coderl: &Coderl) -> (String, String) {
    let out = coderl.path("gate").display().to_string();
    ("GATE_OUT".to_owned(), out)
}
