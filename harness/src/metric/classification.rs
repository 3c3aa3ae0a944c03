//! How well a classifier knows its classes: accuracy, confusion, macro-F1, calibration. The
//! paper reports none of these of its critics but ">75 %".

use serde::Serialize;

/// One thing that was classified.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    pub truth: usize,
    pub predicted: usize,
    /// The probability that the classifier gave to its prediction.
    pub confidence: f64,
}

/// How well a classifier did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassifierQuality {
    pub n: usize,
    pub accuracy: f64,
    /// Mean of the F1 of the classes that occur, as truth or as prediction.
    pub macro_f1: f64,
    /// Expected calibration error (Guo et al. 2017, Eq. 3).
    pub calibration_error: f64,
    /// `[truth][predicted]`.
    pub confusion: Vec<Vec<usize>>,
}

/// Bins of equal width for the calibration error.
pub const CALIBRATION_BINS: usize = 10;

/// Quality of `predictions` over `n_classes` classes. `None` where there are none.
///
/// # Panics
/// When a class is not below `n_classes`.
pub fn classifier_quality(
    predictions: &[Prediction],
    n_classes: usize,
) -> Option<ClassifierQuality> {
    if predictions.is_empty() {
        return None;
    }
    let confusion = confusion_matrix(predictions, n_classes);
    Some(ClassifierQuality {
        n: predictions.len(),
        accuracy: accuracy(&confusion),
        macro_f1: macro_f1(&confusion),
        calibration_error: expected_calibration_error(predictions, CALIBRATION_BINS),
        confusion,
    })
}

/// Counts, `[truth][predicted]`.
///
/// # Panics
/// When a class is not below `n_classes`.
pub fn confusion_matrix(predictions: &[Prediction], n_classes: usize) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; n_classes]; n_classes];
    for prediction in predictions {
        counts[prediction.truth][prediction.predicted] += 1;
    }
    counts
}

/// The part on the diagonal; 0 for an empty matrix.
pub fn accuracy(confusion: &[Vec<usize>]) -> f64 {
    let right: usize = confusion
        .iter()
        .enumerate()
        .map(|(class, row)| row[class])
        .sum();
    let all: usize = confusion.iter().flatten().sum();
    ratio(right, all)
}

/// Mean over the classes that occur of 2 TP / (2 TP + FP + FN).
pub fn macro_f1(confusion: &[Vec<usize>]) -> f64 {
    let scores: Vec<f64> = (0..confusion.len())
        .filter_map(|class| {
            let hits = confusion[class][class];
            let of_class: usize = confusion[class].iter().sum();
            let taken_for_it: usize = confusion.iter().map(|row| row[class]).sum();
            let both = of_class + taken_for_it;
            (both > 0).then(|| ratio(2 * hits, both))
        })
        .collect();
    match scores.len() {
        0 => 0.0,
        #[expect(clippy::cast_precision_loss, reason = "a handful of classes")]
        n => scores.iter().sum::<f64>() / n as f64,
    }
}

/// Over bins of confidence: how far the share of right predictions is from the mean confidence,
/// weighted by the number of predictions. A confidence on an edge belongs to the bin below.
#[expect(clippy::cast_precision_loss, reason = "counts of programs")]
pub fn expected_calibration_error(predictions: &[Prediction], n_bins: usize) -> f64 {
    let mut bins = vec![(0_usize, 0_usize, 0.0_f64); n_bins];
    for prediction in predictions {
        let bin = &mut bins[bin_of(prediction.confidence, n_bins)];
        bin.0 += 1;
        bin.1 += usize::from(prediction.truth == prediction.predicted);
        bin.2 += prediction.confidence;
    }
    let off: f64 = bins
        .iter()
        .map(|&(_, right, confidence)| (right as f64 - confidence).abs())
        .sum();
    match predictions.len() {
        0 => 0.0,
        n => off / n as f64,
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float saturates on conversion, and the number of bins is small"
)]
fn bin_of(confidence: f64, n_bins: usize) -> usize {
    let above = (confidence * n_bins as f64).ceil() as usize;
    above.saturating_sub(1).min(n_bins - 1)
}

#[expect(clippy::cast_precision_loss, reason = "counts of programs")]
fn ratio(part: usize, all: usize) -> f64 {
    match all {
        0 => 0.0,
        all => part as f64 / all as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(rows: &[(usize, usize, f64)]) -> Vec<Prediction> {
        rows.iter()
            .map(|&(truth, predicted, confidence)| Prediction {
                truth,
                predicted,
                confidence,
            })
            .collect()
    }

    #[track_caller]
    fn assert_near(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-12,
            "{found} is not {expected}"
        );
    }

    #[test]
    fn the_released_critic_on_its_83_programs() {
        // Counts of the released scores, rows true and columns predicted.
        let confusion = vec![
            vec![1, 1, 0, 0],
            vec![0, 22, 0, 1],
            vec![0, 6, 13, 4],
            vec![0, 0, 0, 35],
        ];
        assert_near(accuracy(&confusion), 71.0 / 83.0);
        // 2/3, 44/52, 26/36 and 70/75.
        let f1 = (2.0 / 3.0 + 44.0 / 52.0 + 26.0 / 36.0 + 70.0 / 75.0) / 4.0;
        assert_near(macro_f1(&confusion), f1);
    }

    #[test]
    fn classes_that_do_not_occur_do_not_count() {
        let all_right = confusion_matrix(&predictions(&[(3, 3, 0.9), (1, 1, 0.9)]), 4);
        assert_near(macro_f1(&all_right), 1.0);
        // Class 2 occurs as a prediction, and is wrong there.
        let one_wrong = confusion_matrix(&predictions(&[(3, 3, 0.9), (3, 2, 0.9)]), 4);
        assert_near(macro_f1(&one_wrong), (2.0 / 3.0 + 0.0) / 2.0);
    }

    #[test]
    fn calibration_compares_confidence_with_success() {
        // Four at 0.75 of which three are right: exactly as sure as they should be.
        let rows = [(0, 0, 0.75), (0, 0, 0.75), (1, 1, 0.75), (1, 0, 0.75)];
        assert_near(expected_calibration_error(&predictions(&rows), 10), 0.0);
        // Sure and wrong beside unsure and right: (|0 - 0.95| + |1 - 0.55|) / 2.
        let rows = [(0, 1, 0.95), (1, 1, 0.55)];
        assert_near(expected_calibration_error(&predictions(&rows), 10), 0.7);
        // In one bin they make up for each other: |1 - 1.5| / 2.
        assert_near(expected_calibration_error(&predictions(&rows), 1), 0.25);
        assert_near(expected_calibration_error(&[], 10), 0.0);
    }

    #[test]
    fn edges_belong_to_the_bin_below() {
        assert_eq!(
            [0.0, 0.1, 0.11, 0.5, 1.0].map(|c| bin_of(c, 10)),
            [0, 0, 1, 4, 9]
        );
    }

    #[test]
    fn nothing_classified_has_no_quality() {
        assert_eq!(classifier_quality(&[], 4), None);
        let quality = classifier_quality(&predictions(&[(0, 1, 0.6)]), 2).unwrap();
        assert_eq!((quality.n, quality.accuracy), (1, 0.0));
        assert_eq!(quality.confusion, [[0, 1], [0, 0]]);
    }
}
