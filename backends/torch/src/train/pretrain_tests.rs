use std::collections::BTreeSet;

use super::*;

const FRAME: Frame = Frame {
    begin: Some(1),
    end: 2,
};

/// As in a new tokenizer of ours: the first has the largest id.
fn sentinels(n: u32) -> Vec<u32> {
    (0..n).map(|index| 100_000 - index).collect()
}

fn text(n: u32) -> Vec<u32> {
    (10..10 + n).collect()
}

fn spans(tokens: &[u32], seed: u64, sentinels: &[u32]) -> Example {
    masked_spans(tokens, seed, SpanRecipe::default(), sentinels, FRAME).unwrap()
}

fn inner(framed: &[u32]) -> &[u32] {
    assert_eq!((framed[0], framed[framed.len() - 1]), (1, 2));
    &framed[1..framed.len() - 1]
}

/// The text that a source stands for, once the spans of the target are put where the sentinels are.
fn filled(example: &Example, sentinels: &[u32]) -> Vec<u32> {
    let (source, target) = (inner(&example.source), inner(&example.target));
    let mut text = Vec::new();
    for token in source {
        let Some(index) = sentinels.iter().position(|it| it == token) else {
            text.push(*token);
            continue;
        };
        let place = |sentinel| target.iter().position(|it| *it == sentinel).unwrap();
        text.extend(&target[place(*token) + 1..place(sentinels[index + 1])]);
    }
    text
}

#[test]
fn source_and_target_make_the_text() {
    let sentinels = sentinels(100);
    for n in [2, 3, 5, 7, 20, 64, 200, 510] {
        for seed in 0..50 {
            let text = text(n);
            let example = spans(&text, seed, &sentinels);
            assert_eq!(
                filled(&example, &sentinels),
                text,
                "{n} tokens, seed {seed}"
            );
        }
    }
}

#[test]
fn sentinels_come_in_order_and_one_more_ends_the_target() {
    let sentinels = sentinels(100);
    let of = |tokens: &[u32]| -> Vec<u32> {
        let is_sentinel = |token: &&u32| sentinels.contains(token);
        tokens.iter().filter(is_sentinel).copied().collect()
    };
    for seed in 0..50 {
        let example = spans(&text(510), seed, &sentinels);
        // round(510 × 0.15) = 76 tokens (half to even) in round(76 / 3) = 25 spans.
        assert_eq!(of(&example.source), sentinels[..25]);
        assert_eq!(of(&example.target), sentinels[..26]);
        assert_eq!(inner(&example.target).len(), 76 + 26);
        assert_eq!(inner(&example.target).last(), Some(&sentinels[25]));
        // As in T5: the first token stays and the last one goes.
        assert_eq!(example.source[1], 10);
        assert_eq!(inner(&example.source).last(), Some(&sentinels[24]));
    }
}

#[test]
fn fifteen_tokens_of_a_hundred_are_masked_where_t5_masks_them() {
    const N: u32 = 200;
    let sentinels = sentinels(100);
    let n_seeds = 20_000;
    let mut masked = vec![0_u32; N as usize];
    for seed in 0..n_seeds {
        for token in inner(&spans(&text(N), seed, &sentinels).target) {
            if let Some(count) = masked.get_mut((*token as usize).wrapping_sub(10)) {
                *count += 1;
            }
        }
    }
    let share = |counts: &[u32]| {
        f64::from(counts.iter().sum::<u32>()) / (counts.len() as f64 * n_seeds as f64)
    };
    assert_eq!(share(&masked), 0.15);
    // T5's formula in numpy, 200,000 times: the middle is spared a little in favor of the end.
    let places = [(0..20, 0.1222), (40..160, 0.1404), (180..200, 0.2532)];
    for (places, expected) in places {
        let found = share(&masked[places.clone()]);
        assert!((found - expected).abs() < 0.006, "{places:?}: {found}");
    }
}

#[test]
fn few_sentinels_make_long_spans() {
    let sentinels = sentinels(4);
    let example = spans(&text(510), 0, &sentinels);
    assert_eq!(filled(&example, &sentinels), text(510));
    assert_eq!(inner(&example.target).len(), 76 + 4);
    let none = |tokens: &[u32], sentinels: &[u32]| {
        masked_spans(tokens, 0, SpanRecipe::default(), sentinels, FRAME).is_none()
    };
    assert!(none(&text(510), &sentinels[..1]));
    assert!(none(&text(1), &sentinels));
    assert!(none(&[], &sentinels));
}

