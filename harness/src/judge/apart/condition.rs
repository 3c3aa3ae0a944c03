//! What an assert demands, as a tree over the values of subjects.

use ruff_python_ast::{Arguments, BoolOp, CmpOp, Expr, ExprCompare, Operator, UnaryOp};

use crate::judge::apart::constant::constant;
use crate::judge::apart::script::Scope;
use crate::judge::apart::subject::{Wrapping, subject};
use crate::judge::python;
use crate::value::Value;

/// The condition of an `assert`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    Constant(bool),
    /// The truth of a subject; the expression given evaluates to a `bool`.
    Truth {
        expression: String,
    },
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// `first op second op third …`
    Comparison {
        first: Operand,
        rest: Vec<(CmpOp, Operand)>,
    },
    /// `math.isclose(left, right, rel_tol=…, abs_tol=…)`
    IsClose {
        left: Operand,
        right: Operand,
        relative_tolerance: f64,
        absolute_tolerance: f64,
    },
    /// `isinstance(operand, (…))`
    IsInstance {
        operand: Operand,
        types: Vec<String>,
    },
}

/// A side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Constant(Value),
    /// An expression that the program's guest evaluates.
    Subject(String),
    /// `len(operand)`
    Length(Box<Operand>),
    Difference(Box<Operand>, Box<Operand>),
    /// `abs` or `math.fabs`.
    Absolute(Box<Operand>),
}

/// Reads the conditions of one script.
pub(super) struct Reader<'s> {
    pub(super) source: &'s str,
}

impl Reader<'_> {
    /// The condition that `expression` states, if it is of a known form.
    pub(super) fn condition(&self, expression: &Expr, scope: &Scope<'_>) -> Option<Condition> {
        let each = |items: &[Expr]| -> Option<Vec<Condition>> {
            items
                .iter()
                .map(|item| self.condition(item, scope))
                .collect()
        };
        match expression {
            Expr::BooleanLiteral(literal) => Some(Condition::Constant(literal.value)),
            Expr::BoolOp(operation) => Some(match operation.op {
                BoolOp::And => Condition::All(each(&operation.values)?),
                BoolOp::Or => Condition::Any(each(&operation.values)?),
            }),
            Expr::UnaryOp(unary) if unary.op == UnaryOp::Not => Some(Condition::Not(Box::new(
                self.condition(&unary.operand, scope)?,
            ))),
            Expr::Compare(compare) => self.comparison(compare, scope),
            Expr::Call(call) => {
                if scope.function_of_math(&call.func) == Some("isclose") {
                    return self.is_close(&call.arguments, scope);
                }
                if scope.builtin(&call.func) == Some("isinstance") {
                    return self.is_instance(&call.arguments, scope);
                }
                self.truth(expression, scope)
            }
            _ => self.truth(expression, scope),
        }
    }

    fn truth(&self, expression: &Expr, scope: &Scope<'_>) -> Option<Condition> {
        let text = subject(expression, Wrapping::Bare, scope, self.source)?;
        Some(Condition::Truth {
            expression: format!("not not ({text}\n)"),
        })
    }

    fn comparison(&self, compare: &ExprCompare, scope: &Scope<'_>) -> Option<Condition> {
        let sides: Vec<&Expr> = std::iter::once(&*compare.left)
            .chain(&*compare.comparators)
            .collect();
        let constants: Vec<Option<Value>> =
            sides.iter().map(|side| constant(side, scope)).collect();
        let wrapping = wrapping(&compare.ops, &constants);
        let mut operands = Vec::with_capacity(sides.len());
        for (side, constant) in sides.into_iter().zip(constants) {
            operands.push(match constant {
                Some(value) => Operand::Constant(value),
                None => self.operand(side, wrapping, scope)?,
            });
        }
        for (op, pair) in compare.ops.iter().zip(operands.windows(2)) {
            if !is_decidable(*op, &pair[0], &pair[1]) {
                return None;
            }
        }
        let mut operands = operands.into_iter();
        Some(Condition::Comparison {
            first: operands.next()?,
            rest: compare.ops.iter().copied().zip(operands).collect(),
        })
    }

    fn operand(&self, expression: &Expr, wrapping: Wrapping, scope: &Scope<'_>) -> Option<Operand> {
        if let Some(value) = constant(expression, scope) {
            return Some(Operand::Constant(value));
        }
        if let Some(text) = subject(expression, wrapping, scope, self.source) {
            return Some(Operand::Subject(text));
        }
        let bare = |expression| {
            self.operand(expression, Wrapping::Bare, scope)
                .map(Box::new)
        };
        match expression {
            Expr::BinOp(binary) if binary.op == Operator::Sub => {
                let (left, right) = (bare(&binary.left)?, bare(&binary.right)?);
                // A set may be subtracted from a set: with a number it is a number.
                let numeric = is_number(&left) || is_number(&right);
                numeric.then_some(Operand::Difference(left, right))
            }
            Expr::Call(call) => {
                let [argument] = &*call.arguments.args else {
                    return None;
                };
                if !call.arguments.keywords.is_empty() {
                    return None;
                }
                if scope.function_of_math(&call.func) == Some("fabs") {
                    return Some(Operand::Absolute(bare(argument)?));
                }
                let function = scope.builtin(&call.func)?;
                if function == "abs" {
                    return Some(Operand::Absolute(bare(argument)?));
                }
                (function == "len")
                    .then(|| bare(argument).map(Operand::Length))
                    .flatten()
            }
            _ => None,
        }
    }

    fn is_close(&self, arguments: &Arguments, scope: &Scope<'_>) -> Option<Condition> {
        let [left, right] = &*arguments.args else {
            return None;
        };
        let (mut relative_tolerance, mut absolute_tolerance) = (1e-9, 0.0);
        for keyword in &arguments.keywords {
            let value = python::as_f64(&constant(&keyword.value, scope)?)?;
            if value.is_nan() || value < 0.0 {
                return None;
            }
            match keyword.arg.as_ref()?.as_str() {
                "rel_tol" => relative_tolerance = value,
                "abs_tol" => absolute_tolerance = value,
                _ => return None,
            }
        }
        Some(Condition::IsClose {
            left: self.operand(left, Wrapping::Bare, scope)?,
            right: self.operand(right, Wrapping::Bare, scope)?,
            relative_tolerance,
            absolute_tolerance,
        })
    }

    fn is_instance(&self, arguments: &Arguments, scope: &Scope<'_>) -> Option<Condition> {
        let [operand, types] = &*arguments.args else {
            return None;
        };
        let types = match types {
            Expr::Tuple(tuple) => tuple.elts.iter().collect(),
            single => vec![single],
        };
        let types = types
            .into_iter()
            .map(|kind| {
                scope
                    .builtin(kind)
                    .filter(|name| PLAIN_TYPES.contains(name))
            })
            .map(|name| name.map(str::to_owned))
            .collect::<Option<_>>()?;
        if !arguments.keywords.is_empty() {
            return None;
        }
        Some(Condition::IsInstance {
            operand: self.operand(operand, Wrapping::Bare, scope)?,
            types,
        })
    }
}

