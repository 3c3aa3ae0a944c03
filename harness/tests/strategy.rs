//! Critic sampling and its companions, traced on a world in which everything is a rule.

mod world;

use harness::decoding::Guidance;
use harness::prompt::{Message, Prompt, Role};
use harness::strategy::{
    BestOfN, Course, CriticSampling, Cut, Draws, Rank, RepairBy, RoundKind, Stop, StrategyPath,
    best_of_n, critic_sampling, guided, plain,
};
use harness::verdict::Outcome;

use world::{World, task};

fn settings(repair_rounds: u32, refine_rounds: u32) -> CriticSampling {
    CriticSampling {
        refine_rounds,
        repair_rounds,
        repair_top: 1,
        repair_by: RepairBy::Model,
        cut: Cut::Absolute,
        keep_passing: false,
    }
}

/// One problem through critic sampling.
fn run(world: &mut World, settings: CriticSampling, n: u32) -> Course {
    let tasks = [task("p", true)];
    let courses = critic_sampling(&settings, (n, 7), &tasks, &mut world.tools()).unwrap();
    courses.into_iter().next().unwrap().unwrap()
}

fn kinds(course: &Course) -> Vec<RoundKind> {
    course
        .record
        .rounds
        .iter()
        .map(|round| round.kind)
        .collect()
}

fn texts(course: &Course) -> Vec<&str> {
    course
        .finals
        .iter()
        .map(|made| made.text.as_str())
        .collect()
}

fn parents(course: &Course) -> Vec<Option<u32>> {
    let finals = course.finals.iter();
    finals.map(|made| made.program.parent).collect()
}

#[test]
fn those_that_pass_are_refined_from_the_beginning_that_the_critic_likes_best() {
    // Upper-case programs pass. The critic likes `A`, dislikes `x`, and has no opinion of others.
    let mut world = World::new(&["AbxA", "fail", "bAb", "fial"]);
    let course = run(&mut world, settings(1, 1), 4);
    assert_eq!(kinds(&course), [RoundKind::Plain, RoundKind::Refine]);
    assert_eq!(course.record.path, StrategyPath::Refined);
    // Of `AbxA` the first `A` is the first largest; of `bAb` the second token.
    assert_eq!(texts(&course), ["A+0", "A+1", "bA+2", "bA+3"]);
    assert_eq!(parents(&course), [Some(0), Some(0), Some(2), Some(2)]);
    let seeds: Vec<_> = course
        .finals
        .iter()
        .map(|made| made.program.seed_tokens)
        .collect();
    assert_eq!(seeds, [Some(1), Some(1), Some(2), Some(2)]);
    // Two beginnings, two requests; the repair model is not asked.
    assert_eq!(world.actor.n_drafts, 3);
    assert_eq!(world.repair.n_drafts, 0);
    // The first round is on record with its programs and what became of them.
    let first = &course.record.rounds[0].programs;
    assert_eq!(first[0].text.as_deref(), Some("AbxA"));
    assert_eq!(first[0].outcome, Some(Outcome::PassedTests));
    assert_eq!(first[1].outcome, Some(Outcome::FailedTests));
    assert!(first[0].critic.is_some() && first[1].critic.is_none());
    assert!(
        course.record.rounds[1]
            .programs
            .iter()
            .all(|it| it.text.is_none())
    );
}

#[test]
fn a_relative_cut_goes_on_from_what_the_critic_thinks_least_bad() {
    // To the critic `x` fails; the paper's rule cuts a program that begins with it to nothing.
    let relative = CriticSampling {
        cut: Cut::Relative,
        ..settings(0, 1)
    };
    let mut world = World::new(&["xbA", "f"]);
    let course = run(&mut world, relative, 2);
    assert_eq!(texts(&course), ["xbA+0", "xbA+1"]);
    let mut world = World::new(&["xbA", "f"]);
    let course = run(&mut world, settings(0, 1), 2);
    assert_eq!(course.record.budget.seed_tokens, 0);
}

