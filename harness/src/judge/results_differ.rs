//! Whether two expected results ask for different things.

use super::strict;
use crate::value::Value;

/// Of two texts for standard output: neither would be accepted in place of the other.
pub(crate) fn of_outputs(a: &str, b: &str) -> bool {
    strict::compare_output(a, b.as_bytes()).is_err()
        && strict::compare_output(b, a.as_bytes()).is_err()
}

/// Of two results of a call.
pub(crate) fn of_calls(a: &Value, b: &Value) -> bool {
    strict::compare_result(a, b).is_err() && strict::compare_result(b, a).is_err()
}
