//! Losses, as pure functions of tensors. Everything is over the N target tokens of a batch, and
//! every loss is a sum that the caller divides by the size of the whole update: by its samples
//! for the sums of the equations, by its tokens for the mean of the released code. So an update
//! is the same in one pass and in many.

use harness::training::Reduction;
use tch::{Kind, Tensor};

/// log p of every next token `[N, V]`, of logits `[N, V]`.
pub fn log_softmax(logits: &Tensor) -> Tensor {
    logits.log_softmax(-1, Kind::Float)
}

/// log p(w_t | w_1 … w_(t-1), D): `[N]`, of what [`log_softmax`] gives and labels `[N]`.
pub fn of_labels(log_probs: &Tensor, labels: &Tensor) -> Tensor {
    log_probs
        .gather(1, &labels.unsqueeze(1), false)
        .squeeze_dim(1)
}

/// The same at once, of logits.
pub fn token_log_probs(logits: &Tensor, labels: &Tensor) -> Tensor {
    of_labels(&log_softmax(logits), labels)
}

/// What sums are divided by.
pub fn divisor(reduction: Reduction, n_samples: usize, n_tokens: usize) -> f64 {
    let n = match reduction {
        Reduction::Sum => n_samples,
        Reduction::TokenMean => n_tokens,
    };
    n.max(1) as f64
}

/// L_ce (Eq. 1): `- Σ log p(w_t)`.
pub fn cross_entropy(log_probs: &Tensor) -> Tensor {
    -log_probs.sum(Kind::Float)
}

/// L_rl (Eqs. 3, 8, 10): `- Σ A_t log p(w_t)`, with `A_t = (r(W) - b) q̂_t` `[N]`, through which
/// no gradient flows.
pub fn policy_gradient(log_probs: &Tensor, advantages: &Tensor) -> Tensor {
    -(log_probs * advantages).sum(Kind::Float)
}

/// PPO's clipped form: `- Σ min(ρ_t A_t, clip(ρ_t, 1 - ε, 1 + ε) A_t)` with the ratio ρ of the
/// probabilities now and when the sample was drawn (Schulman et al. 2017, Eq. 7).
pub fn clipped_policy_gradient(
    log_probs: &Tensor,
    sampled_log_probs: &Tensor,
    advantages: &Tensor,
    clip: f64,
) -> Tensor {
    let ratio = (log_probs - sampled_log_probs).exp();
    let bounded = ratio.clamp(1.0 - clip, 1.0 + clip);
    -(&ratio * advantages)
        .minimum(&(bounded * advantages))
        .sum(Kind::Float)
}

/// Estimates the KL divergence from a reference model on the tokens of samples, summed:
/// `Σ exp(δ_t) - δ_t - 1` with `δ = log p_ref - log p`, which is unbiased and never negative
/// (GRPO, Eq. 4).
pub fn kl_divergence(log_probs: &Tensor, reference_log_probs: &Tensor) -> Tensor {
    let delta = reference_log_probs - log_probs;
    (delta.exp() - delta - 1.0).sum(Kind::Float)
}

/// Entropy of the next tokens, summed: a measure and not a loss. Of what [`log_softmax`] gives.
pub fn entropy(log_probs: &Tensor) -> f64 {
    tch::no_grad(|| {
        let log_probs = log_probs.detach();
        let mut products = log_probs.exp();
        let products = products.g_mul_(&log_probs);
        let of_tokens = products.sum_dim_intlist(-1, false, Kind::Float);
        -of_tokens.sum(Kind::Double).double_value(&[])
    })
}

/// L_critic (Eq. 9) of pooled logits `[B, C]` and classes `[B]`, summed over samples.
pub fn critic_cross_entropy(pooled: &Tensor, classes: &Tensor) -> Tensor {
    cross_entropy(&token_log_probs(pooled, classes))
}

/// Maximum over the tokens of each sample: `[B, C]`, of `[N, C]` and the sample of each token
/// `[N]`, which are in order. Every sample has a token. Of equal maxima the first gets the
/// gradient, as with `torch.max`.
pub fn max_pool(values: &Tensor, rows: &Tensor, n_rows: usize) -> Tensor {
    let (n, width) = values.size2().expect("values of tokens are a matrix");
    let counts = rows.bincount(None::<&Tensor>, n_rows as i64);
    let longest = counts.max().int64_value(&[]);
    // Where each token stands in its sample.
    let first = counts.cumsum(0, Kind::Int64) - &counts;
    let place = Tensor::arange(n, (Kind::Int64, values.device())) - first.index_select(0, rows);
    let slot = rows * longest + place;
    Tensor::full(
        [n_rows as i64 * longest, width],
        f64::from(f32::MIN),
        (values.kind(), values.device()),
    )
    .index_copy(0, &slot, values)
    .view([n_rows as i64, longest, width])
    .max_dim(1, false)
    .0
}

/// Values that fall linearly from 1 at the first token to 1/T at the last, for programs of
/// these lengths, one after the other (Table 2, variant C).
pub fn distance_values(lengths: impl IntoIterator<Item = usize>) -> Vec<f32> {
    lengths
        .into_iter()
        .flat_map(|length| (0..length).map(move |at| (length - at) as f32 / length as f32))
        .collect()
}