#[test]
fn every_way_of_parting_is_as_likely() {
    let mut counts = std::collections::BTreeMap::new();
    for seed in 0..6000 {
        let parts = random_parts(&mut Draws::new(seed), 5, 3);
        assert_eq!(parts.iter().sum::<usize>(), 5);
        *counts.entry(parts).or_insert(0_u32) += 1;
    }
    // Four choose two.
    assert_eq!(counts.len(), 6);
    assert!(
        counts.values().all(|n| n.abs_diff(1000) < 150),
        "{counts:?}"
    );
}

#[test]
fn pivots_lie_between_a_tenth_and_nine_tenths() {
    let (text, recipe) = (text(1000), PivotRecipe::default());
    let (mut least, mut most) = (1000, 0);
    for seed in 0..2000 {
        let example = next_token_pivot(&text, true, seed, &recipe, FRAME).unwrap();
        let source = inner(&example.source);
        let pivot = (source[source.len() - 1] - 9) as usize;
        (least, most) = (least.min(pivot), most.max(pivot));
        assert!((100..=900).contains(&pivot), "{pivot}");
        assert!(example.source.len() <= 768 && example.target.len() <= 600);
        // What is written goes on where what is read ends.
        assert_eq!(example.target[1], source[source.len() - 1] + 1);
        let is_whole = pivot >= 1000 - 598;
        assert_eq!(example.target.last() == Some(&2), is_whole, "{pivot}");
        if pivot <= 766 && is_whole {
            assert_eq!([source, inner(&example.target)].concat(), text);
        }
    }
    assert!(least < 105 && most > 895, "{least} {most}");
}

#[test]
fn a_window_that_others_follow_does_not_end() {
    let recipe = PivotRecipe::default();
    let example = next_token_pivot(&text(50), false, 3, &recipe, FRAME).unwrap();
    assert_eq!(example.target.last(), Some(&59));
    for n in 0..2 {
        assert!(next_token_pivot(&text(n), true, 3, &recipe, FRAME).is_none());
    }
    let both = next_token_pivot(&text(2), true, 3, &recipe, FRAME).unwrap();
    assert_eq!((both.source, both.target), (vec![1, 10, 2], vec![1, 11, 2]));
}

#[test]
fn windows_cover_a_text_once() {
    for (n, size) in [
        (0, 5),
        (1, 5),
        (5, 5),
        (6, 5),
        (100, 7),
        (1000, 1),
        (513, 510),
    ] {
        for seed in 0..20 {
            let windows = windows(n, size, seed);
            let covered: Vec<usize> = windows.iter().cloned().flatten().collect();
            assert_eq!(covered, (0..n).collect::<Vec<_>>(), "{n} {size}");
            assert!(windows.iter().all(|it| (1..=size).contains(&it.len())));
            if n <= size {
                assert_eq!(windows.len(), usize::from(n > 0));
            }
        }
    }
    let firsts: BTreeSet<usize> = (0..500).map(|seed| windows(100, 10, seed)[0].end).collect();
    assert_eq!(firsts, (6..=10).collect());
}

#[test]
fn an_example_depends_on_run_text_epoch_and_window() {
    let (sentinels, text, recipe) = (sentinels(100), text(300), PivotRecipe::default());
    let both = |seed| {
        let pivot = next_token_pivot(&text, true, seed, &recipe, FRAME).unwrap();
        (spans(&text, seed, &sentinels), pivot)
    };
    let first = both(seed_of(1, "a/b.py", 0, 0));
    assert_eq!(first, both(seed_of(1, "a/b.py", 0, 0)));
    for other in [
        seed_of(2, "a/b.py", 0, 0),
        seed_of(1, "a/c.py", 0, 0),
        seed_of(1, "a/b.py", 1, 0),
        seed_of(1, "a/b.py", 0, 1),
    ] {
        let other = both(other);
        assert_ne!(first.0, other.0);
        assert_ne!(first.1, other.1);
    }
    // `hashlib.sha256(b"coderl seed 1" + bytes(8) + b"pretrain 0 0 a.py")`, its head.
    assert_eq!(seed_of(0, "a.py", 0, 0), 13_925_830_407_423_653_095);
}
