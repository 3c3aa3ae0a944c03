//! Losses beside loops over plain numbers, and batches beside what is written down by hand.

use backend_torch::checkpoint::{Checkpoint, Config};
use backend_torch::train::loss::{
    clipped_policy_gradient, critic_cross_entropy, cross_entropy, distance_values, divisor,
    entropy, kl_divergence, log_softmax, max_pool, policy_gradient, token_log_probs,
};
use backend_torch::train::{Batch, Padding, Reads, Sequence};
use harness::training::{BatchSettings, Reduction};
use tch::{Device, Kind, Tensor};

use crate::fixture::{families, write};

/// Numbers in [-1, 1), the same each time.
struct Draws(u64);

impl Draws {
    fn number(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.number() + 1.0) / 2.0 * n as f64) as usize
    }

    fn numbers(&mut self, n: usize, scale: f64) -> Vec<f64> {
        (0..n)
            .map(|_| f64::from((self.number() * scale) as f32))
            .collect()
    }
}

fn tensor(values: &[f64]) -> Tensor {
    Tensor::from_slice(values).to_kind(Kind::Float)
}

fn close(found: &Tensor, expected: &[f64], what: &str) {
    let found = Vec::<f64>::try_from(found.to_kind(Kind::Double).reshape([-1])).unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let limit = 2e-5 * expected.abs().max(1.0);
        assert!(
            (found - expected).abs() < limit,
            "{what}: {found} {expected}"
        );
    }
}

/// log softmax of a row.
fn log_probs(row: &[f64]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::MIN, f64::max);
    let sum: f64 = row.iter().map(|x| (x - largest).exp()).sum();
    row.iter().map(|x| x - largest - sum.ln()).collect()
}

#[test]
fn losses_are_the_sums_that_the_equations_have() {
    for seed in 0..40 {
        let mut draws = Draws(seed);
        let (n, width) = (1 + draws.below(12), 2 + draws.below(9));
        let logits = draws.numbers(n * width, 6.0);
        let labels: Vec<usize> = (0..n).map(|_| draws.below(width)).collect();
        let rows: Vec<Vec<f64>> = logits.chunks(width).map(log_probs).collect();
        let of_labels: Vec<f64> = rows.iter().zip(&labels).map(|(row, at)| row[*at]).collect();
        let matrix = tensor(&logits).view([n as i64, width as i64]);
        let classes: Vec<i64> = labels.iter().map(|label| *label as i64).collect();
        let classes = Tensor::from_slice(&classes);
        let found = token_log_probs(&matrix, &classes);
        close(&found, &of_labels, "log p");

        let advantages = draws.numbers(n, 2.0);
        // Ratios on both sides of the bounds, with advantages of both signs.
        let shift = draws.numbers(n, 0.8);
        let sampled: Vec<f64> = of_labels.iter().zip(&shift).map(|(x, s)| x + s).collect();
        let clip = 0.2;
        let (mut ce, mut pg, mut clipped, mut kl) = (0.0, 0.0, 0.0, 0.0);
        for at in 0..n {
            ce -= of_labels[at];
            pg -= advantages[at] * of_labels[at];
            let ratio = (of_labels[at] - sampled[at]).exp();
            let bounded = ratio.max(1.0 - clip).min(1.0 + clip);
            clipped -= (ratio * advantages[at]).min(bounded * advantages[at]);
            let delta = sampled[at] - of_labels[at];
            kl += delta.exp() - delta - 1.0;
        }
        close(&cross_entropy(&found), &[ce], "cross-entropy");
        close(&critic_cross_entropy(&matrix, &classes), &[ce], "critic");
        let (advantages, sampled) = (tensor(&advantages), tensor(&sampled));
        close(
            &policy_gradient(&found, &advantages),
            &[pg],
            "policy gradient",
        );
        let loss = clipped_policy_gradient(&found, &sampled, &advantages, clip);
        close(&loss, &[clipped], "clipped");
        close(&kl_divergence(&found, &sampled), &[kl], "KL");
        let entropies: Vec<f64> = rows
            .iter()
            .map(|row| -row.iter().map(|x| x * x.exp()).sum::<f64>())
            .collect();
        let (found, expected) = (
            entropy(&log_softmax(&matrix)),
            entropies.iter().sum::<f64>(),
        );
        assert!(
            (found - expected).abs() < 1e-4,
            "entropy: {found} {expected}"
        );
    }
}

