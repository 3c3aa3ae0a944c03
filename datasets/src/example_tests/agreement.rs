//! How our example tests compare with those that CodeRL published, and both with the
//! hidden tests, which usually repeat the examples.

use std::fmt;

use harness::problem::{Problem, StdinTest, UnitTests};

use crate::example_tests::{ReleasedExamples, stdin_tests};

/// How two lists of example tests relate. The first that holds counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    /// Letter for letter.
    Exact,
    /// Equal but for white space: line breaks at the end, blank lines, spaces.
    Whitespace,
    /// Equal but for white space and letter case.
    LetterCase,
    /// Ours has all of theirs, but for white space, and more.
    OursHasMore,
    /// Theirs has all of ours, but for white space, and more.
    TheirsHasMore,
    OnlyOurs,
    OnlyTheirs,
    Neither,
    Different,
}

impl Agreement {
    pub const ALL: [Self; 9] = [
        Self::Exact,
        Self::Whitespace,
        Self::LetterCase,
        Self::OursHasMore,
        Self::TheirsHasMore,
        Self::OnlyOurs,
        Self::OnlyTheirs,
        Self::Neither,
        Self::Different,
    ];

    pub fn of(ours: &[StdinTest], theirs: &[StdinTest]) -> Self {
        let spaced = |test: &StdinTest| (normal(&test.input), normal(&test.expected));
        let lower = |test: &StdinTest| {
            let (input, expected) = spaced(test);
            (input.to_lowercase(), expected.to_lowercase())
        };
        let equal_by = |key: &dyn Fn(&StdinTest) -> (String, String)| {
            ours.iter().map(key).eq(theirs.iter().map(key))
        };
        let contains = |many: &[StdinTest], few: &[StdinTest]| {
            let many: Vec<_> = many.iter().map(spaced).collect();
            few.iter().all(|test| many.contains(&spaced(test)))
        };
        match (ours.is_empty(), theirs.is_empty()) {
            (true, true) => Self::Neither,
            (false, true) => Self::OnlyOurs,
            (true, false) => Self::OnlyTheirs,
            _ if ours == theirs => Self::Exact,
            _ if equal_by(&spaced) => Self::Whitespace,
            _ if equal_by(&lower) => Self::LetterCase,
            _ if contains(ours, theirs) => Self::OursHasMore,
            _ if contains(theirs, ours) => Self::TheirsHasMore,
            _ => Self::Different,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Exact => "equal, letter for letter",
            Self::Whitespace => "equal but for white space",
            Self::LetterCase => "equal but for letter case",
            Self::OursHasMore => "ours has theirs and more",
            Self::TheirsHasMore => "theirs has ours and more",
            Self::OnlyOurs => "only ours",
            Self::OnlyTheirs => "only theirs",
            Self::Neither => "neither",
            Self::Different => "different",
        }
    }
}

/// Example tests against the hidden tests of the same problem, white space apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HiddenAgreement {
    pub n_tests: usize,
    /// A hidden test has this input and this output.
    pub confirmed: usize,
    /// A hidden test has this input and another output.
    pub contradicted: usize,
}

impl HiddenAgreement {
    fn add(&mut self, examples: &[StdinTest], hidden: &[StdinTest]) {
        for example in examples {
            self.n_tests += 1;
            let input = normal(&example.input);
            let expected = normal(&example.expected);
            let mut same_input = hidden
                .iter()
                .filter(|test| normal(&test.input) == input)
                .peekable();
            if same_input.peek().is_none() {
                continue;
            }
            if same_input.any(|test| normal(&test.expected) == expected) {
                self.confirmed += 1;
            } else {
                self.contradicted += 1;
            }
        }
    }

    /// Examples whose input no hidden test has.
    pub fn unknown(&self) -> usize {
        self.n_tests - self.confirmed - self.contradicted
    }
}

