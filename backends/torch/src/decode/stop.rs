//! Texts that end a candidate.

/// Watches text that grows for the first occurrence of one of several texts.
#[derive(Clone, Debug)]
pub(super) struct StopWatch {
    text: Vec<u8>,
}

impl StopWatch {
    /// Begins behind `text`, in which nothing is looked for.
    pub(super) fn new() -> Self {
        Self { text: Vec::new() }
    }

    /// Adds `bytes`. Gives the length of the text before the first stop, if one is in it now.
    pub(super) fn push(&mut self, bytes: &[u8], stops: &[String]) -> Option<usize> {
        let old_length = self.text.len();
        self.text.extend_from_slice(bytes);
        stops
            .iter()
            .filter(|stop| !stop.is_empty())
            .filter_map(|stop| {
                let start = (old_length + 1).saturating_sub(stop.len());
                find(&self.text[start..], stop.as_bytes()).map(|at| start + at)
            })
            .min()
    }
}

/// Where `needle` first stands in `text`.
pub(super) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_are_found_across_pieces() {
        let check = |pieces: &[&str], stops: &[&str], expected: Option<usize>| {
            let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
            let mut watch = StopWatch::new();
            let found = pieces
                .iter()
                .find_map(|piece| watch.push(piece.as_bytes(), &stops));
            assert_eq!(found, expected, "{pieces:?} {stops:?}");
        };
        check(&["ab", "[DO", "NE]x"], &["[DONE]"], Some(2));
        check(&["ab[DONE]"], &["b[", "[DONE]"], Some(1));
        check(&["a", "b"], &["c"], None);
        check(&["[DONE", "x]"], &["[DONE]"], None);
        check(&["a"], &[""], None);
        check(&["aa", "ab"], &["aab"], Some(1));
    }
}
