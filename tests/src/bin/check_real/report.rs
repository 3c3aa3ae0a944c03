//! Agreement per set, and every difference with its cause.

use std::collections::BTreeMap;

use harness::judge::{Way, ways};
use harness::problem::ProblemId;
use harness::verdict::{Cause, Grader, Judgement};

use crate::cases::{Case, Recorded, Rule};

/// What the machine's own `python3` says about a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Opinion {
    WithUs,
    WithRecord,
    None,
}

/// One program judged.
pub(crate) struct Row {
    pub(crate) set: String,
    pub(crate) problem: ProblemId,
    pub(crate) program: String,
    pub(crate) rule: Rule,
    pub(crate) recorded: Recorded,
    pub(crate) judgement: Judgement,
    /// Present where our verdict differs from the recorded one.
    pub(crate) opinion: Option<Opinion>,
}

/// Known reasons for differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Unsupported,
    RecordDoesNotReproduce,
    TimeLimit,
    RemovedFeature,
    Platform,
    GraderOf2021,
    Unexplained,
}

impl Reason {
    fn text(self) -> &'static str {
        match self {
            Self::Unsupported => "needs what the guest does not have",
            Self::RecordDoesNotReproduce => {
                "this machine's python3 agrees with us, not with the record"
            }
            Self::TimeLimit => "our time limit",
            Self::RemovedFeature => "Python feature removed since 3.7",
            Self::Platform => "differs between builds of CPython: C library, word size, stack",
            Self::GraderOf2021 => "a fault of the grader of 2021, which ours repeats",
            Self::Unexplained => "UNEXPLAINED",
        }
    }
}

/// Differences looked into by hand: the end of the set's name, the problem, and why.
const KNOWN: [(&str, &str, Reason); 6] = [
    // `math.tan(math.pi / 5)` differs in the last digit between musl and glibc, and the
    // assert compares floats for equality.
    ("starcoder2", "MBPP/488", Reason::Platform),
    // The last digit of `cmath`, and `sys.getsizeof` on 32 bits.
    (
        "MbppPlus-OriginFmt.jsonl.gz, strict",
        "Mbpp/590",
        Reason::Platform,
    ),
    (
        "MbppPlus-OriginFmt.jsonl.gz, strict",
        "Mbpp/596",
        Reason::Platform,
    ),
    // Cuts the last character off the last line, and the test's input has no final newline.
    ("apps-2021", "apps/train/0008", Reason::GraderOf2021),
    // Bind `sys.stdout` while they are loaded: what they write is not captured.
    ("apps-2021", "apps/train/2026", Reason::GraderOf2021),
    ("apps-2021", "apps/train/2053", Reason::GraderOf2021),
];

fn reason(row: &Row) -> Reason {
    let known = KNOWN
        .iter()
        .find(|(set, problem, _)| row.set.ends_with(set) && row.problem.as_str() == *problem);
    if let Some((_, _, reason)) = known {
        return *reason;
    }
    let cause = match &row.judgement {
        Judgement::Unjudged { .. } => return Reason::Unsupported,
        Judgement::Judged { cause, .. } => cause.as_ref(),
    };
    if is_removed_feature(cause) {
        return Reason::RemovedFeature;
    }
    // The third opinion judges strictly: it says little about the lenient grader, unless that
    // one rejects the program too.
    let comparable = row.rule != Rule::Grader(Grader::Apps2021) || !row.judgement.passed();
    if row.opinion == Some(Opinion::WithUs) && comparable {
        return Reason::RecordDoesNotReproduce;
    }
    match cause {
        Some(Cause::TimeLimit) => Reason::TimeLimit,
        Some(Cause::MemoryLimit | Cause::StackLimit | Cause::OutputLimit) => Reason::Platform,
        _ => Reason::Unexplained,
    }
}

/// Names that CPython had when the programs were recorded and has no more.
fn is_removed_feature(cause: Option<&Cause>) -> bool {
    const GONE: [&str; 8] = [
        "cannot import name 'gcd' from 'fractions'",
        "has no attribute 'gcd'",
        "module 'time' has no attribute 'clock'",
        "from 'collections'",
        "module 'collections' has no attribute",
        "No module named 'imp'",
        "No module named 'distutils'",
        "No module named 'asyncore'",
    ];
    let text = match cause {
        Some(Cause::Exception { exception } | Cause::NotCompiled { exception }) => {
            &exception.message
        }
        Some(Cause::NotLoaded { detail }) => detail,
        _ => return false,
    };
    GONE.iter().any(|gone| text.contains(gone))
}

