//! From values to positions, and where the ticks are.

/// A straight map from values to pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) values: (f64, f64),
    pub(super) pixels: (f64, f64),
}

impl Scale {
    pub(super) fn at(&self, value: f64) -> f64 {
        let ((v0, v1), (p0, p1)) = (self.values, self.pixels);
        p0 + (value - v0) / (v1 - v0) * (p1 - p0)
    }
}

/// Round values from 0 to the first one at or above `highest`, at most seven of them.
pub(super) fn ticks_from_zero(highest: f64) -> Vec<f64> {
    let highest = if highest.is_finite() && highest > 0.0 {
        highest
    } else {
        1.0
    };
    let magnitude = 10_f64.powf((highest / 6.0).log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|factor| factor * magnitude)
        .into_iter()
        .find(|step| highest / step <= 6.0 + 1e-9)
        .unwrap_or(10.0 * magnitude);
    let mut ticks = vec![0.0];
    let mut n = 0.0;
    while ticks
        .last()
        .is_some_and(|&last| last < highest * (1.0 - 1e-9))
    {
        n += 1.0;
        ticks.push(n * step);
    }
    ticks
}

/// Round values around what lies between two, at most six of them; 0 among them where it is
/// close.
pub(super) fn ticks_around(low: f64, high: f64) -> Vec<f64> {
    if !(low.is_finite() && high.is_finite()) {
        return vec![0.0, 1.0];
    }
    // A curve that fills its panel says more than one above a gap, unless the gap is small.
    let low = if low > 0.0 && low < 0.4 * high {
        0.0
    } else {
        low
    };
    let high = if high > low {
        high
    } else {
        low + low.abs().max(1.0)
    };
    let magnitude = 10_f64.powf(((high - low) / 4.0).log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|factor| factor * magnitude)
        .into_iter()
        .find(|step| (high - low) / step <= 4.0 + 1e-9)
        .unwrap_or(10.0 * magnitude);
    let first = (low / step + 1e-9).floor();
    let mut ticks = vec![first * step];
    let mut n = first;
    while ticks.last().is_some_and(|&last| last < high - 1e-9 * step) {
        n += 1.0;
        ticks.push(n * step);
    }
    ticks
}

/// A tick as text, with no more digits than the step between ticks has.
pub(super) fn tick_label(tick: f64, ticks: &[f64]) -> String {
    let step = match ticks {
        [first, second, ..] => second - first,
        _ => 1.0,
    };
    let digits = (0..6)
        .find(|&digits| {
            let scaled = step * 10_f64.powi(digits);
            (scaled - scaled.round()).abs() < 1e-6
        })
        .unwrap_or(6);
    format!("{tick:.*}", usize::try_from(digits).unwrap_or(0))
}

/// Ticks for an axis of k from 1 to `most`: on a straight axis each number, thinned out, on
/// a logarithmic one 1, 2, 5 of each decade.
pub(super) fn k_ticks(most: u32, is_logarithmic: bool) -> Vec<u32> {
    let mut ticks: Vec<u32> = if is_logarithmic {
        let decades = std::iter::successors(Some(1_u32), |decade| decade.checked_mul(10));
        decades
            .flat_map(|decade| [1, 2, 5].map(|step| decade.saturating_mul(step)))
            .take_while(|&k| k < most)
            .collect()
    } else {
        let step = most.div_ceil(10).max(1);
        let steps = (1..).map(|i| i * step).take_while(|&k| k < most);
        std::iter::once(1)
            .chain(steps)
            .filter(|&k| k < most)
            .collect()
    };
    ticks.dedup();
    // The last one is always shown; a neighbor that would touch it gives way.
    while let Some(&last) = ticks.last() {
        let is_close = if is_logarithmic {
            f64::from(most) / f64::from(last) < 1.35
        } else {
            f64::from(most - last) < 0.06 * f64::from(most)
        };
        if !is_close || ticks.len() == 1 {
            break;
        }
        ticks.pop();
    }
    ticks.push(most);
    ticks.dedup();
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover() {
        let check = |highest: f64, expected: &[&str]| {
            let ticks = ticks_from_zero(highest);
            let labels: Vec<String> = ticks.iter().map(|&t| tick_label(t, &ticks)).collect();
            assert_eq!(labels, expected, "{highest}");
        };
        check(100.0, &["0", "20", "40", "60", "80", "100"]);
        check(8.49, &["0", "2", "4", "6", "8", "10"]);
        check(0.7, &["0.0", "0.2", "0.4", "0.6", "0.8"]);
        check(
            1.4,
            &["0.00", "0.25", "0.50", "0.75", "1.00", "1.25", "1.50"],
        );
        check(0.0, &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn ticks_lie_around() {
        let check = |low: f64, high: f64, expected: &[&str]| {
            let ticks = ticks_around(low, high);
            let labels: Vec<String> = ticks.iter().map(|&t| tick_label(t, &ticks)).collect();
            assert_eq!(labels, expected, "{low} {high}");
        };
        check(0.1, 0.9, &["0.00", "0.25", "0.50", "0.75", "1.00"]);
        check(-0.35, 0.2, &["-0.4", "-0.2", "0.0", "0.2"]);
        check(2.1, 2.4, &["2.1", "2.2", "2.3", "2.4"]);
        check(0.0, 0.0, &["0.00", "0.25", "0.50", "0.75", "1.00"]);
        check(3.0, 3.0, &["3", "4", "5", "6"]);
    }

    #[test]
    fn k_ticks_end_at_the_last_k() {
        assert_eq!(k_ticks(1, false), [1]);
        assert_eq!(k_ticks(5, false), [1, 2, 3, 4, 5]);
        assert_eq!(k_ticks(20, false), [1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
        assert_eq!(k_ticks(200, true), [1, 2, 5, 10, 20, 50, 100, 200]);
        assert_eq!(k_ticks(110, true), [1, 2, 5, 10, 20, 50, 110]);
    }
}