/// Counts over the problems that have both a statement and published example tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgreementReport {
    pub n_problems: usize,
    /// Ids by kind of agreement, in the order of [`Agreement::ALL`].
    pub by_agreement: [Vec<String>; Agreement::ALL.len()],
    pub ours: HiddenAgreement,
    pub theirs: HiddenAgreement,
}

/// Compares what is extracted from the statements of `problems` with the published tests.
/// Call-based problems, and problems without a number in their id, are left out.
pub fn compare_with_released(problems: &[Problem], released: &ReleasedExamples) -> AgreementReport {
    let mut report = AgreementReport::default();
    for problem in problems {
        let UnitTests::StandardInput { tests } = &problem.tests else {
            continue;
        };
        let number = problem.id.as_str().rsplit('/').next();
        let Some(theirs) = number
            .and_then(|number| number.parse().ok())
            .and_then(|number| released.get(number))
        else {
            continue;
        };
        let ours = stdin_tests(&problem.statement);
        let agreement = Agreement::of(&ours, theirs);
        let at = Agreement::ALL
            .iter()
            .position(|kind| *kind == agreement)
            .expect("every kind is listed");
        report.n_problems += 1;
        report.by_agreement[at].push(problem.id.to_string());
        report.ours.add(&ours, &tests.hidden);
        report.theirs.add(theirs, &tests.hidden);
    }
    report
}

impl fmt::Display for AgreementReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "example tests of {} problems", self.n_problems)?;
        for (kind, ids) in Agreement::ALL.iter().zip(&self.by_agreement) {
            let shown = match ids.len() {
                1..=8 => format!("  ({})", ids.join(", ")),
                _ => String::new(),
            };
            writeln!(f, "  {:<28} {:>5}{shown}", kind.label(), ids.len())?;
        }
        for (name, hidden) in [("ours", self.ours), ("published", self.theirs)] {
            writeln!(
                f,
                "{name}: {} tests; output as in the hidden test {}, another output {}, input not among the hidden tests {}",
                hidden.n_tests,
                hidden.confirmed,
                hidden.contradicted,
                hidden.unknown()
            )?;
        }
        Ok(())
    }
}

/// Tokens of a text, line structure apart.
fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(pairs: &[(&str, &str)]) -> Vec<StdinTest> {
        pairs
            .iter()
            .map(|&(input, expected)| StdinTest {
                input: input.to_owned(),
                expected: expected.to_owned(),
            })
            .collect()
    }

    #[test]
    fn lists_of_tests_are_compared() {
        let check = |ours: &[(&str, &str)], theirs: &[(&str, &str)], expected| {
            assert_eq!(Agreement::of(&tests(ours), &tests(theirs)), expected);
        };
        check(&[("1\n", "2\n")], &[("1\n", "2\n")], Agreement::Exact);
        check(&[("1\n", "2\n")], &[("1", " 2")], Agreement::Whitespace);
        check(&[("A", "B")], &[("a\n", "B")], Agreement::LetterCase);
        check(
            &[("1", "2"), ("3", "4")],
            &[("3", "4\n")],
            Agreement::OursHasMore,
        );
        check(
            &[("3", "4")],
            &[("1", "2"), ("3", "4")],
            Agreement::TheirsHasMore,
        );
        check(&[("1", "2")], &[], Agreement::OnlyOurs);
        check(&[], &[("1", "2")], Agreement::OnlyTheirs);
        check(&[], &[], Agreement::Neither);
        check(&[("1", "2")], &[("1", "3")], Agreement::Different);
    }

    #[test]
    fn examples_are_held_against_hidden_tests() {
        let mut agreement = HiddenAgreement::default();
        agreement.add(
            &tests(&[("1", "2"), ("3", "4"), ("5", "6")]),
            &tests(&[("1\n", "2\n"), ("3", "0")]),
        );
        assert_eq!(
            (
                agreement.confirmed,
                agreement.contradicted,
                agreement.unknown()
            ),
            (1, 1, 1)
        );
    }
}
