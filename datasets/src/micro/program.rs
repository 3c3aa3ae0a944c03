//! Reference programs of a chain, in Python.

use super::chain::{Chain, Step};
use super::data::Kind;
use super::operation::Python;
use super::random::Random;

/// What a problem may ask its function to be called.
pub(super) const FUNCTIONS: [&str; 6] = ["solve", "compute", "process", "transform", "run", "f"];

/// How a program gets its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum CallStyle {
    StandardInput,
    Function(&'static str),
}

/// How a program is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// One expression.
    Nested,
    /// A statement for each step.
    Steps,
    /// The same with loops in place of comprehensions.
    Loops,
}

/// Names of variables.
#[derive(Debug)]
pub(super) struct Names {
    list: &'static str,
    number: &'static str,
    word: &'static str,
    item: &'static str,
    /// Of what a loop gathers.
    gathered: &'static str,
}

const NAMES: [Names; 3] = [
    Names {
        list: "a",
        number: "n",
        word: "s",
        item: "x",
        gathered: "b",
    },
    Names {
        list: "nums",
        number: "r",
        word: "w",
        item: "i",
        gathered: "out",
    },
    Names {
        list: "v",
        number: "k",
        word: "t",
        item: "e",
        gathered: "res",
    },
];

impl Names {
    pub(super) fn of(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::List => self.list,
            Kind::Number => self.number,
            Kind::Word => self.word,
        }
    }
}

/// A program in each style, with other names each.
pub(super) fn references(chain: &Chain, call: CallStyle, random: &mut Random) -> Vec<String> {
    let first = random.below(NAMES.len());
    let mut styles = vec![Style::Nested, Style::Steps];
    if chain.steps.iter().any(has_loop) {
        styles.push(Style::Loops);
    }
    (first..)
        .zip(styles)
        .map(|(at, style)| program(chain, call, style, &NAMES[at % NAMES.len()]))
        .collect()
}

/// The names that a statement uses.
pub(super) fn draw_names(random: &mut Random) -> &'static Names {
    random.pick(&NAMES)
}

fn program(chain: &Chain, call: CallStyle, style: Style, names: &Names) -> String {
    let (mut lines, result) = match style {
        Style::Nested => (Vec::new(), nested(chain, names)),
        Style::Steps | Style::Loops => step_by_step(chain, style, names),
    };
    let input = names.of(chain.input);
    match call {
        CallStyle::StandardInput => {
            let read = match chain.input {
                Kind::List => "list(map(int, input().split()))",
                Kind::Number => "int(input())",
                Kind::Word => "input()",
            };
            let star = if chain.output() == Kind::List {
                "*"
            } else {
                ""
            };
            lines.insert(0, format!("{input} = {read}"));
            lines.push(format!("print({star}{result})"));
            lines.join("\n") + "\n"
        }
        CallStyle::Function(name) => {
            lines.push(format!("return {result}"));
            let body = lines.join("\n").replace('\n', "\n    ");
            format!("def {name}({input}):\n    {body}\n")
        }
    }
}

fn nested(chain: &Chain, names: &Names) -> String {
    let mut operand = names.of(chain.input).to_owned();
    let mut is_compound = false;
    for step in &chain.steps {
        let pattern = expression(step, Operand::Expression);
        if is_compound && pattern.starts_with("{x}") {
            operand = format!("({operand})");
        }
        // An operator without brackets around it.
        is_compound = pattern.starts_with("{x} ");
        operand = fill(step, &pattern, &operand, names);
    }
    operand
}

/// Lines, and the name of what they leave.
fn step_by_step(chain: &Chain, style: Style, names: &Names) -> (Vec<String>, String) {
    let mut lines = Vec::new();
    for step in &chain.steps {
        let (from, to) = step.operation.apply.kinds();
        let (source, target) = (names.of(from), names.of(to));
        if style == Style::Loops && has_loop(step) {
            let gathered = if from == to { names.gathered } else { target };
            let (start, body) = loop_parts(step);
            let body = fill(step, &body, source, names).replace("{y}", gathered);
            lines.push(format!("{gathered} = {start}"));
            lines.push(format!("for {} in {source}:\n    {body}", names.item));
            if gathered != target {
                lines.push(format!("{target} = {gathered}"));
            }
        } else {
            let value = fill(step, &expression(step, Operand::Name), source, names);
            lines.push(format!("{target} = {value}"));
        }
    }
    (lines, names.of(chain.output()).to_owned())
}

/// What stands for `{x}`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    Name,
    Expression,
}

/// The step as a pattern of one expression.
fn expression(step: &Step, operand: Operand) -> String {
    match step.operation.python {
        Python::Each(element) => format!("[{element} for {{i}} in {{x}}]"),
        Python::Keep(condition) => format!("[{{i}} for {{i}} in {{x}} if {condition}]"),
        Python::Whole(whole) | Python::Loop { whole, .. } => whole.to_owned(),
        Python::Pick {
            whole,
            guarded,
            guarded_name,
        } => match operand {
            _ if !step.is_guarded => whole,
            Operand::Expression => guarded,
            Operand::Name => guarded_name,
        }
        .to_owned(),
    }
}

fn has_loop(step: &Step) -> bool {
    matches!(
        step.operation.python,
        Python::Each(_) | Python::Keep(_) | Python::Loop { .. }
    )
}

/// What the loop of a step starts with, and the pattern of its body.
fn loop_parts(step: &Step) -> (&'static str, String) {
    match step.operation.python {
        Python::Each(element) => ("[]", format!("{{y}}.append({element})")),
        Python::Keep(condition) => (
            "[]",
            format!("if {condition}:\n        {{y}}.append({{i}})"),
        ),
        Python::Loop { start, body, .. } => (start, body.to_owned()),
        Python::Whole(_) | Python::Pick { .. } => {
            unreachable!("{} has no loop", step.operation.name)
        }
    }
}

fn fill(step: &Step, pattern: &str, operand: &str, names: &Names) -> String {
    // The operand comes last: it may hold anything.
    step.arguments
        .fill(pattern)
        .replace("{i}", names.item)
        .replace("{x}", operand)
}