#[test]
fn programs_that_pass_can_be_kept_beside_those_made_of_them() {
    let keep = CriticSampling {
        keep_passing: true,
        ..settings(1, 1)
    };
    // What is made of `AbxA` and `bAb` passes as well.
    let mut world = World::new(&["AbxA", "fail", "bAb", "fial"]);
    let course = run(&mut world, keep, 4);
    assert_eq!(texts(&course), ["AbxA", "bAb", "A+0", "A+1"]);
    let rounds: Vec<RoundKind> = course.finals.iter().map(|made| made.round).collect();
    use RoundKind::{Plain, Refine};
    assert_eq!(rounds, [Plain, Plain, Refine, Refine]);
    // Refined programs are run then, and texts of finals are with the candidates alone.
    assert_eq!(course.record.budget.example_runs, 4 + 4);
    let stored = |round: usize| -> Vec<bool> {
        let programs = course.record.rounds[round].programs.iter();
        programs.map(|program| program.text.is_some()).collect()
    };
    assert_eq!(stored(0), [false, true, false, true]);
    assert_eq!(stored(1), [false, false, true, true]);
    // What fails fills up, the latest first; without example tests nothing changes.
    let mut world = World::new(&["x", "y"]);
    world.repair.texts = vec!["z".to_owned(), "A".to_owned()];
    let repaired = CriticSampling {
        keep_passing: true,
        ..settings(1, 0)
    };
    let course = run(&mut world, repaired, 2);
    assert_eq!(texts(&course), ["A", "z"]);
    let mut world = World::new(&["A", "x"]);
    let tasks = [task("bare", false)];
    let courses = critic_sampling(&keep, (2, 7), &tasks, &mut world.tools()).unwrap();
    assert_eq!(texts(courses[0].as_ref().unwrap()), ["A", "x"]);
}

#[test]
fn guided_programs_have_the_seeds_of_a_plain_run_and_a_bill_of_the_critic() {
    let tasks = [task("p", true)];
    let guidance = Guidance {
        strength: 2.0,
        top: 8,
    };
    let mut world = World::new(&["bA", "x"]);
    let draws = Draws::Fixed(2);
    let courses = guided(guidance, (&draws, 7), &tasks, &mut world.tools()).unwrap();
    let course = courses[0].as_ref().unwrap();
    assert_eq!(course.record.path, StrategyPath::Guided);
    assert_eq!(kinds(course), [RoundKind::Guided]);
    // The author is told of the critic's say, which the texts show.
    assert_eq!(texts(course), ["bA/2", "x/2"]);
    let seeds =
        |course: &Course| -> Vec<u64> { course.finals.iter().map(|made| made.seed).collect() };
    let mut world = World::new(&["bA", "x"]);
    let plain = plain(&draws, 7, &tasks, &mut world.tools()).unwrap();
    assert_eq!(seeds(course), seeds(plain[0].as_ref().unwrap()));
    // Four tokens of the prompt, and twice each of the program.
    let budget = course.record.budget;
    assert_eq!(budget.actor_tokens, 4 + 3);
    assert_eq!((budget.critic_passes, budget.critic_tokens), (2, 4 + 8 + 6));
    assert_eq!(budget.example_runs, 0);
    // For a budget, what is drawn to find the limit is not counted.
    let draws = Draws::Budget([(tasks[0].problem.clone(), 8)].into());
    let mut world = World::new(&["bA", "x"]);
    let courses = guided(guidance, (&draws, 7), &tasks, &mut world.tools()).unwrap();
    let course = courses[0].as_ref().unwrap();
    assert_eq!(texts(course), ["bA/2", "x/2"]);
    assert_eq!(course.record.budget, budget);
}

#[test]
fn where_none_passes_the_best_of_them_is_repaired_and_what_passes_then_is_refined() {
    let mut world = World::new(&["xx", "bA?", "xx"]);
    world.repair.texts = ["still", "bAb", "wrong"].map(str::to_owned).to_vec();
    // `?` fails although the critic likes the program.
    let course = run(&mut world, settings(1, 1), 3);
    assert_eq!(
        kinds(&course),
        [RoundKind::Plain, RoundKind::Repair, RoundKind::Refine]
    );
    assert_eq!(course.record.path, StrategyPath::RepairedAndRefined);
    // M = 1: the program that the critic thinks most of, with its outcome and error.
    assert_eq!(world.repair.n_drafts, 1);
    let prompt = &world.repair.prompts[0];
    assert!(
        prompt.contains("bA?\nRESULT: failed-tests (wrong answer)"),
        "{prompt}"
    );
    assert_eq!(texts(&course), ["bA+0", "bA+1", "bA+2"]);
    assert_eq!(parents(&course), [Some(1); 3]);
    let budget = course.record.budget;
    // A token a byte: what was forced is not generated.
    assert_eq!(budget.actor_tokens, (2 + 3 + 2) + 3 * 2);
    assert_eq!(budget.repair_tokens, 5 + 3 + 5);
    assert_eq!(budget.seed_tokens, 3 * 2);
    // Three requests: of four tokens, of what the repair model reads, and of four again.
    let repair = u64::try_from(prompt.len()).unwrap();
    assert_eq!(budget.prompt_tokens, 4 + repair + 4);
    // `xx` twice is run once and read once.
    assert_eq!(budget.example_runs, 2 + 3);
    assert_eq!(budget.critic_passes, 2 + 1);
    assert_eq!(budget.critic_tokens, (2 + 4) + (3 + 4) + (3 + 4));
    let expected = budget.generated() as f64 / (7.0 / 3.0);
    assert!((course.record.plain_equivalent - expected).abs() < 1e-9);
}

