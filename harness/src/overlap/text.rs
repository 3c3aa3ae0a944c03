//! What of a statement or a program is compared.

use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};

/// Words of a statement, in lower case; signs do not count.
pub(super) fn words(statement: &str) -> String {
    let is_word = |it: char| it.is_alphanumeric() || it == '_';
    let words = statement.split(|it| !is_word(it));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

/// A program without its comments. Strings stay, documentation strings too: to the interpreter
/// they are no comments. What does not parse keeps whatever the lexer does not see as a comment.
pub(super) fn without_comments(program: &str) -> String {
    let parsed = parse_unchecked(program, ParseOptions::from(Mode::Module));
    let comments = parsed.tokens().iter().filter(|it| it.kind().is_comment());
    let mut rest = 0;
    let mut out = String::with_capacity(program.len());
    for comment in comments {
        let (_, range) = comment.as_tuple();
        out.push_str(&program[rest..range.start().to_usize()]);
        rest = range.end().to_usize();
    }
    out.push_str(&program[rest..]);
    out
}

/// Lines of a program that has no comments: white space at the ends removed, other runs of it one
/// space, and no blank ones.
pub(super) fn lines(program: &str) -> Vec<String> {
    let normal = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = program.lines().map(normal);
    lines.filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_strings_stay() {
        let program = "# head\ndef f(a):  # why\n\tx  =  '# no comment'\n\n\treturn x\n";
        assert_eq!(
            lines(&without_comments(program)),
            ["def f(a):", "x = '# no comment'", "return x"]
        );
        // Python 2, and no Python at all.
        assert_eq!(
            lines(&without_comments("print 'a' # b\nfor for # c\n")),
            ["print 'a'", "for for"]
        );
        assert_eq!(without_comments(""), "");
    }

    #[test]
    fn statements_are_words() {
        assert_eq!(
            words("Find `x_1`, the Sum:\n(of all)!"),
            "find x_1 the sum of all"
        );
    }
}
