//! The alphabet of byte-level BPE: each byte as a printable character (GPT-2's
//! `bytes_to_unicode`).

/// The byte that a character stands for.
pub(super) fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    let is_itself = |code: u32| matches!(code, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    if is_itself(code) {
        return u8::try_from(code).ok();
    }
    // The others follow from 256 on, in their order.
    let index = usize::try_from(code.checked_sub(256)?).ok()?;
    (0..=255_u8)
        .filter(|byte| !is_itself(u32::from(*byte)))
        .nth(index)
}

/// The bytes that a token stands for; `None` if it is not of this alphabet.
pub(super) fn bytes_of(token: &str) -> Option<Vec<u8>> {
    token.chars().map(byte_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let characters: Vec<char> = (0..=u32::from(u8::MAX) + 256)
            .filter_map(char::from_u32)
            .filter(|character| byte_of(*character).is_some())
            .collect();
        assert_eq!(characters.len(), 256);
        assert_eq!(bytes_of("ĠaĊ"), Some(b" a\n".to_vec()));
        assert_eq!(bytes_of("界"), None);
    }
}
