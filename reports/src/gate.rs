//! What a gate decided, in words, as JUnit XML and as a summary for a page.

use std::fmt::Write as _;

use harness::metric::{Bar, Criterion, Decision, Measured, ProblemScores};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::error::ReportError;
use crate::render::{escape_markdown, markdown};
use crate::table::{Cell, ColumnKind, Table, percent};

/// Everything that a gate has to say.
#[derive(Clone, Debug, PartialEq)]
pub struct GateInput {
    pub baseline: String,
    pub candidate: String,
    pub criterion: Criterion,
    /// Of each one-sided bound.
    pub confidence: f64,
    pub decisions: Vec<Decision>,
    /// What else differs between the runs, as sentences.
    pub cautions: Vec<String>,
    /// Both sides' pass@1, problem by problem.
    pub problems: Vec<ProblemScores>,
}

/// How a rule ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleResult {
    Holds,
    Fails,
    Undecided,
}

impl RuleResult {
    pub fn of(decision: &Decision) -> Self {
        match &decision.outcome {
            Ok(measured) if measured.passed => Self::Holds,
            Ok(_) => Self::Fails,
            Err(_) => Self::Undecided,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Undecided => "undecided",
        }
    }
}

impl GateInput {
    /// `fails` before `undecided` before `holds`.
    pub fn result(&self) -> RuleResult {
        let results = || self.decisions.iter().map(RuleResult::of);
        if results().any(|result| result == RuleResult::Fails) {
            RuleResult::Fails
        } else if results().any(|result| result == RuleResult::Undecided) {
            RuleResult::Undecided
        } else {
            RuleResult::Holds
        }
    }

    /// Why a rule ended as it did, in one sentence.
    pub fn reason(&self, decision: &Decision) -> String {
        match &decision.outcome {
            Ok(measured) => self.measured_reason(decision, measured),
            Err(undecided) => format!("{} cannot be compared: {undecided}", decision.metric),
        }
    }

    fn measured_reason(&self, decision: &Decision, measured: &Measured) -> String {
        let metric = decision.metric;
        let candidate = percent(measured.candidate);
        match measured.bar {
            Bar::Minimum { value } => {
                format!(
                    "{metric} is {candidate} %, and {} % is asked for",
                    percent(value)
                )
            }
            Bar::Baseline {
                value,
                drop,
                allowed,
                lower,
                upper,
            } => {
                let moved = match drop {
                    drop if percent(drop.abs()) == "0.00" => "stayed".to_owned(),
                    drop if drop > 0.0 => format!("fell by {} points", percent(drop)),
                    drop => format!("rose by {} points", percent(-drop)),
                };
                let moved = format!(
                    "{metric} {moved}, from {} % to {candidate} %",
                    percent(value)
                );
                let confidence = 100.0 * self.confidence;
                let allowed = percent(allowed);
                match (self.criterion, measured.passed) {
                    (Criterion::SignificantDrop, true) => format!(
                        "{moved}; a drop of more than {allowed} points is not shown (lower bound \
                         {}, {confidence} % confidence)",
                        percent(lower)
                    ),
                    (Criterion::SignificantDrop, false) => format!(
                        "{moved}; the drop is at least {} points with {confidence} % confidence, \
                         and {allowed} are allowed",
                        percent(lower)
                    ),
                    (Criterion::NonInferiority, true) => format!(
                        "{moved}; the drop is at most {} points with {confidence} % confidence, \
                         and {allowed} are allowed",
                        percent(upper)
                    ),
                    (Criterion::NonInferiority, false) => format!(
                        "{moved}; that the drop is at most {allowed} points is not shown (upper \
                         bound {}, {confidence} % confidence)",
                        percent(upper)
                    ),
                    (Criterion::PointEstimate, _) => {
                        format!("{moved}; a drop of {allowed} points is allowed")
                    }
                }
            }
        }
    }
}

/// A row for each rule.
pub fn gate_table(input: &GateInput) -> Table {
    let mut table = Table::new(
        "gate",
        format!(
            "`{}` against the baseline `{}`, in percent",
            input.candidate, input.baseline
        ),
    )
    .column("rule", ColumnKind::Text)
    .column("result", ColumnKind::Text)
    .column("baseline", ColumnKind::Share)
    .column("candidate", ColumnKind::Share)
    .column("drop", ColumnKind::Text)
    .column("allowed", ColumnKind::Share)
    .column("at least", ColumnKind::Text)
    .column("at most", ColumnKind::Text);
    for decision in &input.decisions {
        let mut cells = vec![
            Cell::code(&decision.rule),
            Cell::text(RuleResult::of(decision).name()),
        ];
        match decision
            .outcome
            .as_ref()
            .ok()
            .map(|it| (it.candidate, it.bar))
        {
            Some((candidate, Bar::Minimum { .. })) => {
                cells.extend([Cell::Missing, Cell::Share(candidate)]);
                cells.extend(vec![Cell::Missing; 4]);
            }
            Some((
                candidate,
                Bar::Baseline {
                    value,
                    drop,
                    allowed,
                    lower,
                    upper,
                },
            )) => cells.extend([
                Cell::Share(value),
                Cell::Share(candidate),
                Cell::Text(percent(drop)),
                Cell::Share(allowed),
                Cell::Text(percent(lower)),
                Cell::Text(percent(upper)),
            ]),
            None => cells.extend(vec![Cell::Missing; 6]),
        }
        table.push(cells);
    }
    for decision in &input.decisions {
        table.note(format!(
            "{}: {}.",
            RuleResult::of(decision).name(),
            input.reason(decision)
        ));
    }
    table.note(format!(
        "At least, at most: one-sided bounds of the drop, each with {} % confidence (paired \
         bootstrap over problems). {}",
        100.0 * input.confidence,
        criterion_note(input.criterion)
    ));
    let cautions = input.cautions.iter();
    table
        .notes
        .extend(cautions.map(|caution| format!("Caution: {caution}.")));
    table
}

