//! Relative positions: `_relative_position_bucket` of `modeling_t5.py`.

use tch::{Device, Kind, Tensor};

use crate::checkpoint::T5Config;

/// Which side of a query keys may stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BiasDirection {
    /// Encoder: half of the buckets are for keys behind the query.
    Bidirectional,
    /// Decoder: all buckets are for keys up to the query.
    Causal,
}

/// Buckets `[distance]` of keys `0..n` tokens before the query, and with `Bidirectional` also
/// those behind it, as `(before, behind)`.
///
/// In float32 and with libtorch's logarithm, as the reference computes them: at the borders
/// of buckets the rounding decides.
pub(crate) fn bucket_of_distance(
    config: &T5Config,
    direction: BiasDirection,
    n: usize,
) -> (Vec<i64>, Vec<i64>) {
    let n_buckets = match direction {
        BiasDirection::Bidirectional => config.n_position_buckets / 2,
        BiasDirection::Causal => config.n_position_buckets,
    } as i64;
    let n_exact = n_buckets / 2;
    let distance = Tensor::arange(n as i64, (Kind::Int64, Device::Cpu));
    let spread = (config.max_position_distance as f64 / n_exact as f64).ln();
    let large = (distance.to_kind(Kind::Float) / n_exact as f64).log() / spread
        * (n_buckets - n_exact) as f64;
    // The logarithm of 0 has no integer; that bucket is exact and not taken from here.
    let large = large.clamp_min(0.0).to_kind(Kind::Int64) + n_exact;
    let large = large.clamp_max(n_buckets - 1);
    let bucket = distance.where_self(&distance.lt(n_exact), &large);
    let mut before = vec![0; n];
    bucket.copy_data(&mut before, n);
    let behind = match direction {
        BiasDirection::Bidirectional => before.iter().map(|bucket| bucket + n_buckets).collect(),
        BiasDirection::Causal => Vec::new(),
    };
    (before, behind)
}

/// Buckets `[2T - 1]` of keys from `T - 1` tokens before a query to as many behind it. What a
/// causal query cannot see is in some bucket too.
pub(super) fn buckets(config: &T5Config, direction: BiasDirection, length: usize) -> Tensor {
    let (before, behind) = bucket_of_distance(config, direction, length);
    let behind = match direction {
        BiasDirection::Bidirectional => behind,
        BiasDirection::Causal => vec![0; length],
    };
    let all: Vec<i64> = before
        .into_iter()
        .rev()
        .chain(behind.into_iter().skip(1))
        .collect();
    Tensor::from_slice(&all)
}

/// `[1, H, T, T]`, of values `[2T - 1, H]` by distance: queries times keys.
pub(super) fn by_query(of_distances: &Tensor) -> Tensor {
    let length = (of_distances.size()[0] + 1) / 2;
    // The last query sees from the largest distance on, the first from its own place on.
    let windows = of_distances.transpose(0, 1).unfold(1, length, 1);
    windows.flip([1]).unsqueeze(0)
}
