/// Why a server cannot be asked at all, or any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    #[error("`{url}` is no address of a server: it has to begin with `http://` or `https://`")]
    BadUrl { url: String },
    #[error(
        "template `{template}` makes a conversation, which `/completions` does not take; use \
         `--api chat`"
    )]
    NeedsChat { template: String },
    #[error("servers {what}; leave `{key}` away, or use another backend")]
    Unsupported {
        what: &'static str,
        key: &'static str,
    },
    #[error("`{url}` answered {status}{hint}: {detail}")]
    Refused {
        url: String,
        status: u16,
        hint: &'static str,
        detail: String,
    },
    #[error("{n} problems failed one after the other, the last because: {detail}")]
    TooManyFailures { n: u32, detail: String },
    #[error("cannot keep the answers of the server")]
    Log {
        #[source]
        source: harness::Error,
    },
}