fn criterion_note(criterion: Criterion) -> &'static str {
    match criterion {
        Criterion::SignificantDrop => {
            "A rule fails when it is shown that the drop is larger than allowed."
        }
        Criterion::NonInferiority => {
            "A rule holds only when it is shown that the drop is no larger than allowed."
        }
        Criterion::PointEstimate => "The measured drop decides, whatever its bounds.",
    }
}

/// The same as a section of a page in Markdown.
pub fn gate_summary(input: &GateInput) -> String {
    let heading = match input.result() {
        RuleResult::Holds => "passed",
        RuleResult::Fails => "failed",
        RuleResult::Undecided => "could not decide",
    };
    let lost = |lost: bool| {
        let problems = input.problems.iter().filter(|it| changed(it) == Some(lost));
        problems.map(|it| it.problem.as_str()).collect::<Vec<_>>()
    };
    let mut page = format!(
        "## Gate {heading}: {}\n\n{}\n",
        escape_markdown(&input.candidate),
        markdown(&gate_table(input))
    );
    for (title, ids) in [("Lost", lost(true)), ("Gained", lost(false))] {
        if !ids.is_empty() {
            const SHOWN: usize = 20;
            let shown: Vec<String> = ids.iter().take(SHOWN).map(|id| format!("`{id}`")).collect();
            let rest = match ids.len() {
                n if n > SHOWN => format!(" and {} more", n - SHOWN),
                _ => String::new(),
            };
            let shown = shown.join(", ");
            let _ = write!(page, "{title} problems ({}): {shown}{rest}\n\n", ids.len());
        }
    }
    page
}

/// Whether a problem that one side solves at all is lost (`true`) or gained (`false`).
fn changed(problem: &ProblemScores) -> Option<bool> {
    let (a, b) = (*problem.scores.first()?)?;
    match (a > 0.0, b > 0.0) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
}

/// Which problems a JUnit file lists beside the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JunitProblems {
    #[default]
    None,
    /// All; those that the baseline solves and the candidate does not are failures, also where
    /// the gate holds.
    All,
}

/// JUnit XML: a suite with a case for each rule, and one with a case for each problem.
///
/// # Errors
/// Only when the serializer fails.
pub fn gate_junit(input: &GateInput, problems: JunitProblems) -> Result<String, ReportError> {
    let mut report = Report::new("coderl gate");
    let mut rules = TestSuite::new("rules");
    for decision in &input.decisions {
        let reason = input.reason(decision);
        let mut case = TestCase::new(
            decision.rule.clone(),
            match RuleResult::of(decision) {
                RuleResult::Holds => TestCaseStatus::success(),
                RuleResult::Fails => non_success(NonSuccessKind::Failure, "drop", &reason),
                RuleResult::Undecided => non_success(NonSuccessKind::Error, "undecided", &reason),
            },
        );
        case.set_classname("coderl.gate");
        case.set_system_out(reason);
        rules.add_test_case(case);
    }
    report.add_test_suite(rules);
    if problems == JunitProblems::All {
        let mut suite = TestSuite::new("problems");
        for problem in &input.problems {
            let status = match (problem.scores.first(), changed(problem)) {
                (Some(Some((a, b))), Some(true)) => non_success(
                    NonSuccessKind::Failure,
                    "lost",
                    &format!("pass@1 was {} % and is {} %", percent(*a), percent(*b)),
                ),
                (Some(Some((_, b))), _) if *b > 0.0 => TestCaseStatus::success(),
                _ => {
                    let mut skipped = TestCaseStatus::skipped();
                    skipped.set_message("solved by neither");
                    skipped
                }
            };
            let mut case = TestCase::new(problem.problem.as_str(), status);
            case.set_classname("coderl.problem");
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    let xml = report.to_string().map_err(|error| ReportError::Render {
        table: "gate".to_owned(),
        format: "JUnit XML",
        reason: error.to_string(),
    })?;
    Ok(without_skipped_sum(&xml))
}

/// The schema of Jenkins (`junit-10.xsd`) knows `skipped` of a suite, not of all together.
fn without_skipped_sum(xml: &str) -> String {
    let Some(start) = xml.find("<testsuites") else {
        return xml.to_owned();
    };
    let (before, rest) = xml.split_at(start);
    let end = rest.find('>').unwrap_or(rest.len());
    let (element, after) = rest.split_at(end);
    let kept: Vec<&str> = element
        .split_inclusive('"')
        .collect::<Vec<_>>()
        .chunks(2)
        .filter(|attribute| !attribute[0].ends_with(" skipped=\""))
        .flatten()
        .copied()
        .collect();
    format!("{before}{}{after}", kept.concat())
}

fn non_success(kind: NonSuccessKind, what: &str, reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(what).set_message(reason);
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_skipped_cases_goes_and_the_rest_stays() {
        let xml = "<?xml version=\"1.0\"?>\n<testsuites name=\"a\" tests=\"3\" skipped=\"2\" \
                   failures=\"1\">\n<testsuite name=\"b\" skipped=\"2\"/>\n</testsuites>";
        assert_eq!(
            without_skipped_sum(xml),
            xml.replacen(" skipped=\"2\"", "", 1)
        );
        assert_eq!(without_skipped_sum("<other/>"), "<other/>");
    }
}
