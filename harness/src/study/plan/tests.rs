use std::collections::BTreeMap;
use std::path::Path;

use super::super::{Catalog, CommandSpec, OptionKind, Overrides, read_study};
use super::{Plan, plan};

/// Commands as the binary has them, as far as these tests go.
fn catalog() -> Catalog {
    use OptionKind::{Flag, List, Repeated, Value};
    let spec = |positionals: &[&str], options: &[(&str, OptionKind)]| CommandSpec {
        positionals: positionals.iter().map(|&it| it.to_owned()).collect(),
        options: options
            .iter()
            .map(|&(name, kind)| (name.to_owned(), kind))
            .collect(),
        is_open: false,
    };
    let training = [
        ("model", Value),
        ("samples", Value),
        ("epochs", Value),
        ("seed", Value),
        ("critic", Value),
        ("baseline", Value),
        ("token-value", Value),
        ("set", Repeated),
        ("out", Value),
        ("fresh", Flag),
    ];
    let judging = [
        ("backend", Value),
        ("model", Value),
        ("split", Value),
        ("n-samples", Value),
        ("seed", Value),
        ("k", List(',')),
        ("n-at-k", List(',')),
        ("strategy", Value),
        ("critic", Value),
        ("budget-of", Value),
        ("no-report", Flag),
        ("workers", Value),
        ("out", Value),
    ];
    let commands = [
        ("train sft", spec(&["dataset"], &training)),
        ("train critic", spec(&["dataset"], &training)),
        ("train rl", spec(&["dataset"], &training)),
        ("sample", spec(&["dataset"], &judging)),
        ("score", spec(&["samples"], &judging)),
        ("critic-score", spec(&["run"], &[("critic", Value)])),
        ("run", spec(&["dataset"], &judging)),
    ];
    let commands = commands.into_iter();
    Catalog {
        commands: commands
            .map(|(name, spec)| (name.to_owned(), spec))
            .collect(),
    }
}

const STUDY: &str = r#"
title = "Small"
seeds = [1, 2]
control = "control"

[metrics]
k = [1, 5]

[datasets.apps]
dataset = "micro-apps"
split = "test"

[datasets.mbpp]
dataset = "micro-mbpp"

[strategies.plain]
n-samples = 20

[strategies.cs]
title = "critic sampling"
strategy = "critic-sampling"
critic = "@critic"

[strategies.equal]
same-budget-as = "cs"

[run]
backend = "torch"

[stages.sft]
coderl = "train sft"
dataset = "micro-apps"
model = "tiny"
epochs = 5

[stages.samples]
coderl = "sample"
dataset = "micro-apps"
model = "@sft"

[stages.judged-samples]
coderl = "score"
samples = "@samples"

[stages.critic]
coderl = "train critic"
samples = "@judged-samples"
model = "@sft"

[stages.scored]
coderl = "critic-score"
run = "@judged-samples"
critic = "@critic"

[stages.rl]
coderl = "train rl"
samples = "@scored"
model = "@sft"
seed = "${seed}"
set.rl.rl-weight = 1

[stages.control]
base = "rl"
set.rl.rl-weight = 0

[stages.nobody]
coderl = "train sft"
dataset = "micro-apps"

[checkpoints.sft]
model = "@sft"
strategies = ["plain", "cs", "equal"]

[checkpoints.control]
model = "@control"

[ablation.returns]
stage = "rl"
skip = [{ baseline = "none", token-value = "none" }]

[ablation.returns.grid]
baseline = ["none", { name = "greedy", title = "with baseline", baseline = "greedy" }]
token-value = ["none", "critic"]

[mini]
seeds = [7]
stages.sft.epochs = 0.2
strategies.plain.n-samples = 2
"#;

fn planned(text: &str, overrides: &Overrides) -> Result<Plan, crate::Error> {
    plan(&read_study("small.toml", text, overrides)?, &catalog())
}

