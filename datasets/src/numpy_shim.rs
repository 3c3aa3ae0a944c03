//! The two functions of numpy that EvalPlus's published test scripts call.
//!
//! The scripts of `HumanEvalPlus-OriginFmt` and `MbppPlus-OriginFmt` (the layout that the
//! Hub has too) import numpy for `allclose` and `assert_allclose` on plain floats and
//! sequences, and to ask whether a result is an array. The guest has no numpy, so the
//! import is replaced by a class with these names. A program that returns numpy arrays
//! cannot exist there, so `ndarray` is a class without instances.

const IMPORT: &str = "import numpy as np";

/// Closeness is numpy's: `|a - b| <= atol + rtol * |b|`, NaN unlike everything for
/// `allclose` and like itself for `assert_allclose`, infinities like themselves; shapes
/// must agree but for scalars, which are compared with every element.
const SHIM: &str = r#"class np:
    class ndarray:
        dtype = None
    float64 = "float64"
    float32 = "float32"

    @staticmethod
    def _close(a, b, rtol, atol, nan_equal):
        a_nested = isinstance(a, (list, tuple))
        b_nested = isinstance(b, (list, tuple))
        if a_nested and b_nested:
            if len(a) != len(b) and len(a) != 1 and len(b) != 1:
                raise ValueError("shapes differ")
            if len(a) != len(b):
                a = list(a) * len(b) if len(a) == 1 else a
                b = list(b) * len(a) if len(b) == 1 else b
            return all([np._close(x, y, rtol, atol, nan_equal) for x, y in zip(a, b)])
        if a_nested:
            return all([np._close(x, b, rtol, atol, nan_equal) for x in a])
        if b_nested:
            return all([np._close(a, y, rtol, atol, nan_equal) for y in b])
        for x in (a, b):
            if not isinstance(x, (bool, int, float, complex)):
                raise TypeError(f"cannot compare {type(x).__name__}")
        if a != a or b != b:
            return nan_equal and a != a and b != b
        if a == b:
            return True
        if abs(a) == float("inf") or abs(b) == float("inf"):
            return False
        return abs(a - b) <= atol + rtol * abs(b)

    @staticmethod
    def allclose(a, b, rtol=1e-05, atol=1e-08):
        return np._close(a, b, rtol, atol, False)

    class testing:
        @staticmethod
        def assert_allclose(actual, desired, rtol=1e-07, atol=0):
            try:
                close = np._close(actual, desired, rtol, atol, True)
            except ValueError as error:
                raise AssertionError(str(error))
            assert close, f"{actual!r} is not close to {desired!r}"
"#;

pub(crate) fn is_wanted(test: &str) -> bool {
    test.lines().any(|line| line == IMPORT)
}

/// The script with numpy's import replaced; unchanged where there is none.
pub(crate) fn applied(test: &str) -> String {
    if !is_wanted(test) {
        return test.to_owned();
    }
    let mut source = String::with_capacity(test.len() + SHIM.len());
    for line in test.split_inclusive('\n') {
        if line.trim_end_matches(['\r', '\n']) == IMPORT {
            source.push_str(SHIM);
        } else {
            source.push_str(line);
        }
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_import_is_replaced() {
        let check = |test: &str, expected: &str| assert_eq!(applied(test), expected);
        check("import math\n", "import math\n");
        check("x = 'import numpy as np'\n", "x = 'import numpy as np'\n");
        check(
            "import math\nimport numpy as np\nassert f()\n",
            &format!("import math\n{SHIM}assert f()\n"),
        );
    }
}
