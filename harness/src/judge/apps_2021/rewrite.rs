//! The module that the grader of 2021 makes of a program.

/// Names that every program finds imported. `np` stands for numpy: any use of it asks for
/// the real module, so that the guest can tell that the program needs it.
const PRELUDE: &str = r#"import sys
import time
import itertools
from itertools import accumulate, product, permutations, combinations
import collections
from collections import Counter, OrderedDict, deque, defaultdict, ChainMap
from functools import lru_cache
import math
from math import sqrt, sin, cos, tan, ceil, fabs, floor, gcd, exp, log, log2
import fractions
from typing import List, Tuple
np = type("module", (), {"__getattr__": lambda self, name: getattr(__import__("numpy"), name)})()
import random
import heapq
from heapq import *
"#;

/// Source for a program whose function or method is called.
pub(crate) fn call_based_module(program: &str) -> String {
    format!("{PRELUDE}{program}")
}

/// Source for a program that reads standard input: its body becomes the function `code`.
///
/// Leading import lines stay at module level. From the first other line on everything is
/// indented by a tab, later imports and the inside of multi-line strings included. A program
/// of imports only defines no `code`.
pub(crate) fn stdin_module(program: &str) -> String {
    let mut module = String::with_capacity(PRELUDE.len() + program.len() + program.len() / 8 + 64);
    module.push_str(PRELUDE);
    let mut in_function = false;
    for line in program.split('\n') {
        let is_import = line.starts_with("from ") || line.starts_with("import ");
        if !is_import && !in_function {
            module.push_str("stdin = sys.stdin\nstdout = sys.stdout\ndef code():\n");
            in_function = true;
        }
        if in_function {
            module.push('\t');
        }
        module.push_str(line);
        module.push('\n');
    }
    module
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_becomes_a_function() {
        let check = |program: &str, expected: &str| {
            assert_eq!(
                stdin_module(program).strip_prefix(PRELUDE),
                Some(expected),
                "{program:?}"
            );
        };
        check(
            "import os\nn = 1\nimport re\nprint(n)",
            "import os\nstdin = sys.stdin\nstdout = sys.stdout\ndef code():\n\tn = 1\n\timport re\n\tprint(n)\n",
        );
        check("import os", "import os\n");
        check(
            "",
            "stdin = sys.stdin\nstdout = sys.stdout\ndef code():\n\t\n",
        );
        check(
            "s = '''\nfrom a\n'''",
            "stdin = sys.stdin\nstdout = sys.stdout\ndef code():\n\ts = '''\n\tfrom a\n\t'''\n",
        );
    }
}
