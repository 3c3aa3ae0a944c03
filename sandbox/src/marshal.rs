//! Requests in the format of Python's module `marshal` (version 2, which all later ones read).
//!
//! Only for what the host makes: nobody should read such data from a program.

/// A tuple that is being written.
pub(crate) struct Marshal(Vec<u8>);

impl Marshal {
    /// The head of a tuple of `count` items, which follow.
    pub(crate) fn tuple(count: u8) -> Self {
        let mut out = Self(vec![b'(']);
        out.length(count.into());
        out
    }

    pub(crate) fn none(&mut self) -> &mut Self {
        self.0.push(b'N');
        self
    }

    pub(crate) fn integer(&mut self, number: u64) -> &mut Self {
        const DIGIT_BITS: u32 = 15;
        let n_digits = (u64::BITS - number.leading_zeros()).div_ceil(DIGIT_BITS);
        self.0.push(b'l');
        self.length(n_digits as usize);
        for digit in 0..n_digits {
            let digit = (number >> (digit * DIGIT_BITS)) & ((1 << DIGIT_BITS) - 1);
            self.0.extend(&digit.to_le_bytes()[..2]);
        }
        self
    }

    pub(crate) fn string(&mut self, text: &str) -> &mut Self {
        self.block(b'u', text.as_bytes())
    }

    pub(crate) fn optional_string(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.string(text),
            None => self.none(),
        }
    }

    /// A tuple of strings as one item.
    pub(crate) fn strings(&mut self, texts: &[String]) -> &mut Self {
        self.0.push(b'(');
        self.length(texts.len());
        for text in texts {
            self.string(text);
        }
        self
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.block(b's', bytes)
    }

    /// What was written.
    pub(crate) fn done(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    fn block(&mut self, tag: u8, content: &[u8]) -> &mut Self {
        self.0.push(tag);
        self.length(content.len());
        self.0.extend(content);
        self
    }

    fn length(&mut self, length: usize) {
        // A guest has 32-bit addresses: what is longer could not arrive anyway.
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        self.0.extend(length.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn python_reads_what_is_written() {
        let written = Marshal::tuple(8)
            .none()
            .integer(0)
            .integer(1 << 14)
            .integer((1 << 30) + 5)
            .integer(u64::MAX)
            .string("é\0😀")
            .strings(&["a".to_owned(), String::new()])
            .bytes(b"\xff\0")
            .done();
        let mut python = Command::new("python3")
            .args([
                "-c",
                "import marshal, sys; print(ascii(marshal.load(sys.stdin.buffer)))",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let mut stdin = python.stdin.take().expect("a pipe");
        stdin.write_all(&written).expect("python3 reads");
        drop(stdin);
        let read = python.wait_with_output().expect("python3 ends").stdout;
        assert_eq!(
            String::from_utf8_lossy(&read).trim(),
            r"(None, 0, 16384, 1073741829, 18446744073709551615, '\xe9\x00\U0001f600', ('a', ''), b'\xff\x00')"
        );
    }
}
