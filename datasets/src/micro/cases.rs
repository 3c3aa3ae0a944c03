//! The tests of a problem, and which problems are none.

use super::chain::Chain;
use super::data::Data;
use super::inputs::{self, N_HIDDEN};
use super::random::Random;

/// Sets of inputs to try before a chain is given up.
const MAX_TRIES: usize = 20;

/// Tests that have to fail where a step is left out: with fewer it is as good as absent.
const MIN_FAILING: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) input: Data,
    pub(super) output: Data,
}

/// The shown ones come first.
#[derive(Clone, Debug)]
pub(super) struct Cases {
    pub(super) n_shown: usize,
    pub(super) all: Vec<Case>,
}

impl Cases {
    /// Tests for `chain`; `None` where the problem is degenerate: outputs too large or mostly
    /// equal, a step that changes next to nothing, or a guard that is never needed.
    pub(super) fn draw(chain: &Chain, n_shown: usize, random: &mut Random) -> Option<Self> {
        (0..MAX_TRIES).find_map(|_| {
            let all = draw_all(chain, n_shown, random)?;
            let cases = Self { n_shown, all };
            cases.are_telling(chain).then_some(cases)
        })
    }

    pub(super) fn shown(&self) -> &[Case] {
        &self.all[..self.n_shown]
    }

    pub(super) fn hidden(&self) -> &[Case] {
        &self.all[self.n_shown..]
    }

    fn are_telling(&self, chain: &Chain) -> bool {
        let outputs: Vec<&Data> = self.all.iter().map(|case| &case.output).collect();
        let n_equal = |output: &Data| outputs.iter().filter(|other| **other == output).count();
        let shown = &outputs[..self.n_shown];
        let are_shown_distinct = (1..shown.len()).all(|at| !shown[..at].contains(&shown[at]));
        are_shown_distinct
            // An empty output looks like none.
            && shown.iter().all(|output| !output.line().is_empty())
            && outputs.iter().all(|output| 2 * n_equal(output) <= outputs.len())
            && chain.shortened().all(|shorter| self.n_failing(&shorter) >= MIN_FAILING)
            && (!chain.is_guarded() || self.need_guard(chain))
    }

    fn n_failing(&self, chain: &Chain) -> usize {
        self.all.iter().filter(|case| !case.passes(chain)).count()
    }

    /// Whether a program without guard passes what is shown, and no more.
    fn need_guard(&self, chain: &Chain) -> bool {
        let fragile = chain.fragile();
        self.shown().iter().all(|case| case.passes(&fragile))
            && !self.hidden().iter().all(|case| case.passes(&fragile))
    }
}

impl Case {
    fn passes(&self, chain: &Chain) -> bool {
        chain.evaluate(&self.input).as_ref() == Some(&self.output)
    }
}

fn draw_all(chain: &Chain, n_shown: usize, random: &mut Random) -> Option<Vec<Case>> {
    let letters = chain.letters();
    (0..n_shown + N_HIDDEN)
        .map(|index| {
            let input = match index.checked_sub(n_shown) {
                None => inputs::shown(chain.input, &letters, random),
                Some(sort) => inputs::hidden(chain.input, sort, &letters, random),
            };
            let output = chain.evaluate(&input)?;
            Some(Case { input, output })
        })
        .collect()
}