#[test]
fn a_model_that_holds_conversations_repairs_itself() {
    // Nothing that the actor writes passes.
    let mut world = World::new(&["xx", "b?"]);
    world.repairs_itself = true;
    let self_repair = CriticSampling {
        repair_by: RepairBy::Actor,
        ..settings(1, 0)
    };
    let mut conversation = task("p", true);
    conversation.prompt = Prompt::Messages(vec![Message {
        role: Role::User,
        content: "Add.".to_owned(),
    }]);
    let tasks = [conversation];
    let courses = critic_sampling(&self_repair, (2, 7), &tasks, &mut world.tools()).unwrap();
    let course = courses[0].as_ref().unwrap();
    assert_eq!(kinds(course), [RoundKind::Plain, RoundKind::Repair]);
    assert_eq!(course.record.path, StrategyPath::Repaired);
    // Both are hopeless to the critic; the first one is asked about, in the same conversation.
    assert_eq!(world.repair.n_drafts, 0);
    assert_eq!(
        world.actor.prompts,
        [
            "Add.",
            "Add.\nThis answer is wrong:\nxx\nRESULT: failed-tests (wrong answer)\nCORRECTED \
             ANSWER:\n"
        ]
    );
    assert_eq!(parents(course), [Some(0), Some(0)]);
    // What is written to repair is counted apart from sampling, whoever writes it.
    let budget = course.record.budget;
    assert_eq!((budget.actor_tokens, budget.repair_tokens), (4, 4));
}

