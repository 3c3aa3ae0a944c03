//! Chat templates: a conversation as the text that a model was tuned on.

use std::path::{Path, PathBuf};

use harness::prompt::Message;
use minijinja::{Environment, ErrorKind, context};

use crate::error::{Error, Result};

/// The template of a checkpoint, in Jinja.
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    path: PathBuf,
    source: String,
    begin_token: String,
    end_token: String,
}

impl ChatTemplate {
    /// `path` is named in errors; the tokens are what the template may refer to.
    pub(super) fn new(path: &Path, source: &str, begin_token: &str, end_token: &str) -> Self {
        Self {
            path: path.to_owned(),
            source: source.to_owned(),
            begin_token: begin_token.to_owned(),
            end_token: end_token.to_owned(),
        }
    }

    /// The text that ends where the model's answer begins.
    ///
    /// # Errors
    /// A template that is no Jinja, or that refuses the conversation.
    pub fn render(&self, messages: &[Message]) -> Result<String> {
        let mut environment = Environment::new();
        // As `transformers` sets Jinja up.
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| {
            Err::<String, _>(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        environment
            .render_str(
                &self.source,
                context! {
                    messages,
                    add_generation_prompt => true,
                    bos_token => self.begin_token,
                    eos_token => self.end_token,
                },
            )
            .map_err(|error| Error::Tokenizer {
                path: self.path.clone(),
                detail: format!("its chat template: {error:#}"),
            })
    }
}
