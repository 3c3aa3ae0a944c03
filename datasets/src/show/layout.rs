//! Wrapping and cutting of text for a terminal. Widths are counted in characters.

use std::fmt::Write;

/// Breaks lines longer than `width` at spaces; keeps line breaks and indentation. Shorter
/// lines stay as they are, since spaces may be part of their meaning.
pub(crate) fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = line.trim_end();
        if line.chars().count() <= width {
            let _ = writeln!(out, "{line}");
            continue;
        }
        let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
        let mut current = String::new();
        for word in line.split_whitespace() {
            if !current.is_empty() && (current.chars().count() + 1 + word.chars().count()) > width {
                let _ = writeln!(out, "{current}");
                current.clear();
            }
            current.push_str(if current.is_empty() { &indent } else { " " });
            current.push_str(word);
        }
        let _ = writeln!(out, "{current}");
    }
    out
}

/// Puts `first` before the first line and `others` before the others.
pub(crate) fn indented(text: &str, first: &str, others: &str) -> String {
    let mut out = String::new();
    for (index, line) in text.lines().enumerate() {
        let indent = if index == 0 { first } else { others };
        let _ = writeln!(out, "{indent}{line}");
    }
    out
}

/// At most `max_lines` lines of at most `width` characters, saying what was cut.
pub(crate) fn head_of(text: &str, max_lines: usize, width: usize) -> String {
    let n_lines = text.lines().count();
    let mut lines: Vec<String> = text
        .lines()
        .take(max_lines)
        .map(|line| cut(line.trim_end(), width))
        .collect();
    if n_lines > max_lines {
        lines.push(format!("… {} more lines", n_lines - max_lines));
    }
    lines.join("\n")
}

fn cut(line: &str, width: usize) -> String {
    match line.char_indices().nth(width) {
        // A long line says how long it is.
        Some(_) => {
            let note = format!("… ({} characters)", line.chars().count());
            let kept = width.saturating_sub(note.chars().count());
            let head: String = line.chars().take(kept).collect();
            head + &note
        }
        None => line.to_owned(),
    }
}

/// Two texts with titles, beside each other where each is at most `half` wide, otherwise
/// one below the other.
pub(crate) fn side_by_side(
    texts: &[(&str, &str); 2],
    half: usize,
    max_lines: usize,
    width: usize,
) -> String {
    let [(left_title, left), (right_title, right)] = texts;
    let widest = |text: &str| {
        text.lines()
            .map(|line| line.trim_end().chars().count())
            .max()
            .unwrap_or(0)
    };
    let mut out = String::new();
    if widest(left) > half || widest(right) > half {
        for (title, text) in texts {
            let body = head_of(text.trim_end(), max_lines, width.saturating_sub(2));
            let _ = writeln!(out, "{title}:\n{}", indented(&body, "  ", "  ").trim_end());
        }
        return out;
    }
    let (left, right) = (
        head_of(left.trim_end(), max_lines, half),
        head_of(right.trim_end(), max_lines, half),
    );
    let column = widest(&left).max(left_title.len());
    let mut left = std::iter::once(*left_title).chain(left.lines());
    let mut right = std::iter::once(*right_title).chain(right.lines());
    loop {
        let (a, b) = (left.next(), right.next());
        if a.is_none() && b.is_none() {
            return out;
        }
        let line = format!(
            "{:<column$} │ {}",
            a.unwrap_or_default(),
            b.unwrap_or_default()
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_wrapped() {
        let check = |text: &str, width: usize, expected: &str| {
            assert_eq!(wrapped(text, width), expected);
        };
        check("one two three", 7, "one two\nthree\n");
        check("a  b\n\n  c d e", 4, "a  b\n\n  c\n  d\n  e\n");
        check("überlanges Wort", 4, "überlanges\nWort\n");
        check("", 4, "");
    }

    #[test]
    fn heads_say_what_is_missing() {
        let check = |text: &str, expected: &str| assert_eq!(head_of(text, 2, 24), expected);
        check("a\nb", "a\nb");
        check("a\nb\nc\nd", "a\nb\n… 2 more lines");
        check(
            "0123456789012345678901234567890",
            "0123456… (31 characters)",
        );
    }

    #[test]
    fn texts_stand_beside_each_other_where_they_fit() {
        let check = |left: &str, right: &str, expected: &str| {
            let texts = [("input", left), ("output", right)];
            assert_eq!(side_by_side(&texts, 10, 5, 24), expected);
        };
        check("1 2\n3\n", "4\n", "input │ output\n1 2   │ 4\n3     │\n");
        check(
            "a line too long",
            "4",
            "input:\n  a line too long\noutput:\n  4\n",
        );
    }
}
