//! How many lines of the test programs are lines of training programs (CodeRL §4.5, Figure 7).
//!
//! The paper drops comments, normalises white space, leaves out lines that occur more than twice
//! in MBPP, "likely to be common Python keywords", and looks the others up in the training
//! programs of APPS. It does not say whether the lines left out count in the fraction of a
//! program's lines; here they do not.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Lines of one test program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineOverlap {
    /// Lines with something on them.
    pub n_lines: usize,
    /// Without those that are too common among the test programs.
    pub n_considered: usize,
    /// Considered lines that are in a training program.
    pub n_duplicated: usize,
    /// Most considered lines that follow each other here and in one training program.
    pub longest_run: usize,
}

impl LineOverlap {
    /// Share of the considered lines that are duplicated; nothing of nothing is nothing.
    pub fn share(&self) -> f64 {
        match self.n_considered {
            0 => 0.0,
            #[expect(clippy::cast_precision_loss, reason = "lines of a program")]
            n => self.n_duplicated as f64 / n as f64,
        }
    }
}

/// A line by its number among the considered lines of the test programs.
type Line = u32;
/// A line that is not among them.
const OTHER: Line = Line::MAX;

/// Looks up the lines of each program of `test` in those of `train`, which gives the lines of
/// one program at a time.
pub(super) fn duplicated_lines(
    test: &[Vec<String>],
    train: impl ParallelIterator<Item = Vec<String>>,
    max_repeats: usize,
) -> Vec<LineOverlap> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for line in test.iter().flatten() {
        *counts.entry(line).or_default() += 1;
    }
    let mut numbers: HashMap<&str, Line> = HashMap::new();
    for line in test.iter().flatten() {
        if counts[line.as_str()] <= max_repeats {
            let next = Line::try_from(numbers.len()).expect("fewer lines than 2^32");
            numbers.entry(line).or_insert(next);
        }
    }
    let number = |line: &String| numbers.get(line.as_str()).copied().unwrap_or(OTHER);
    let programs: Vec<Vec<Line>> = test
        .iter()
        .map(|program| program.iter().map(number).collect())
        .collect();
    let train: Vec<Vec<Line>> = train
        .map(|program| program.iter().map(number).collect::<Vec<Line>>())
        .filter(|program| program.iter().any(|line| *line != OTHER))
        .collect();
    let mut is_found = vec![false; numbers.len()];
    for line in train.iter().flatten().filter(|line| **line != OTHER) {
        is_found[*line as usize] = true;
    }
    let longest = longest_runs(&programs, &train);
    programs
        .iter()
        .zip(longest)
        .map(|(program, longest_run)| {
            let considered = || program.iter().filter(|line| **line != OTHER);
            LineOverlap {
                n_lines: program.len(),
                n_considered: considered().count(),
                n_duplicated: considered()
                    .filter(|line| is_found[**line as usize])
                    .count(),
                longest_run,
            }
        })
        .collect()
}

/// For each program the length of its longest block that is a block of a training program.
fn longest_runs(programs: &[Vec<Line>], train: &[Vec<Line>]) -> Vec<usize> {
    let mut longest = vec![0; programs.len()];
    // Places where a block of the last length was found; a longer one begins at such a place and
    // ends at one.
    let mut places: Vec<HashSet<usize>> = programs
        .iter()
        .map(|program| {
            let places = 0..program.len();
            places.filter(|&it| program[it] != OTHER).collect()
        })
        .collect();
    for length in 1.. {
        let block = |program: usize, place: usize| programs[program].get(place..place + length);
        let is_possible =
            |program: usize, place: usize| length == 1 || places[program].contains(&(place + 1));
        let candidates: Vec<(usize, usize, &[Line])> = places
            .iter()
            .enumerate()
            .flat_map(|(program, places)| places.iter().map(move |place| (program, *place)))
            .filter(|&(program, place)| is_possible(program, place))
            .filter_map(|(program, place)| Some((program, place, block(program, place)?)))
            .collect();
        let wanted: HashSet<&[Line]> = candidates.iter().map(|it| it.2).collect();
        let found: HashSet<&[Line]> = train
            .par_iter()
            .flat_map_iter(|program| program.windows(length))
            .filter(|block| wanted.contains(block))
            .collect();
        let mut longer = vec![HashSet::new(); programs.len()];
        for (program, place, block) in candidates {
            if found.contains(block) {
                longer[program].insert(place);
                longest[program] = length;
            }
        }
        if longer.iter().all(HashSet::is_empty) {
            break;
        }
        places = longer;
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(test: &[&str], train: &[&str]) -> Vec<LineOverlap> {
        let lines = |text: &&str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let test: Vec<Vec<String>> = test.iter().map(lines).collect();
        duplicated_lines(&test, train.par_iter().map(lines), 2)
    }

    #[test]
    fn counted_by_hand() {
        // `r` occurs three times among the test programs, `s` twice.
        let test = ["a b r s c", "d r s", "r", "e f"];
        let train = ["b r x", "a b", "c a b", "s c d", "f e"];
        let shown: Vec<[usize; 4]> = overlap(&test, &train)
            .iter()
            .map(|it| [it.n_lines, it.n_considered, it.n_duplicated, it.longest_run])
            .collect();
        assert_eq!(
            shown,
            [
                // a b, and s c, but not a b r s: `r` ends a run.
                [5, 4, 4, 2],
                [3, 2, 2, 1],
                [1, 0, 0, 0],
                // Both, but the other way round.
                [2, 2, 2, 1],
            ]
        );
        assert_eq!(overlap(&test, &train)[2].share(), 0.0);
    }

    #[test]
    fn whole_programs_are_runs() {
        let program = "a b c d e f g";
        let found = overlap(&[program, "x y"], &["0 a b c d e f g 1"]);
        assert_eq!(found[0].longest_run, 7);
        assert_eq!((found[0].share(), found[1].share()), (1.0, 0.0));
    }
}
