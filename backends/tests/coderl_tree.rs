//! CodeRL's released folders, where they are at hand: outcomes, pooled predictions, token values
//! and rewards without any model. Expected numbers were computed from the JSON copy of the
//! scores by a few lines of Python.

use std::path::{Path, PathBuf};

use backends::coderl_tree::{
    BASELINE_SOLUTIONS, CRITIC_SCORES, GEN_SOLUTIONS, read_scores, read_solutions, write_scores,
};
use harness::reward::relative_return;
use harness::training::{pool, predicted_class, token_rewards, token_values};

/// The folder of benchmark data: `CODERL_DATA`, or `../shared/data` beside the repository.
fn tree() -> Option<PathBuf> {
    let folder = std::env::var_os("CODERL_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let tree = folder.join("apps/coderl_train");
    tree.is_dir().then_some(tree)
}

/// A sample, a position of it, and the value and reward there.
type Spot = (usize, usize, f32, f32);

struct Expected {
    folder: &'static str,
    n: usize,
    n_right: usize,
    spots: [Spot; 4],
}

const EXPECTED: [Expected; 3] = [
    Expected {
        folder: "0001",
        n: 20,
        n_right: 17,
        spots: [
            (0, 0, 0.760_055, 1.216_088),
            (0, 5, 0.723_477, 1.157_564),
            (1, 1, 0.760_230, 1.216_368),
            (1, 511, 0.978_426, 1.565_482),
        ],
    },
    Expected {
        folder: "2287",
        n: 4,
        n_right: 4,
        spots: [
            (0, 0, 0.194_810, 0.077_924),
            (0, 511, 0.880_204, 0.352_081),
            (1, 1, 0.181_724, 0.072_689),
            (1, 511, 0.951_762, 0.380_705),
        ],
    },
    Expected {
        folder: "4184",
        n: 20,
        n_right: 15,
        spots: [
            (0, 1, 0.608_566, 0.791_136),
            (0, 511, 0.939_857, 1.221_815),
            (1, 0, 0.133_716, -0.040_115),
            (1, 511, 0.965_932, -0.289_780),
        ],
    },
];

#[test]
#[expect(clippy::print_stderr, reason = "a notice that a check was skipped")]
fn released_scores_give_the_released_predictions_and_rewards() {
    let Some(tree) = tree() else {
        eprintln!("skipped: no benchmark data (set CODERL_DATA)");
        return;
    };
    for expected in &EXPECTED {
        check(&tree.join(expected.folder), expected);
    }
}

fn check(folder: &Path, expected: &Expected) {
    let solutions = read_solutions(&folder.join(GEN_SOLUTIONS)).unwrap();
    let baseline = read_solutions(&folder.join(BASELINE_SOLUTIONS)).unwrap();
    let scores = read_scores(&folder.join(CRITIC_SCORES)).unwrap();
    assert_eq!(solutions.len(), expected.n);
    let true_classes: Vec<usize> = solutions.iter().map(|s| s.outcome.class()).collect();
    assert_eq!(true_classes, scores.true_classes);

    // The released critic pools over all 512 positions, padding included.
    let predicted: Vec<usize> = scores
        .logits
        .iter()
        .map(|logits| predicted_class(&pool(logits)).unwrap())
        .collect();
    assert_eq!(predicted, scores.predicted);
    let pairs = predicted.iter().zip(&true_classes);
    assert_eq!(pairs.filter(|(p, t)| p == t).count(), expected.n_right);

    for (sample, position, value, reward) in expected.spots {
        let outcome = solutions[sample].outcome;
        let logits = &scores.logits[sample];
        let near = |found: f32, expected: f32| (found - expected).abs() < 2e-6;
        let found = token_values(logits, outcome.class())[position];
        assert!(near(found, value), "{found} is not {value}");
        #[expect(
            clippy::cast_possible_truncation,
            reason = "single precision, as there"
        )]
        let sample_return = relative_return(outcome, baseline[0].outcome) as f32;
        let found = token_rewards(logits, outcome.class(), sample_return)[position];
        assert!(near(found, reward), "{found} is not {reward}");
    }
    // Tokens as released: begin, program, end, padding.
    for code in &scores.code {
        assert_eq!((code.len(), code[0]), (512, 1));
        let end = code.iter().position(|id| *id == -100).unwrap_or(code.len());
        assert_eq!(code[end - 1], 2);
        assert!(code[end..].iter().all(|id| *id == -100));
    }

    // Written and read again, it is the same.
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join(CRITIC_SCORES);
    std::fs::write(&path, write_scores(&scores).unwrap()).unwrap();
    assert_eq!(read_scores(&path).unwrap(), scores);
}
