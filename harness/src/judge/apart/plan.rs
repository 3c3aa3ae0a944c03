//! Which way a piece of test code goes.

use std::collections::BTreeSet;

use ruff_python_ast::{Expr, Stmt};
use ruff_python_parser::parse_module;

use crate::judge::apart::condition::{Condition, Reader};
use crate::judge::apart::names::{Definitions, Names, definitions, is_builtin};
use crate::judge::apart::script::{Scope, asserts};
use crate::judge::apart::tester::{TesterScript, tester_script};

/// How to judge by one piece of test code.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TestPlan {
    /// Conditions on subjects, in order; all must hold.
    Apart(Vec<Condition>),
    /// A script for a clean guest.
    Tester(TesterScript),
    /// The code runs behind the program.
    InPlace,
}

/// What test code stands in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    /// Runs behind the program and before the tests.
    pub(crate) setup: &'a str,
    /// The function under test, where the problem names it.
    pub(crate) entry_point: Option<&'a str>,
    /// The beginning of every program, which may define functions that the tests use.
    pub(crate) completion_prefix: Option<&'a str>,
    /// Programs that solve the problem, where there are any.
    pub(crate) reference_solutions: &'a [String],
}

impl TestPlan {
    /// The plan for `source`: one or more asserts, or a check function that is called.
    pub(crate) fn new(source: &str, surroundings: &Surroundings<'_>) -> Self {
        let Ok(parsed) = parse_module(source) else {
            return Self::InPlace;
        };
        let module = parsed.syntax();
        let setup = parse_module(surroundings.setup);
        let setup: &[Stmt] = match &setup {
            Ok(parsed) => &parsed.syntax().body,
            Err(_) => return Self::InPlace,
        };
        let mut references = Definitions::default();
        for program in surroundings.reference_solutions {
            let definitions = definitions(program);
            references.functions.extend(definitions.functions);
            references.classes.extend(definitions.classes);
        }
        let not_builtin = hidden_builtins(&module.body, &references);
        let mut scope = Scope::new(not_builtin.clone());
        scope.note_setup(setup);
        let reader = Reader { source };
        let conditions = asserts(&module.body, scope).and_then(|asserts| {
            asserts
                .into_iter()
                .map(|(assert, scope)| reader.condition(assert, &scope))
                .collect::<Option<Vec<_>>>()
        });
        if let Some(conditions) = conditions {
            return Self::Apart(conditions);
        }
        match tester_script(
            source,
            module,
            surroundings,
            setup,
            &references,
            &not_builtin,
        ) {
            Some(script) => Self::Tester(script),
            None => Self::InPlace,
        }
    }
}

