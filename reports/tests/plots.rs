//! Plots of runs of every shape. They are for looking at: with `PLOTS_DIR=folder` the tests
//! leave them there.

use std::fs;
use std::path::PathBuf;

use harness::metric::{ProblemTally, UnjudgedPolicy};
use harness::problem::Difficulty;
use reports::plot::{Plot, flips_plot, outcomes_plot, pass_at_1_plot, pass_at_k_plot};
use reports::{ReportInput, render};

use crate::fixture::{self, Shape};

fn draw(name: &str, input: &ReportInput) -> Vec<Plot> {
    let strict = &input.judgings[0];
    let plots: Vec<Plot> = [
        pass_at_k_plot(input, strict),
        outcomes_plot(input, strict),
        pass_at_1_plot(input),
        flips_plot(input),
    ]
    .into_iter()
    .filter_map(|plot| plot.expect("a plot can be drawn"))
    .collect();
    for plot in &plots {
        check(plot);
        if let Some(folder) = std::env::var_os("PLOTS_DIR") {
            let stem = PathBuf::from(folder).join(format!("{name}.{}", plot.name));
            fs::create_dir_all(stem.parent().unwrap()).unwrap();
            fs::write(stem.with_added_extension("png"), &plot.png).unwrap();
            fs::write(stem.with_added_extension("svg"), &plot.svg).unwrap();
        }
    }
    plots
}

/// What holds for every plot: it is a PNG of twice the SVG's size with an empty margin all
/// around, so nothing is cut off, and something inside.
fn check(plot: &Plot) {
    let decoder = png::Decoder::new(std::io::Cursor::new(&plot.png));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let [width, height] = [info.width as usize, info.height as usize];
    let svg_size = format!("width=\"{}\" height=\"{}\"", width / 2, height / 2);
    assert!(plot.svg.contains(&svg_size), "{}: {svg_size}", plot.name);

    let mut n_drawn = 0;
    for (i, pixel) in pixels.chunks_exact(3).enumerate() {
        let (x, y) = (i % width, i / width);
        let is_margin = x < 16 || y < 16 || x >= width - 16 || y >= height - 12;
        if pixel != [255, 255, 255] {
            n_drawn += 1;
            assert!(!is_margin, "{}: ink in the margin at {x}, {y}", plot.name);
        }
    }
    assert!(n_drawn > 5000, "{}: {n_drawn} pixels drawn", plot.name);
    assert!(!plot.data.rows.is_empty(), "{}", plot.name);
    assert!(!render::csv(&plot.data).unwrap().is_empty());
}

fn names(plots: &[Plot]) -> Vec<&str> {
    plots.iter().map(|plot| plot.name.as_str()).collect()
}

const ALL: [&str; 4] = ["pass-at-k.strict", "outcomes.strict", "pass-at-1", "flips"];

#[test]
fn three_levels() {
    assert_eq!(
        names(&draw("levels", &fixture::input(&Shape::default()))),
        ALL
    );
}

#[test]
fn many_candidates_and_unjudged_ones() {
    let shape = Shape {
        n_candidates: 200,
        unjudged_every: Some(37),
        ..Shape::default()
    };
    assert_eq!(names(&draw("many", &fixture::input(&shape))), ALL);
}

#[test]
fn a_single_level() {
    let shape = Shape {
        levels: vec![(Some(Difficulty::Competition), 9)],
        ..Shape::default()
    };
    let plots = draw("one-level", &fixture::input(&shape));
    assert_eq!(names(&plots), ALL);
    assert!(!plots[0].svg.contains("\nall\n"), "the same line twice");
}

#[test]
fn no_levels() {
    let shape = Shape {
        levels: vec![(None, 20)],
        ..Shape::default()
    };
    let mut input = fixture::input(&shape);
    input.judgings.truncate(1);
    input.flips = None;
    assert_eq!(names(&draw("no-levels", &input)), ALL[..3]);
}

#[test]
fn rated_and_unrated() {
    let shape = Shape {
        levels: vec![
            (Some(Difficulty::Introductory), 6),
            (Some(Difficulty::Interview), 6),
            (Some(Difficulty::Competition), 6),
            (None, 6),
        ],
        ..Shape::default()
    };
    assert_eq!(names(&draw("unrated", &fixture::input(&shape))), ALL);
}

#[test]
fn one_candidate_each() {
    let shape = Shape {
        n_candidates: 1,
        ks: vec![1],
        ..Shape::default()
    };
    assert_eq!(names(&draw("one-k", &fixture::input(&shape))), ALL[1..]);
}

#[test]
fn one_problem() {
    let shape = Shape {
        levels: vec![(None, 1)],
        ..Shape::default()
    };
    let mut input = fixture::input(&shape);
    input.flips = Some(Vec::new());
    assert_eq!(names(&draw("one-problem", &input)), ALL[..3]);
}

#[test]
fn long_names() {
    let mut input = fixture::input(&Shape::default());
    input.title = "a title with <angles> & ampersands that goes on for much longer than any \
                   figure is wide, as file names tend to do"
        .to_owned();
    let mut flips = Vec::new();
    for i in 0..20 {
        let rule = format!("a-rule-with-a-name-that-nobody-would-want-to-type-{i}");
        flips.extend(fixture::flips().into_iter().take(i + 1).map(|mut flip| {
            flip.rule = Some(rule.clone());
            flip
        }));
    }
    input.flips = Some(flips);
    assert_eq!(names(&draw("long", &input)), ALL);
}

#[test]
fn all_passed_and_none_passed() {
    for (name, passes) in [("all-passed", true), ("none-passed", false)] {
        let mut input = fixture::input(&Shape::default());
        let set = |tally: &mut ProblemTally| {
            for candidate in &mut tally.candidates {
                candidate.outcome = Some(if passes {
                    harness::verdict::Outcome::PassedTests
                } else {
                    harness::verdict::Outcome::FailedTests
                });
            }
        };
        for judging in &mut input.judgings {
            judging.tallies.iter_mut().for_each(set);
        }
        assert_eq!(names(&draw(name, &input)), ALL);
    }
}

#[test]
fn nothing_judged_nothing_drawn() {
    let shape = Shape {
        unjudged_every: Some(1),
        unjudged: UnjudgedPolicy::Excluded,
        ..Shape::default()
    };
    let mut input = fixture::input(&shape);
    input.flips = None;
    assert_eq!(names(&draw("nothing", &input)), [""; 0]);
    input.judgings.iter_mut().for_each(|j| j.tallies.clear());
    assert_eq!(names(&draw("nothing", &input)), [""; 0]);
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let input = fixture::input(&Shape::default());
    for (one, two) in draw("again", &input).iter().zip(&draw("again", &input)) {
        assert_eq!(one.png, two.png);
        assert_eq!(one.svg, two.svg);
    }
}
