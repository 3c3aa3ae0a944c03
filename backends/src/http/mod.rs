//! A model behind an OpenAI-compatible server: `/completions` and `/chat/completions`.
//!
//! Servers differ in what they honour of a request, so nothing is taken for granted: an answer
//! may have too few choices (the rest is asked for one by one), too many, or none; it may be cut
//! off, be no JSON, or never come. What may pass is tried again with growing random waits. Answers
//! are kept in the run directory as they come ([`RequestLog`]), so that nothing is paid for twice.

mod api;
mod author;
mod client;
mod error;
mod generator;
mod log;

pub use author::HttpAuthor;
pub use client::HttpOptions;
pub use error::HttpError;
pub use generator::Http;
pub use log::{RequestLog, RequestRecord};

/// `url` without a user and a password, for people to read.
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn credentials_are_left_out() {
        let check = |url: &str, expected: &str| assert_eq!(without_credentials(url), expected);
        check("http://u:p@host:1/v1", "http://host:1/v1");
        check("https://host/a@b", "https://host/a@b");
        check("http://u@host", "http://host");
        check("host", "host");
    }
}
