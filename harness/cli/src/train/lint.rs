//! What a static analyser finds fault with in a program.

/// The number of findings.
pub(crate) fn n_findings(program: &str) -> u32 {
    harness::judge::n_lint_findings(program)
}