#[test]
fn without_a_critic_what_got_furthest_is_repaired() {
    let mut world = World::new(&["if(", "!b", "b?", "c?", "f("]);
    world.has_critic = false;
    world.repair.texts = vec!["A".to_owned()];
    let two = CriticSampling {
        repair_top: 2,
        ..settings(1, 0)
    };
    let course = run(&mut world, two, 5);
    assert_eq!(kinds(&course), [RoundKind::Plain, RoundKind::Repair]);
    // The two wrong answers, of which the first gets the remainder.
    assert_eq!(parents(&course), [2, 2, 2, 3, 3].map(Some));
    assert_eq!(course.record.budget.critic_passes, 0);

    let three = CriticSampling {
        repair_top: 4,
        ..settings(1, 0)
    };
    let mut world = World::new(&["if(", "!b", "b?", "f("]);
    world.has_critic = false;
    assert_eq!(parents(&run(&mut world, three, 4)), [2, 1, 0, 3].map(Some));

    // What passes would have to be cut by somebody.
    let mut world = World::new(&["A"]);
    world.has_critic = false;
    let tasks = [task("p", true)];
    match critic_sampling(&settings(1, 1), (2, 7), &tasks, &mut world.tools()) {
        Err(Stop::Failed(error)) => assert!(error.to_string().contains("critic"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_none_ever_passes_the_repaired_ones_are_final() {
    let mut world = World::new(&["x", "y"]);
    world.repair.texts = vec!["z".to_owned(), "u".to_owned()];
    let course = run(&mut world, settings(1, 1), 2);
    assert_eq!(kinds(&course), [RoundKind::Plain, RoundKind::Repair]);
    assert_eq!(course.record.path, StrategyPath::Repaired);
    assert_eq!(texts(&course), ["z", "u"]);
    // More rounds go on from there.
    let mut world = World::new(&["x", "y"]);
    world.repair.texts = vec!["z".to_owned()];
    let course = run(&mut world, settings(3, 1), 2);
    assert_eq!(kinds(&course)[1..], [RoundKind::Repair; 3]);
}

#[test]
fn without_a_repairer_or_rounds_the_plain_ones_are_final() {
    for (settings, is_judged) in [
        (
            CriticSampling {
                repair_by: RepairBy::Nobody,
                ..settings(1, 1)
            },
            true,
        ),
        (settings(0, 1), true),
        (settings(0, 0), false),
    ] {
        let mut world = World::new(&["x", "y"]);
        let course = run(&mut world, settings, 2);
        assert_eq!(course.record.path, StrategyPath::Plain);
        assert_eq!(texts(&course), ["x", "y"]);
        assert_eq!(
            course.record.budget.example_runs,
            if is_judged { 2 } else { 0 }
        );
        assert_eq!(course.record.budget.critic_passes, 0);
        assert!((course.record.plain_equivalent - 2.0).abs() < 1e-9);
    }
    // Repairing only: what passes stays as it is.
    let mut world = World::new(&["A", "y"]);
    let course = run(&mut world, settings(1, 0), 2);
    assert_eq!(course.record.path, StrategyPath::Plain);
}

#[test]
fn where_all_pass_none_is_repaired_and_each_is_continued_once() {
    let mut world = World::new(&["bA", "A", "AA", "bbA"]);
    let course = run(&mut world, settings(1, 1), 4);
    assert_eq!(world.repair.n_drafts, 0);
    // In the order of the critic: by the share of `A`, equal ones by index.
    assert_eq!(parents(&course), [Some(1), Some(2), Some(0), Some(3)]);
    assert_eq!(texts(&course), ["A+0", "A+1", "bA+2", "bbA+3"]);
    // `A` and `AA` begin alike and are asked for together.
    assert_eq!(world.actor.n_drafts, 1 + 3);
}

#[test]
fn equal_candidates_are_run_and_read_once_and_differ_by_seed_again() {
    let mut world = World::new(&["bA", "bA", "bA"]);
    let course = run(&mut world, settings(1, 1), 3);
    let budget = course.record.budget;
    assert_eq!((budget.example_runs, budget.critic_passes), (1, 1));
    assert_eq!(texts(&course), ["bA+0", "bA+1", "bA+2"]);
    assert_eq!(parents(&course), [Some(0), Some(1), Some(2)]);
    let mut seeds: Vec<u64> = course.finals.iter().map(|made| made.seed).collect();
    seeds.dedup();
    assert_eq!(seeds.len(), 3);
    // Among failing ones, the top M are M different programs.
    let mut world = World::new(&["bA?", "bA?", "y?"]);
    let two = CriticSampling {
        repair_top: 2,
        ..settings(1, 0)
    };
    run(&mut world, two, 3);
    assert_eq!(world.repair.n_drafts, 2);
    assert_eq!(world.repair.n_seeds, [2, 1]);
    assert!(world.repair.prompts[0].contains("bA?") && world.repair.prompts[1].contains("y?"));
}

#[test]
fn seeds_that_are_empty_are_sampled_anew() {
    // The critic dislikes the first token; the program passes for its `A`.
    let mut world = World::new(&["xA", "f"]);
    let course = run(&mut world, settings(1, 1), 2);
    assert_eq!(course.record.path, StrategyPath::Refined);
    assert_eq!(texts(&course), ["xA", "f"]);
    assert_eq!(course.finals[0].program.seed_tokens, None);
    assert_eq!(course.record.budget.seed_tokens, 0);
    // With seeds of their own all the same.
    let first = run(&mut World::new(&["xA", "f"]), settings(0, 0), 2);
    assert_ne!(first.finals[0].seed, course.finals[0].seed);
}

#[test]
fn remainders_go_to_those_that_the_critic_likes_most() {
    let mut world = World::new(&["bbA", "A", "bA", "f", "f"]);
    let course = run(&mut world, settings(1, 1), 5);
    assert_eq!(
        parents(&course),
        [Some(1), Some(1), Some(2), Some(2), Some(0)]
    );
    // More parents than programs to be written.
    let top = CriticSampling {
        repair_top: 9,
        ..settings(1, 0)
    };
    let mut world = World::new(&["x", "y"]);
    let course = run(&mut world, top, 2);
    assert_eq!(parents(&course), [Some(1), Some(0)]);
}

#[test]
fn problems_without_example_tests_are_sampled_and_counted() {
    let mut world = World::new(&["A", "x"]);
    let tasks = [task("bare", false)];
    let courses = critic_sampling(&settings(1, 1), (2, 7), &tasks, &mut world.tools()).unwrap();
    let course = courses[0].as_ref().unwrap();
    assert_eq!(course.record.path, StrategyPath::NoExamples);
    assert_eq!(texts(course), ["A", "x"]);
    assert_eq!(course.record.budget.example_runs, 0);
}

#[test]
fn what_cannot_be_judged_neither_passes_nor_is_repaired() {
    let mut world = World::new(&["unjudged", "unjudged"]);
    let course = run(&mut world, settings(1, 1), 2);
    assert_eq!(course.record.path, StrategyPath::Plain);
    assert_eq!(course.record.budget.example_runs, 1);
    assert_eq!(world.repair.n_drafts, 0);
}

#[test]
fn problems_do_not_depend_on_each_other() {
    let tasks = [
        task("p", true),
        task("none", true),
        task("q", true),
        task("bare", false),
    ];
    let all = |tasks: &[_]| {
        let mut world = World::new(&["bA", "x", "AxA", "x?"]);
        world.fail_only = Some("none".to_owned());
        world.repair.texts = ["bA", "x", "y", "z"].map(str::to_owned).to_vec();
        critic_sampling(&settings(1, 1), (4, 7), tasks, &mut world.tools()).unwrap()
    };
    let together = all(&tasks);
    let paths: Vec<StrategyPath> = together
        .iter()
        .map(|course| course.as_ref().unwrap().record.path)
        .collect();
    assert_eq!(
        paths,
        [
            StrategyPath::Refined,
            StrategyPath::RepairedAndRefined,
            StrategyPath::Refined,
            StrategyPath::NoExamples
        ]
    );
    for (index, task) in tasks.iter().enumerate() {
        let alone = all(std::slice::from_ref(task));
        assert_eq!(alone[0], together[index], "{}", task.problem);
    }
}

#[test]
fn trouble_with_a_problem_is_its_own() {
    let mut world = World::new(&["bA", "x"]);
    world.actor.refuses = Some("q".to_owned());
    let tasks = [task("p", true), task("q", true)];
    let courses = critic_sampling(&settings(1, 1), (2, 7), &tasks, &mut world.tools()).unwrap();
    assert!(courses[0].is_ok());
    assert_eq!(courses[1], Err("too long".to_owned()));
    let mut world = World::new(&["bA", "x"]);
    let mut tools = world.tools();
    tools.critic = None;
    let stopped = critic_sampling(&settings(1, 1), (2, 7), &tasks, &mut tools);
    assert!(matches!(stopped, Err(Stop::Failed(_))));
}

#[test]
fn the_best_of_n_come_first() {
    let check = |rank, keep, expected: &[&str]| {
        let mut world = World::new(&["bbA", "x", "A", "bA"]);
        let settings = BestOfN { rank, keep };
        let draws = Draws::Fixed(4);
        let tasks = [task("p", true)];
        let courses = best_of_n(&settings, (&draws, 7), &tasks, &mut world.tools()).unwrap();
        let course = courses[0].as_ref().unwrap();
        assert_eq!(texts(course), expected);
        assert_eq!(course.record.rounds[0].programs.len(), 4);
    };
    check(Rank::Critic, 2, &["A", "bA"]);
    check(Rank::Examples, 9, &["bbA", "A", "bA", "x"]);
    // The world's longer programs are less likely.
    check(Rank::LogProb, 3, &["x", "A", "bA"]);
}

#[test]
fn a_budget_buys_what_a_plain_run_begins_with() {
    let tasks = [task("p", true)];
    let drawn = |tokens: u64| -> (Vec<String>, u64) {
        let mut world = World::new(&["aa", "bbb", "c"]);
        let draws = Draws::Budget([(tasks[0].problem.clone(), tokens)].into());
        let courses = plain(&draws, 7, &tasks, &mut world.tools()).unwrap();
        let course = courses.into_iter().next().unwrap().unwrap();
        let texts = course.finals.iter().map(|made| made.text.clone());
        (texts.collect(), course.record.budget.generated())
    };
    assert_eq!(drawn(1), (vec!["aa".to_owned()], 2));
    assert_eq!(drawn(5).0, ["aa", "bbb"]);
    assert_eq!(
        drawn(6),
        (vec!["aa".to_owned(), "bbb".to_owned(), "c".to_owned()], 6)
    );
    let (many, spent) = drawn(200);
    assert_eq!((many.len(), spent), (100, 200));
    let mut world = World::new(&["a"]);
    let none = Draws::Budget(Default::default());
    assert!(plain(&none, 7, &tasks, &mut world.tools()).is_err());
}