/// Prints the report; returns the number of unexplained differences.
pub(crate) fn print(rows: &[Row], verbose: bool) -> usize {
    let mut sets: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        sets.entry(&row.set).or_default().push(row);
    }
    println!(
        "{:<72} {:>8} {:>8} {:>8}",
        "set", "programs", "agree", "differ"
    );
    for (set, rows) in &sets {
        let differ = rows.iter().filter(|row| row.opinion.is_some()).count();
        println!(
            "{set:<72} {:>8} {:>8} {differ:>8}",
            rows.len(),
            rows.len() - differ
        );
    }
    let mut reasons: BTreeMap<Reason, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.opinion.is_some()) {
        reasons.entry(reason(row)).or_default().push(row);
    }
    let differing: usize = reasons.values().map(Vec::len).sum();
    println!(
        "\n{} programs, {} agree, {differing} differ:",
        rows.len(),
        rows.len() - differing
    );
    for (reason, rows) in &reasons {
        println!("  {:>5}  {}", rows.len(), reason.text());
    }
    for (reason, rows) in &reasons {
        println!("\n{}:", reason.text());
        for row in rows {
            print_difference(row, verbose);
        }
    }
    reasons.get(&Reason::Unexplained).map_or(0, Vec::len)
}

fn print_difference(row: &Row, verbose: bool) {
    let recorded = match row.recorded {
        Recorded::Passed(true) => "passed".to_owned(),
        Recorded::Passed(false) => "failed".to_owned(),
        Recorded::Outcome(outcome) => outcome.to_string(),
    };
    let ours = match &row.judgement {
        Judgement::Judged { outcome, cause, .. } => match cause {
            Some(cause) => format!("{outcome} ({})", describe(cause)),
            None => outcome.to_string(),
        },
        Judgement::Unjudged { reason } => format!("unjudged ({reason})"),
    };
    let opinion = match row.opinion {
        Some(Opinion::WithUs) => "; python3 agrees with us",
        Some(Opinion::WithRecord) => "; python3 agrees with the record",
        Some(Opinion::None) | None => "",
    };
    println!(
        "  {}, problem {}: recorded {recorded}, ours {ours}{opinion}",
        row.set, row.problem
    );
    if verbose {
        for line in row.program.lines() {
            println!("      | {line}");
        }
    }
}

fn describe(cause: &Cause) -> String {
    match cause {
        Cause::Exception { exception } | Cause::NotCompiled { exception } => {
            format!("{}: {}", exception.class, exception.message)
        }
        Cause::NotLoaded { detail } => format!("not loaded: {detail}"),
        Cause::Crash { reason } => format!("crash: {reason}"),
        Cause::WrongAnswer {
            detail: Some(difference),
        } => format!(
            "wrong answer: expected {:?}, got {:?}",
            head(&difference.expected),
            head(&difference.actual)
        ),
        other => other.label().to_owned(),
    }
}

fn head(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Prints for each set how many of its problems have their weakest test judged in which way.
pub(crate) fn print_ways(cases: &[Case]) {
    let mut sets: BTreeMap<&str, BTreeMap<&ProblemId, Way>> = BTreeMap::new();
    for case in cases {
        if let Some(weakest) = ways(&case.problem).into_iter().max() {
            sets.entry(&case.set)
                .or_default()
                .insert(&case.problem.id, weakest);
        }
    }
    println!(
        "{:<72} {:>8} {:>8} {:>8} {:>8}",
        "set", "problems", "apart", "tester", "in place"
    );
    for (set, problems) in &sets {
        let count = |wanted| problems.values().filter(|&&way| way == wanted).count();
        println!(
            "{set:<72} {:>8} {:>8} {:>8} {:>8}",
            problems.len(),
            count(Way::Apart),
            count(Way::Tester),
            count(Way::InPlace)
        );
        for (problem, _) in problems.iter().filter(|(_, way)| **way == Way::InPlace) {
            println!("    in place: {problem}");
        }
    }
}