/// Names of built-in functions that mean one of the program here (MBPP asks for a `sum`): a
/// reference solution defines it, it is what a check function is called with, or every
/// assert is about nothing but a call of it.
fn hidden_builtins(body: &[Stmt], references: &Definitions) -> BTreeSet<String> {
    let mut hidden: BTreeSet<String> = references
        .functions
        .iter()
        .filter(|name| is_builtin(name))
        .cloned()
        .collect();
    let mut asserted = BTreeSet::new();
    let mut n_asserts = 0;
    for statement in body {
        match statement {
            Stmt::Assert(assert) => {
                n_asserts += 1;
                if let Expr::Compare(compare) = &*assert.test
                    && let Expr::Call(call) = &*compare.left
                    && let Expr::Name(name) = &*call.func
                    && call
                        .arguments
                        .args
                        .iter()
                        .all(|argument| !argument.is_call_expr())
                {
                    asserted.insert(name.id.to_string());
                }
            }
            Stmt::Expr(expression) => {
                if let Expr::Call(call) = &*expression.value
                    && let [Expr::Name(name)] = &*call.arguments.args
                    && is_builtin(&name.id)
                {
                    hidden.insert(name.id.to_string());
                }
            }
            _ => {}
        }
    }
    let names = Names::of_body(body);
    let no_other = names
        .read
        .iter()
        .all(|name| is_builtin(name) || names.bound.contains(name));
    if n_asserts > 0
        && no_other
        && asserted.len() == 1
        && let Some(only) = asserted.pop_first()
        && is_builtin(&only)
    {
        hidden.insert(only);
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::apart::condition::Operand;

    const NOTHING: Surroundings<'_> = Surroundings {
        setup: "",
        entry_point: None,
        completion_prefix: None,
        reference_solutions: &[],
    };

    /// Expressions that the program's guest is given, in order.
    fn expressions(condition: &Condition, into: &mut Vec<String>) {
        fn of_operand(operand: &Operand, into: &mut Vec<String>) {
            match operand {
                Operand::Constant(_) => {}
                Operand::Subject(text) => into.push(text.clone()),
                Operand::Length(inner) | Operand::Absolute(inner) => of_operand(inner, into),
                Operand::Difference(left, right) => {
                    of_operand(left, into);
                    of_operand(right, into);
                }
            }
        }
        match condition {
            Condition::Constant(_) => {}
            Condition::Truth { expression } => into.push(expression.clone()),
            Condition::Not(inner) => expressions(inner, into),
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|part| expressions(part, into));
            }
            Condition::Comparison { first, rest } => {
                of_operand(first, into);
                rest.iter()
                    .for_each(|(_, operand)| of_operand(operand, into));
            }
            Condition::IsClose { left, right, .. } => {
                of_operand(left, into);
                of_operand(right, into);
            }
            Condition::IsInstance { operand, .. } => of_operand(operand, into),
        }
    }

    fn apart_with(surroundings: &Surroundings<'_>, source: &str) -> Vec<String> {
        let plan = TestPlan::new(source, surroundings);
        let TestPlan::Apart(conditions) = &plan else {
            panic!("{source}\nis {plan:?}")
        };
        let mut all = Vec::new();
        conditions
            .iter()
            .for_each(|part| expressions(part, &mut all));
        all
    }

    /// `source` is taken apart, and the guest sees these expressions.
    fn apart(source: &str, expected: &[&str]) {
        assert_eq!(apart_with(&NOTHING, source), expected, "{source}");
    }

    fn truth(text: &str) -> String {
        format!("not not ({text}\n)")
    }

    fn tester(source: &str) {
        let plan = TestPlan::new(source, &NOTHING);
        assert!(matches!(plan, TestPlan::Tester(_)), "{source}\nis {plan:?}");
    }

    fn in_place(source: &str) {
        let plan = TestPlan::new(source, &NOTHING);
        assert_eq!(plan, TestPlan::InPlace, "{source}");
    }

    #[test]
    fn the_guest_sees_only_the_call() {
        apart("assert f(1) == 2", &["f(1)"]);
        apart("assert 2 == f(1), 'said so'", &["f(1)"]);
        apart("assert (f(1)) != [2]", &["f(1)"]);
        apart("assert f(1) is None", &["f(1)"]);
        apart("assert True is not f(1)", &["f(1)"]);
        apart("assert f(1) in (2, 3)", &["f(1)"]);
        apart("assert f(1) not in {2: 3}", &["f(1)"]);
        apart("assert 'a' in f(1)", &["f(1)"]);
        apart("assert f(1) == -1 + 2j", &["f(1)"]);
        apart("assert f(1) == float('inf')", &["f(1)"]);
        apart("assert f(1) == {'a': (1,), 'b': set()}", &["f(1)"]);
        apart("assert f(1) == 2 ** 70 // 3", &["f(1)"]);
        apart("assert f(1) == [0] * 3 + [1]", &["f(1)"]);
        apart("assert f(1) == 'a' * 3 + 'b' \"c\"", &["f(1)"]);
        apart("assert f(1) == set([1, 2])", &["f(1)"]);
        apart("assert f(1) == 0xffffffffffffffffffff", &["f(1)"]);
        apart("assert abs(f(1.5) - 0.33) < 1e-6", &["f(1.5)"]);
        apart("assert 0 < f(1) <= 10", &["f(1)"]);
        apart("assert f(1) == 3 == g(2)", &["f(1)", "g(2)"]);
        tester("assert f(1) == g(2) == 3");
        apart(
            "assert decode(encode('x')) == 'x'",
            &["decode(encode('x'))"],
        );
        apart("assert isinstance(f(1), (int, str))", &["f(1)"]);
        apart(
            "assert f(1) == 1 and g(2) == 2 or h() == 3",
            &["f(1)", "g(2)", "h()"],
        );
        apart("assert True, 'This prints'", &[]);
        apart("assert f(1)(2) == 3", &["f(1)(2)"]);
        apart("assert Stack(3).size == 3", &["Stack(3).size"]);
        apart("assert Stack(3).is_full() == True", &["Stack(3).is_full()"]);
    }

    #[test]
    fn truth_is_evaluated_in_the_guest() {
        apart("assert f(1)", &[&truth("f(1)")]);
        apart("assert not f(1)", &[&truth("f(1)")]);
        apart(
            "assert (not f(1)) and g('a')",
            &[&truth("f(1)"), &truth("g('a')")],
        );
    }

    #[test]
    fn arguments_may_be_anything_closed() {
        for subject in [
            "f(*[1, 2], **{'a': 3}, b=4)",
            "f(lambda x, y=1: x + y)",
            "f(f'{1 + 1:>{3}}', \"\\u00e9\", 'é' 'x')",
            "f([x for x in range(3) if x != 1])",
            "f(1 == 1, not True, 3 if True else 4)",
            "f(\n    1,  # one\n    2,\n)",
            "f(g, h(1))",
            "f(x[1:2, ...], -1)",
        ] {
            apart(&format!("assert {subject} == 5"), &[subject]);
        }
        tester("assert f((y := 1)) == 5");
    }

    #[test]
    fn conversions_go_along_where_the_expected_value_is_secret() {
        apart("assert set(f(1)) == {1, 2}", &["set(f(1))"]);
        apart("assert round(f(1), 2) == 0.33", &["round(f(1), 2)"]);
        apart("assert f(1)[0] == 'a'", &["f(1)[0]"]);
        apart(
            "assert sorted(list(f(1)), reverse=True) == [2, 1]",
            &["sorted(list(f(1)), reverse=True)"],
        );
        apart("assert f(1).lower() == 'a'", &["f(1).lower()"]);
        // These can be guessed, or look at a property: the guest gives the data alone.
        tester("assert len(f(1)) == len(g(2))");
        apart("assert len(f(1)) > 3", &["f(1)"]);
        tester("assert tuple(f(1)) == tuple(g(1))");
        tester("assert f(1)[0] == True");
        tester("assert f(1).startswith('abc') == True");
        tester("assert f(1).startswith('abc')");
        tester("assert sorted(f(1)) == sorted(g(1))");
        tester("assert all(f(x) == x for x in (1, 2))");
        tester("assert (f(1) == 3) == True");
        tester("assert f(1) < g(1)");
    }

    #[test]
    fn expected_values_that_are_computed_go_to_the_tester() {
        tester("assert f(1) == sum([1, 2])");
        tester("assert f(3) == f'{3}'");
        tester("assert f(1) == [x for x in range(3)]");
        tester("assert f(1) == sys.getsizeof(1)");
        tester("for x in range(3):\n    assert f(x) == x");
        tester("x = f(1)\nassert x == 2");
        tester("assert (y := f(1)) == 2");
        tester("try:\n    f(1)\nexcept ValueError:\n    pass\nelse:\n    assert False");
        tester("assert f('\\ud800') == '\\ud800'");
    }

    #[test]
    fn a_reference_in_the_test_may_have_a_variable_called_like_the_function() {
        // As MBPP+ has it for problem 88.
        let source = "def ref(x):\n    f = x + 1\n    return f\nfor x in range(3):\n    assert f(x) == ref(x)";
        let TestPlan::Tester(script) = TestPlan::new(source, &NOTHING) else {
            panic!("it computes what is expected")
        };
        assert_eq!(script.functions, ["f"]);
    }

    #[test]
    fn check_functions_are_read_with_the_function_in_place() {
        let check = |body: &str| {
            format!(
                "'''Doc'''\nMETADATA = {{'a': 1}}\n\ndef check(candidate):\n{body}\n\ncheck(solve)\n"
            )
        };
        apart(
            &check(
                "    \"doc\"\n    assert candidate(1) == 2, 'x'\n    print\n    assert candidate(candidate(2), key=candidate) == 3",
            ),
            &["solve(1)", "solve(solve(2), key=solve)"],
        );
        apart(
            &check("    import math\n    assert math.fabs(candidate(1) - 0.5) < 1e-6"),
            &["solve(1)"],
        );
        apart(
            &check("    assert candidate(f'{candidate(1)}') == '2'"),
            &["solve(f'{solve(1)}')"],
        );
        tester(&check(
            "    candidate = print\n    assert candidate(1) == 2",
        ));
        tester(&check(
            "    import math\n    assert candidate(math.pi) == 2",
        ));
        tester(&check("    assert candidate(lambda candidate: 1) == 2"));
        tester(&check(
            "    x = [1]\n    assert candidate(x) == 2\n    assert x == [2]",
        ));
        tester("def check(candidate):\n    assert candidate(1) == 2\ncheck(lambda x: x)");
        apart(
            "def check(c):\n    assert c(1) == 2\n\ndef test():\n    check(f)\n    assert g() == 1\n\ntest()",
            &["f(1)", "g()"],
        );
        tester("def check(c):\n    assert c(1) == 2\n\ndef test():\n    test()\ntest()");
        // Never called: nothing is asked.
        apart("def check(candidate):\n    assert candidate(1) == 2\n", &[]);
    }

    #[test]
    fn names_of_the_test_are_not_the_programs() {
        tester("def f(x):\n    return x\nassert f(1) == g(1) - f(0)");
        tester("x = 3\nassert f(x) == 3");
        // MBPP asks for functions that hide built-in ones.
        apart("assert sum(10, 15) == 6", &["sum(10, 15)"]);
        let defined = ["def int(x): return x".to_owned()];
        let surroundings = Surroundings {
            reference_solutions: &defined,
            ..NOTHING
        };
        assert_eq!(
            apart_with(&surroundings, "assert int(g(1)) == 6"),
            ["int(g(1))"]
        );
    }

    #[test]
    fn setup_belongs_to_the_program() {
        let surroundings = Surroundings {
            setup: "import math\nroot = Node(1)\nroot.left = Node(2)",
            ..NOTHING
        };
        assert_eq!(
            apart_with(&surroundings, "assert height(root) == 2"),
            ["height(root)"]
        );
        assert_eq!(
            apart_with(
                &surroundings,
                "assert math.isclose(f(math.pi), 2, rel_tol=0.001)"
            ),
            ["f(math.pi)"]
        );
        let plan = TestPlan::new("for x in [root]:\n    assert height(x) == 2", &surroundings);
        assert_eq!(plan, TestPlan::InPlace);
    }

    #[test]
    fn objects_of_the_program_stay_with_it() {
        in_place("s = Stack()\ns.push(1)\nassert s.pop() == 1");
        in_place("assert isinstance(f(1), Node) and f(1) == [g for g in ()]");
        in_place("try:\n    f(1)\nexcept MyError:\n    pass");
        in_place("for x in (1, 2):\n    assert f(lambda y: y + x) == x");
        in_place("assert solution.f(1) == [x for x in ()]");
        in_place("assert f(1) ==");
        in_place("import datetime\nassert f(1) == datetime.date(2020, 1, 1)");
        in_place("from decimal import Decimal as D\nassert f(1) == D('1.5')");
        in_place("assert f(1) == datetime.date(2020, 1, 1)");
        in_place("from collections import deque\nassert f(1) == deque([1])");
    }

    #[test]
    fn a_script_for_the_tester_names_what_it_needs() {
        let surroundings = Surroundings {
            setup: "import re",
            entry_point: Some("find_zero"),
            completion_prefix: Some(
                "def poly(xs, x):\n    return 0\n\ndef find_zero(xs):\n    '''doc'''\n",
            ),
            ..NOTHING
        };
        let source = "for x in range(3):\n    assert poly([1], find_zero([x])) < sys.maxsize";
        let TestPlan::Tester(script) = TestPlan::new(source, &surroundings) else {
            panic!("a script for the tester")
        };
        assert_eq!(script.functions, ["find_zero"]);
        assert_eq!(script.required, ["poly", "sys"]);
        assert!(script.prelude.starts_with("import re\ndef poly"));
        assert!(script.prelude.ends_with("import sys\n"));
    }
}