fn of(text: &str) -> Plan {
    planned(text, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn command(plan: &Plan, name: &str) -> String {
    let at = plan.stages.iter().position(|it| it.name == name);
    let at = at.unwrap_or_else(|| panic!("no `{name}` among {:?}", names(plan)));
    plan.command(at, Path::new("runs/small")).join(" ")
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.stages.iter().map(|it| it.name.as_str()).collect()
}

#[test]
fn every_stage_is_a_command_after_what_it_needs() {
    let plan = of(STUDY);
    assert_eq!(
        command(&plan, "sft"),
        "train sft micro-apps --model tiny --epochs 5 --out runs/small/sft"
    );
    assert_eq!(
        command(&plan, "scored"),
        "critic-score runs/small/samples --critic runs/small/critic/model",
        "it adds to the samples"
    );
    assert_eq!(
        command(&plan, "control/seed-2"),
        "train rl --samples runs/small/samples --model runs/small/sft/model --seed 2 \
         --set rl.rl-weight=0 --out runs/small/control/seed-2"
    );
    assert_eq!(
        command(&plan, "judged/apps/sft/equal"),
        "run micro-apps --k 1,5 --no-report --backend torch --split test --model \
         runs/small/sft/model --budget-of runs/small/judged/apps/sft/cs --out \
         runs/small/judged/apps/sft/equal"
    );
    for (at, stage) in plan.stages.iter().enumerate() {
        assert!(stage.inputs.iter().all(|&input| input < at), "{stage:?}");
    }
    assert_eq!(plan.unused, ["nobody"]);
}

#[test]
fn what_is_the_same_is_done_once() {
    let plan = of(STUDY);
    let count = |begin: &str| {
        names(&plan)
            .iter()
            .filter(|it| it.starts_with(begin))
            .count()
    };
    assert_eq!(count("sft"), 1, "it has no seed");
    assert_eq!(count("samples"), 1);
    assert_eq!(count("control/"), 2, "it has");
    assert_eq!(count("judged/apps/sft/plain"), 1);
    assert_eq!(count("judged/apps/control/plain/"), 2);
    // Two checkpoints of the same model are one.
    let more = format!("{STUDY}\n[checkpoints.again]\nmodel = \"@sft\"\n");
    let with = of(&more.replace("[mini]", "[mini.x]"));
    let runs = |row: &str| {
        let found = with
            .judged
            .iter()
            .find(|it| it.row.name == row && it.dataset == "apps");
        found.unwrap_or_else(|| panic!("no row {row}")).runs.clone()
    };
    assert_eq!(runs("again"), runs("sft"));
}

#[test]
fn a_grid_makes_variants_with_names() {
    let plan = of(STUDY);
    let rows: Vec<(&str, &str)> = plan
        .judged
        .iter()
        .filter(|it| it.dataset == "mbpp")
        .map(|it| (it.row.name.as_str(), it.row.title.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            ("sft", "sft"),
            ("sft/cs", "sft, critic sampling"),
            ("sft/equal", "sft, equal"),
            ("control", "control"),
            ("returns.none.critic", "baseline none, token-value critic"),
            ("returns.greedy.none", "with baseline, token-value none"),
            ("returns.greedy.critic", "with baseline, token-value critic"),
        ]
    );
    let made = command(&plan, "returns.greedy.none/seed-1");
    assert!(
        made.contains("--baseline greedy --token-value none"),
        "{made}"
    );
    assert!(made.contains("--set rl.rl-weight=1"), "{made}");
}

#[test]
fn a_grid_of_a_strategy_is_tried_on_checkpoints() {
    let grid = "\n[ablation.n]\nstrategy = \"plain\"\ncheckpoints = [\"control\"]\n\
                grid.n-samples = [10, 30]\n";
    let plan = of(&STUDY.replace("[mini]", &format!("{grid}\n[mini]")));
    let made = command(&plan, "judged/apps/control/n.30/seed-1");
    assert!(made.contains("--n-samples 30"), "{made}");
    let rows: Vec<&str> = plan.judged.iter().map(|it| it.row.name.as_str()).collect();
    assert!(
        rows.contains(&"control") && rows.contains(&"control/n.10"),
        "{rows:?}"
    );
}

#[test]
fn mini_and_seeds_change_what_they_name() {
    let mini = Overrides {
        mini: true,
        ..Overrides::default()
    };
    let plan = planned(STUDY, &mini).unwrap();
    assert!(command(&plan, "sft").contains("--epochs 0.2"));
    assert!(
        names(&plan).contains(&"control/seed-7"),
        "{:?}",
        names(&plan)
    );
    let seeds = Overrides {
        seeds: Some(vec![5]),
        ..Overrides::default()
    };
    let plan = planned(STUDY, &seeds).unwrap();
    assert!(command(&plan, "control/seed-5").contains("--seed 5"));
}

/// Names of the stages whose identity differs.
fn changed(before: &Plan, after: &Plan) -> Vec<String> {
    let identities: BTreeMap<&str, &str> = before
        .stages
        .iter()
        .map(|it| (it.name.as_str(), it.identity.as_str()))
        .collect();
    let differs = |name: &str, identity: &str| identities.get(name) != Some(&identity);
    let after = after.stages.iter();
    after
        .filter(|it| differs(&it.name, &it.identity))
        .map(|it| it.name.clone())
        .collect()
}

#[test]
fn a_change_reaches_exactly_what_depends_on_it() {
    let before = of(STUDY);
    let of_baseline = changed(
        &before,
        &of(&STUDY.replace("baseline = \"greedy\"", "baseline = \"group\"")),
    );
    assert!(!of_baseline.is_empty());
    assert!(
        of_baseline.iter().all(|it| it.contains("returns.greedy")),
        "{of_baseline:?}"
    );
    let of_n = changed(
        &before,
        &of(&STUDY.replace("n-samples = 20", "n-samples = 30")),
    );
    assert!(!of_n.is_empty());
    assert!(
        of_n.iter()
            .all(|it| it.ends_with("plain") || it.contains("/plain/")),
        "{of_n:?}"
    );
    let of_sft = changed(&before, &of(&STUDY.replace("epochs = 5", "epochs = 6")));
    assert_eq!(
        of_sft.len(),
        before.stages.len(),
        "everything comes from it"
    );
    let of_title = changed(&before, &of(&STUDY.replace("with baseline", "baseline")));
    assert!(of_title.is_empty(), "{of_title:?}");
    let workers = STUDY.replace("[run]", "[run]\nworkers = 2");
    assert!(
        changed(&before, &of(&workers)).is_empty(),
        "how fast is no matter"
    );
}

#[test]
fn the_world_outside_is_part_of_an_identity() {
    let before = of(STUDY);
    let mut after = before.clone();
    after.identify(|stage| match stage.command.as_str() {
        "score" => BTreeMap::from([("guest".to_owned(), "other".to_owned())]),
        _ => BTreeMap::new(),
    });
    let changed = changed(&before, &after);
    assert!(changed.contains(&"judged-samples".to_owned()));
    assert!(
        changed.contains(&"critic".to_owned()),
        "it learns from verdicts"
    );
    assert!(!changed.contains(&"sft".to_owned()));
    assert!(!changed.contains(&"judged/apps/sft/plain".to_owned()));
}

#[test]
fn what_is_wrong_is_named_with_line_key_and_near_miss() {
    let check = |from: &str, to: &str, expected: &str| {
        let text = STUDY.replace(from, to);
        assert_ne!(text, STUDY);
        match planned(&text, &Overrides::default()) {
            Ok(_) => panic!("`{to}` is not refused"),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains(expected), "`{to}`: {error}");
                assert!(error.starts_with("`small.toml`, line "), "{error}");
            }
        }
    };
    check(
        "epochs = 5",
        "epohcs = 5",
        "line 34: unknown key `stages.sft.epohcs`, did you mean `epochs`?",
    );
    check(
        "control = \"control\"",
        "control = \"contrl\"",
        "line 4: `control`: there is no row `contrl`, did you mean `control`?",
    );
    check(
        "model = \"@control\"",
        "model = \"@contrl\"",
        "`checkpoints.control.model`: there is no stage `contrl`, did you mean `@control`?",
    );
    check(
        "base = \"rl\"",
        "base = \"lr2\"",
        "`stages.control.base`: there is no stage `lr2`; there are `sft`",
    );
    check(
        "coderl = \"train critic\"",
        "coderl = \"train critik\"",
        "there is no `coderl train critik`, did you mean `train critic`?",
    );
    check(
        "[metrics]\nk",
        "[metrics]\nks",
        "unknown key `metrics.ks`, did you mean `k`?",
    );
    check(
        "[metrics]",
        "[metric]",
        "unknown key `metric`, did you mean `metrics`?",
    );
    check(
        "model = \"tiny\"",
        "model = \"@scored\"",
        "goes round in a circle: sft needs scored needs judged-samples needs samples needs sft",
    );
    check(
        "epochs = 5",
        "epochs = [5, 6]",
        "`stages.sft.epochs`: takes one value, no list",
    );
    check("epochs = 5", "out = \"x\"", "is decided by the study");
    check("n-samples = 20", "no-report = 3", "should be true or false");
    check(
        "same-budget-as = \"cs\"",
        "same-budget-as = \"sc\"",
        "there is no other strategy `sc`",
    );
    check(
        "stage = \"rl\"",
        "stage = \"rl\"\nstrategy = \"cs\"",
        "either a `stage` or a `strategy`",
    );
    check(
        "token-value = \"none\" }]",
        "token-values = \"none\" }]",
        "did you mean `token-value`?",
    );
    check(
        "strategies = [\"plain\", ",
        "strategies = [\"plan\", ",
        "there is no strategy `plan`, did you mean `plain`?",
    );
    check("[stages.sft]", "[stages.\"s f t\"]", "names a folder");
    check("seeds = [1, 2]", "seeds = [1, 1]", "1 is there twice");
    check("k = [1, 5]", "k = [0]", "`metrics.k`: `0`");
    check(
        "title = \"Small\"",
        "title = 7",
        "`title`: is a number, and should be a text",
    );
}

#[test]
fn two_critics_on_one_run_are_refused() {
    let text = STUDY.replace(
        "[stages.rl]",
        "[stages.other]\ncoderl = \"critic-score\"\nrun = \"@judged-samples\"\ncritic = \
         \"elsewhere\"\n[stages.more]\nbase = \"rl\"\nsamples = \"@other\"\n[checkpoints.more]\n\
         model = \"@more\"\n[stages.rl]",
    );
    let error = planned(&text, &Overrides::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("would write over what"), "{error}");
}
