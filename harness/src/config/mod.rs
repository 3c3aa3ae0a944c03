//! Options as written, settings as resolved.