const PLAIN_TYPES: [&str; 11] = [
    "bool",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "set",
    "str",
    "tuple",
];

/// Conversions may be evaluated by the program's guest when their only use is a comparison
/// with a constant that cannot be guessed.
fn wrapping(ops: &[CmpOp], constants: &[Option<Value>]) -> Wrapping {
    let n_open = constants.iter().filter(|side| side.is_none()).count();
    let equality = ops
        .iter()
        .all(|op| matches!(op, CmpOp::Eq | CmpOp::NotEq | CmpOp::In));
    // `constant in f(x)` and the like look at a property.
    let membership_in_constant = !ops.contains(&CmpOp::In) || constants[0].is_none();
    let secret = constants
        .iter()
        .flatten()
        .all(|value| !matches!(value, Value::None | Value::Bool(_)));
    if n_open == 1 && equality && membership_in_constant && secret {
        Wrapping::Converted
    } else {
        Wrapping::Bare
    }
}

fn is_number(operand: &Operand) -> bool {
    matches!(
        operand,
        Operand::Constant(Value::Int(_) | Value::Float(_))
            | Operand::Absolute(_)
            | Operand::Difference(..)
            | Operand::Length(_)
    )
}

/// Whether the host knows what `left op right` means, whatever the subjects' values are.
fn is_decidable(op: CmpOp, left: &Operand, right: &Operand) -> bool {
    let is_singleton =
        |operand: &Operand| matches!(operand, Operand::Constant(Value::None | Value::Bool(_)));
    // Two values of the program may be large, and comparing them is work that it does not
    // pay for here, but in the tester.
    let is_open = |operand: &Operand| !matches!(operand, Operand::Constant(_));
    if is_open(left) && is_open(right) {
        return false;
    }
    match op {
        CmpOp::Eq | CmpOp::NotEq | CmpOp::In | CmpOp::NotIn => true,
        CmpOp::Is | CmpOp::IsNot => is_singleton(left) || is_singleton(right),
        CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE => is_number(left) || is_number(right),
    }
}
