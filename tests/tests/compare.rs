//! `coderl compare`, `gate`, `overlap` and `transfer` on runs and datasets whose numbers a hand
//! computes.

use std::fs;

use e2e::{Coderl, Done};
use serde_json::{Value as Json, json};

/// Ten problems: of the i-th, `f` returns i. Two of them are introductory.
fn write_problems(coderl: &Coderl, file: &str) {
    let problem = |i: usize| {
        json!({
            "id": format!("p{i}"),
            "statement": format!("Write a function f that returns nothing but the number {i}."),
            "difficulty": if i < 2 { "introductory" } else { "competition" },
            "asserts": [format!("assert f() == {i}")],
            "solutions": [format!("def f():\n    number = {i}\n    return number\n")],
        })
    };
    write_lines(coderl, file, (0..10).map(problem));
}

fn write_lines(coderl: &Coderl, file: &str, lines: impl Iterator<Item = Json>) {
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    fs::write(coderl.path(file), text).unwrap();
}

/// Judges one program a problem into `run`: right for those in `solved`; of the others the first
/// does not parse and the rest return something else.
fn judge(coderl: &Coderl, run: &str, solved: &[usize], arguments: &[&str]) {
    let program = |i: usize| match i {
        i if solved.contains(&i) => format!("def f(): return {i}"),
        0 => "def f( return".to_owned(),
        _ => "def f(): return -1".to_owned(),
    };
    let samples = format!("{run}.jsonl");
    write_lines(
        coderl,
        &samples,
        (0..10).map(|i| json!({"task_id": format!("p{i}"), "solution": program(i)})),
    );
    let mut all = vec!["score", &samples, "-d", "problems.jsonl", "-o", run, "-q"];
    all.extend(arguments);
    coderl.run(&all).assert_exit(0);
}

/// Runs `a`, which solves eight, and `b`, which solves four of them and one more.
fn judged() -> Coderl {
    let coderl = Coderl::new();
    write_problems(&coderl, "problems.jsonl");
    judge(&coderl, "a", &[0, 1, 2, 3, 4, 5, 6, 7], &[]);
    judge(&coderl, "b", &[1, 2, 3, 4, 8], &[]);
    coderl
}

fn json(done: &Done) -> Json {
    serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{}", done.stdout))
}

#[track_caller]
fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn tests_and_transitions_are_what_a_hand_computes() {
    let coderl = judged();
    let done = coderl.run(&["compare", "a", "b", "--json", "--out", "report"]);
    done.assert_exit(0);
    let report = json(&done);
    let all = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["level"] == "all")
        .unwrap();
    assert_eq!((&all["a"], &all["b"]), (&json!(0.8), &json!(0.5)));
    assert_eq!(
        (&all["wins"], &all["losses"], &all["ties"]),
        (&json!(1), &json!(4), &json!(5))
    );
    // Four losses and a win: C(5,0) + C(5,1) of 32, both ways.
    let p = 2.0 * 6.0 / 32.0;
    for key in ["/sign_p", "/permutation/p_value"] {
        let value = all.pointer(key).unwrap().as_f64().unwrap();
        assert!((value - p).abs() < 1e-12, "{key}: {value}");
    }
    let solved = &report["solved"][2];
    assert_eq!(
        (&solved["level"], &solved["only_a"], &solved["only_b"]),
        (&json!("all"), &json!(4), &json!(1))
    );
    // One program a problem, so that they are pairs. From passed: to compile error 1, to failed 3.
    let counts = &report["outcome_transitions"]["counts"];
    assert_eq!(counts[3], json!([1, 0, 3, 4, 0]));
    assert_eq!(counts[2], json!([0, 0, 1, 1, 0]));
    assert_eq!(report["lost"], json!(["p0", "p5", "p6", "p7"]));
    assert_eq!(report["gained"], json!(["p8"]));
    let page = fs::read_to_string(coderl.path("report/README.md")).unwrap();
    assert_contains(
        &page,
        &["McNemar", "What moved", "`p8`", "Outcomes in percent"],
    );
    assert!(!page.contains("</"), "no HTML:\n{page}");

    let several = coderl.run(&["compare", "a", "b,a"]);
    several.assert_exit(0);
    assert_contains(&several.stdout, &["standard deviation", "other runs too"]);
}