#[test]
fn pools_take_the_maximum_of_each_sample() {
    for seed in 0..40 {
        let mut draws = Draws(seed);
        let lengths: Vec<usize> = (0..1 + draws.below(5))
            .map(|_| 1 + draws.below(7))
            .collect();
        let n: usize = lengths.iter().sum();
        let width = 1 + draws.below(4);
        // Far below zero: what fills the gaps must not win.
        let values: Vec<f64> = draws
            .numbers(n * width, 5.0)
            .iter()
            .map(|x| x - 100.0)
            .collect();
        let mut rows = Vec::new();
        let mut expected = Vec::new();
        let mut first = 0;
        for (row, length) in lengths.iter().enumerate() {
            rows.extend(std::iter::repeat_n(row as i64, *length));
            for column in 0..width {
                let of = (first..first + length).map(|at| values[at * width + column]);
                expected.push(of.fold(f64::MIN, f64::max));
            }
            first += length;
        }
        let values = tensor(&values)
            .view([n as i64, width as i64])
            .set_requires_grad(true);
        let pooled = max_pool(&values, &Tensor::from_slice(&rows), lengths.len());
        close(&pooled, &expected, "maximum");
        // One number of each sample and column has the gradient.
        pooled.sum(Kind::Float).backward();
        let gradient = values.grad();
        let total = gradient.sum(Kind::Double).double_value(&[]);
        assert_eq!(total, (lengths.len() * width) as f64);
        assert_eq!(gradient.max().double_value(&[]), 1.0);
    }
}

#[test]
fn the_first_of_equal_maxima_has_the_gradient() {
    let values = tensor(&[1.0, 3.0, 3.0, 2.0])
        .view([4, 1])
        .set_requires_grad(true);
    let pooled = max_pool(&values, &Tensor::from_slice(&[0_i64, 0, 0, 0]), 1);
    pooled.sum(Kind::Float).backward();
    close(&values.grad(), &[0.0, 1.0, 0.0, 0.0], "gradient");
}

#[test]
fn distances_fall_from_one_to_one_part() {
    for n in 1..9_usize {
        let found = distance_values([n, 2]);
        for (at, value) in found[..n].iter().enumerate() {
            // 1 at the first token, 1/T at the last, in equal steps.
            let expected = 1.0 - at as f64 / n as f64;
            assert!((f64::from(*value) - expected).abs() < 1e-6, "{n} {found:?}");
        }
        assert_eq!(found[n..], [1.0, 0.5]);
    }
}

#[test]
fn sums_are_divided_by_samples_and_means_by_tokens() {
    assert_eq!(divisor(Reduction::Sum, 4, 50), 4.0);
    assert_eq!(divisor(Reduction::TokenMean, 4, 50), 50.0);
    // Nothing is divided by nothing.
    assert_eq!(divisor(Reduction::Sum, 0, 0), 1.0);
}

#[test]
fn a_ratio_beyond_its_bound_has_no_gradient() {
    // Now e^0.5 as likely as when it was drawn, with an advantage; and e^-0.5 with a disadvantage.
    let check = |now: f64, advantage: f64, expected: f64| {
        let log_probs = tensor(&[now]).set_requires_grad(true);
        let loss = clipped_policy_gradient(&log_probs, &tensor(&[0.0]), &tensor(&[advantage]), 0.2);
        loss.backward();
        close(&log_probs.grad(), &[expected], "gradient");
    };
    check(0.5, 1.0, 0.0);
    check(-0.5, -1.0, 0.0);
    check(0.5, -1.0, 0.5_f64.exp());
    check(-0.5, 1.0, -(-0.5_f64).exp());
    check(0.0, 2.0, -2.0);
}

fn configs() -> [Config; 2] {
    families().map(|case| {
        let folder = tempfile::tempdir().unwrap();
        write(&case, folder.path());
        Checkpoint::open(folder.path()).unwrap().config
    })
}

fn ids(tensor: &Tensor) -> Vec<Vec<i64>> {
    Vec::<Vec<i64>>::try_from(tensor.to_kind(Kind::Int64)).unwrap()
}

