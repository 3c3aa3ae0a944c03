//! Numbers from verdicts.