#[test]
fn what_differs_beside_is_told_or_refused() {
    let coderl = judged();
    judge(&coderl, "longer", &[1], &["--timeout", "9"]);
    let done = coderl.run(&["compare", "a", "longer"]);
    done.assert_exit(0);
    assert_contains(&done.stderr, &["warning: the limit differs", "`longer`"]);
    assert_contains(&done.stdout, &["Caution: the limit differs"]);
    let gate = ["gate", "--baseline", "a", "--max-drop", "pass@1=10pp"];
    let gated = |more: &[&str]| coderl.run(&[&gate, more].concat());
    let refused = gated(&["--candidate", "longer"]);
    refused.assert_exit(2);
    assert_contains(&refused.stderr, &["the limit differs", "--allow limits"]);
    gated(&["--candidate", "longer", "--allow", "limits"]).assert_exit(4);

    // The same names in another file are other problems.
    let other = fs::read_to_string(coderl.path("problems.jsonl")).unwrap();
    fs::write(
        coderl.path("problems.jsonl"),
        other.replace("nothing", "only"),
    )
    .unwrap();
    judge(&coderl, "other", &[1], &[]);
    let done = coderl.run(&["compare", "a", "other"]);
    done.assert_exit(2);
    assert_contains(&done.stderr, &["the dataset differs", "--allow dataset"]);
    coderl
        .run(&["compare", "a", "other", "--allow", "dataset"])
        .assert_exit(0);
}

#[test]
fn runs_are_compared_under_one_grader() {
    let coderl = Coderl::new();
    let problem = json!({
        "id": "echo", "statement": "Print the numbers.",
        "tests": [{"input": "1 2\n", "output": "1 2"}],
    });
    write_lines(&coderl, "problems.jsonl", [problem].into_iter());
    // To `apps-2021` the order of words does not matter.
    let sample = json!({"task_id": "echo", "solution": "print('2 1')"});
    write_lines(&coderl, "samples.jsonl", [sample].into_iter());
    for judge in ["strict", "apps-2021", "both"] {
        let command = "score samples.jsonl -d problems.jsonl -q --judge";
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend([judge, "-o", judge]);
        coderl.run(&arguments).assert_exit(0);
    }
    let done = coderl.run(&["compare", "strict", "apps-2021"]);
    done.assert_exit(3);
    assert_contains(&done.stderr, &["`apps-2021`", "`strict`", "--grader"]);
    coderl.run(&["compare", "strict", "both"]).assert_exit(0);
    let done = coderl.run(&["compare", "both", "apps-2021", "--grader", "apps-2021"]);
    done.assert_exit(0);
    assert_contains(&done.stdout, &["100.00", "Grader `apps-2021`"]);
    let done = coderl.run(&["compare", "both", "both"]);
    done.assert_exit(0);
    assert_contains(&done.stdout, &["rule of apps-2021", "token-sets"]);
}

#[test]
fn the_gate_says_why_in_every_form() {
    let coderl = judged();
    let gate = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        coderl.run(
            &[
                &["gate", "--baseline", "a", "--candidate"],
                arguments.as_slice(),
            ]
            .concat(),
        )
    };
    let done = gate(
        "b --max-drop pass@1=1pp --max-drop pass@1=70% --min pass@1=45% --criterion point-estimate \
         --junit gate.xml --junit-problems --summary summary.md",
    );
    done.assert_exit(4);
    let reason = "pass@1 fell by 30.00 points, from 80.00 % to 50.00 %";
    assert_contains(&done.stderr, &["max-drop pass@1=1pp fails", reason]);
    assert_contains(&done.stdout, &["holds", "fails"]);
    let junit = fs::read_to_string(coderl.path("gate.xml")).unwrap();
    assert_contains(
        &junit,
        &[
            // Three rules, of which one fails; ten problems: four lost, one solved by neither.
            "<testsuites name=\"coderl gate\" tests=\"13\" failures=\"5\" errors=\"0\">",
            "<testsuite name=\"problems\" tests=\"10\" skipped=\"1\" errors=\"0\" failures=\"4\">",
            "<testcase name=\"max-drop pass@1=1pp\" classname=\"coderl.gate\">",
            reason,
            "type=\"lost\"",
        ],
    );
    // Another job appends to the page.
    gate("a --max-drop pass@1=0pp --summary summary.md").assert_exit(0);
    let summary = fs::read_to_string(coderl.path("summary.md")).unwrap();
    let headings = summary.lines().filter(|line| line.starts_with("## "));
    let headings: Vec<&str> = headings.collect();
    assert_eq!(headings, ["## Gate failed: b", "## Gate passed: a"]);
    assert_contains(&summary, &["Lost problems (4): `p0`"]);

    let undecided = gate("b --max-drop pass@5=1pp --json");
    undecided.assert_exit(3);
    let report = json(&undecided);
    assert_eq!(report["result"], "undecided");
    assert_contains(
        report["rules"][0]["reason"].as_str().unwrap(),
        &["pass@5", "needs 5 candidates a problem"],
    );
    // Nothing is shown by ten problems, so who has to show something loses.
    gate("b --max-drop pass@1=10pp --criterion significant-drop --confidence 0.99").assert_exit(0);
    gate("b --max-drop pass@1=10pp --criterion non-inferiority").assert_exit(4);
    gate("b --max-drop pass@1=1").assert_exit(2);
    gate("b").assert_exit(2);
}