fn list(tensor: &Tensor) -> Vec<i64> {
    Vec::<i64>::try_from(tensor).unwrap()
}

fn sequences() -> [Sequence; 2] {
    let sequence = |source: &[u32], target: &[u32]| Sequence {
        source: source.to_vec(),
        target: target.to_vec(),
    };
    [
        sequence(&[10, 11, 12], &[20, 2]),
        sequence(&[13], &[21, 22, 2]),
    ]
}

#[test]
fn batches_are_as_they_are_written_by_hand() {
    let [t5, llama] = configs();
    let sequences = sequences();
    let all: Vec<&Sequence> = sequences.iter().collect();
    let batch = |config, padding, reads| Batch::new(&all, config, padding, reads, Device::Cpu);
    let none = Padding::default();

    let found = batch(&t5, none, Reads::AllButLast);
    let source = found.source.as_ref().unwrap();
    assert_eq!(ids(&source.tokens), [[10, 11, 12], [13, 0, 0]]);
    assert_eq!(ids(source.mask.as_ref().unwrap()), [[1, 1, 1], [1, 0, 0]]);
    assert!(source.rows.is_none());
    assert_eq!(ids(&found.inputs), [[0, 20, 0], [0, 21, 22]]);
    assert_eq!(list(&found.predicts), [0, 1, 3, 4, 5]);
    assert_eq!(list(&found.labels), [20, 2, 21, 22, 2]);
    assert_eq!(list(&found.rows), [0, 0, 1, 1, 1]);
    assert!(found.has_read.is_none());
    assert_eq!((found.n_rows, found.n_labels), (2, 5));
    close(
        &found.spread(&[0.5, -1.0]),
        &[0.5, 0.5, -1.0, -1.0, -1.0],
        "spread",
    );

    let found = batch(&t5, none, Reads::All);
    assert_eq!(ids(&found.inputs), [[0, 20, 2, 0], [0, 21, 22, 2]]);
    assert_eq!(list(&found.predicts), [0, 1, 4, 5, 6]);
    assert_eq!(list(&found.has_read.unwrap()), [1, 2, 5, 6, 7]);

    let found = batch(&llama, none, Reads::AllButLast);
    assert!(found.source.is_none());
    assert_eq!(ids(&found.inputs), [[10, 11, 12, 20], [13, 21, 22, 0]]);
    assert_eq!(list(&found.predicts), [2, 3, 4, 5, 6]);
}

#[test]
fn released_inputs_are_padded_to_the_end_and_seen() {
    let [t5, llama] = configs();
    let settings = BatchSettings {
        size: 2,
        max_tokens: 1000,
        epochs: 1.0,
        steps: None,
        max_source_tokens: 5,
        max_target_tokens: 4,
        as_released: true,
    };
    let padding = Padding::of(&t5, &settings);
    let sequences = sequences();
    let all: Vec<&Sequence> = sequences.iter().collect();
    let found = Batch::new(&all, &t5, padding, Reads::AllButLast, Device::Cpu);
    let source = found.source.as_ref().unwrap();
    // `</s>` behind prompts, without a mask; labels shifted right, `<pad>` behind them.
    assert_eq!(ids(&source.tokens), [[10, 11, 12, 2, 2], [13, 2, 2, 2, 2]]);
    assert!(source.mask.is_none());
    assert_eq!(ids(&found.inputs), [[0, 20, 2, 0], [0, 21, 22, 2]]);
    // What is predicted is the same as without.
    assert_eq!(list(&found.predicts), [0, 1, 4, 5, 6]);
    assert_eq!(list(&found.labels), [20, 2, 21, 22, 2]);
    // A program of the largest length: there is no place for its last token.
    let long = Sequence {
        source: vec![10; 5],
        target: vec![30, 31, 32, 33],
    };
    let found = Batch::new(&[&long], &t5, padding, Reads::AllButLast, Device::Cpu);
    assert_eq!(ids(&found.inputs), [[0, 30, 31, 32]]);
    let found = Batch::new(&[&long], &t5, padding, Reads::All, Device::Cpu);
    assert_eq!(ids(&found.inputs), [[0, 30, 31, 32, 33]]);
    // Decoder-only models have no released inputs.
    assert_eq!(Padding::of(&llama, &settings), Padding::default());
}
