//! The learning rate of each update.

use harness::training::{OptimizerSettings, Schedule};

/// Learning rate of update `step` (from 1) of `n_steps`. Warm-up is linear from 0.
pub(super) fn learning_rate(settings: &OptimizerSettings, step: u64, n_steps: u64) -> f64 {
    let warmup = u64::from(settings.warmup_steps);
    let peak = settings.learning_rate;
    if step < warmup {
        return peak * step as f64 / warmup as f64;
    }
    match settings.schedule {
        Schedule::Constant => peak,
        Schedule::Polynomial { power, end } => {
            let length = n_steps.saturating_sub(warmup).max(1) as f64;
            let progress = ((step - warmup) as f64 / length).min(1.0);
            (peak - end) * (1.0 - progress).powf(power) + end
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_paper() {
        let settings = OptimizerSettings {
            learning_rate: 2e-5,
            schedule: Schedule::Polynomial {
                power: 0.5,
                end: 1e-5,
            },
            warmup_steps: 500,
            weight_decay: 0.05,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            max_gradient_norm: Some(1.0),
        };
        let check = |step, expected: f64| {
            let found = learning_rate(&settings, step, 10_500);
            assert!((found - expected).abs() < 1e-12, "{step}: {found}");
        };
        check(0, 0.0);
        check(250, 1e-5);
        check(500, 2e-5);
        // (2e-5 - 1e-5) √(1 - 0.75) + 1e-5
        check(8000, 1.5e-5);
        check(10_500, 1e-5);
        check(20_000, 1e-5);
    }
}