#[test]
fn overlap_finds_copies_and_splits_a_run_by_them() {
    let coderl = judged();
    // Of the training problems one has p3's statement in capitals, one p4's program with comments.
    let train = [
        json!({
            "id": "t0", "statement": "WRITE A FUNCTION F THAT RETURNS NOTHING BUT THE NUMBER 3",
            "asserts": ["assert True"], "solutions": ["def g():\n    return [x for x in []]\n"],
        }),
        json!({
            "id": "t1", "statement": "Something else altogether, which nobody has asked for yet.",
            "asserts": ["assert True"],
            "solutions": ["# four\ndef f():\n\tnumber  =  4 # the number\n\treturn number\n"],
        }),
    ];
    write_lines(&coderl, "train.jsonl", train.into_iter());
    let look = |threads: &str| {
        let arguments = [
            "overlap",
            "train.jsonl",
            "problems.jsonl",
            "--program-n",
            "4",
            "--json",
        ];
        let mut command = coderl.command(&arguments);
        command.env("RAYON_NUM_THREADS", threads);
        let done = command.output().map(Done::from).unwrap();
        done.assert_exit(0);
        done.stdout
    };
    let text = look("1");
    assert_eq!(text, look("4"));
    let report: Json = serde_json::from_str(&text).unwrap();
    let problem = |i: usize| &report["problems"][i];
    let best = |i: usize, text: &str| problem(i)[text]["best"].clone();
    assert_eq!(best(3, "statement")["problem"], "t0");
    assert_eq!(best(3, "statement")["is_identical"], true);
    assert_eq!(best(4, "program")["problem"], "t1");
    assert_eq!(best(4, "program")["is_identical"], true);
    // `def f():` and `return number` are in all ten programs, so only the line between counts.
    let lines = &problem(4)["lines"];
    assert_eq!(
        (
            &lines["n_lines"],
            &lines["n_considered"],
            &lines["n_duplicated"]
        ),
        (&json!(3), &json!(1), &json!(1))
    );

    let done = coderl.run(&[
        "transfer",
        "a,b",
        "--trained-on",
        "train.jsonl",
        "--threshold",
        "1",
        "--program-n",
        "4",
        "--out",
        "transfer",
    ]);
    done.assert_exit(0);
    let table = fs::read_to_string(coderl.path("transfer/tables/transfer.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .skip(1)
        .map(|line| line.split(',').take(4).collect())
        .collect();
    // p3 and p4 overlap: both runs solve both. Of the other eight `a` solves six, `b` three.
    assert_eq!(
        rows,
        [
            ["a", "all", "10", "0.8"],
            ["a", "no overlap", "8", "0.75"],
            ["a", "overlap", "2", "1"],
            ["b", "all", "10", "0.5"],
            ["b", "no overlap", "8", "0.375"],
            ["b", "overlap", "2", "1"],
        ]
    );
    assert!(coderl.path("transfer/plots/duplicated-lines.svg").is_file());
    coderl
        .run(&[
            "overlap",
            "train.jsonl",
            "problems.jsonl",
            "--threshold",
            "0",
        ])
        .assert_exit(2);
}
