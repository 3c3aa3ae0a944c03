//! Tests that are Python code, taken apart so that a program cannot forge its result.
//!
//! An `assert` that runs in the interpreter of the program under test is decided by code that
//! the program can change: it may patch built-in functions, return an object that equals
//! everything, or walk the frames up to the expected values. So test code is read here, on
//! the host, and goes one of three ways (`TestPlan`):
//!
//! 1. **Apart.** `assert f(1) == 2` is a *subject*, `f(1)`, and a condition on its value. The
//!    text of the subject alone is evaluated in the program's guest; its value comes back as
//!    plain data, and the condition is decided on the host. The expected value never enters
//!    the guest.
//! 2. **Tester.** Other test code runs in a second, clean guest that never sees the program.
//!    There the functions under test are stand-ins that ask the host, which calls the real
//!    ones in the program's guest. Arguments and results travel as plain data.
//! 3. **In place.** Test code that neither way can carry, such as one that uses instances of
//!    the program's classes, runs behind the program as it would natively. Results of such
//!    tests are marked ([`TestResult::in_place`](crate::verdict::TestResult::in_place)).
//!
//! The way depends on the test code alone and never on what a program does: otherwise a
//! program could choose the weakest.
//!
//! # What may be evaluated in the program's guest
//!
//! A result that is compared as data cannot lie: whatever the program does, it has to produce
//! the expected value without knowing it. That also holds for a conversion around the call:
//! in `set(f(x)) == {1, 2}` the guest evaluates `set(f(x))`, which lets a generator be a
//! right result, and a lying `__iter__` or a patched `set` would still have to know the
//! members. It does not hold for what can be guessed or is not compared with a secret:
//! `isinstance(f(x), list)`, `f(x) < 3`, `len(f(x)) == len(g(x))`, `f(x)[0] == True`. There
//! the subject is the bare call, and the rest is computed from its value on the host, or by
//! the tester, where work on large values has its price. The truth of a bare `assert f(x)` is evaluated in the guest: a lying
//! `__bool__` is no more than returning `True`.

mod condition;
mod constant;
mod evaluate;
mod names;
mod operations;
mod plan;
mod script;
mod subject;
mod tester;

pub(crate) use condition::Condition;
pub(crate) use evaluate::{Failure, evaluate};
pub(in crate::judge) use names::{Names, is_builtin, local_name};
pub(crate) use plan::{Surroundings, TestPlan};
pub(crate) use tester::TesterScript;
