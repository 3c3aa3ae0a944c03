//! Prompt templates: a problem as the text a model reads.
