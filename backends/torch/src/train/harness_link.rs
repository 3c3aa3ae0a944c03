//! The trainer's side of the protocol with the harness (`backends::training::protocol`).

use std::io::{BufRead, Error as IoError, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use backends::training::protocol::{FromTrainer, Program, ToTrainer};
use harness::training::Feedback;

use crate::error::{Error, Result};

/// Events go out, and judgement comes in.
pub struct HarnessLink<'a> {
    output: &'a mut dyn Write,
    input: &'a mut dyn BufRead,
    stop: Option<&'a AtomicBool>,
    next_id: u64,
}

impl<'a> HarnessLink<'a> {
    pub fn new(output: &'a mut dyn Write, input: &'a mut dyn BufRead) -> Self {
        Self {
            output,
            input,
            stop: None,
            next_id: 0,
        }
    }

    /// Stops when `stop` becomes true: after the update in progress, with a checkpoint.
    #[must_use]
    pub fn stopped_by(self, stop: &'a AtomicBool) -> Self {
        Self {
            stop: Some(stop),
            ..self
        }
    }

    /// Whether the harness asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// # Errors
    /// Nobody listens any more.
    pub fn tell(&mut self, event: &FromTrainer) -> Result<()> {
        let mut line = serde_json::to_string(event).expect("events are plain data");
        line.push('\n');
        self.output
            .write_all(line.as_bytes())
            .and_then(|()| self.output.flush())
            .map_err(Error::Harness)
    }

    /// What becomes of programs, in their order; `None` for those that could not be judged.
    ///
    /// # Errors
    /// The harness is gone, or answers something else.
    pub fn judge(&mut self, programs: Vec<Program>) -> Result<Vec<Option<Feedback>>> {
        let n = programs.len();
        let id = self.next_id;
        self.next_id += 1;
        self.tell(&FromTrainer::Judge { id, programs })?;
        let mut line = String::new();
        self.input.read_line(&mut line).map_err(Error::Harness)?;
        let wrong = |detail: String| Error::Harness(IoError::new(ErrorKind::InvalidData, detail));
        if line.is_empty() {
            let detail = "it is gone; judging needs `coderl train`, which starts this program";
            return Err(Error::Harness(IoError::new(
                ErrorKind::UnexpectedEof,
                detail,
            )));
        }
        let answer: ToTrainer =
            serde_json::from_str(&line).map_err(|error| wrong(error.to_string()))?;
        match answer {
            ToTrainer::Judged {
                id: found,
                feedback,
            } if found == id && feedback.len() == n => Ok(feedback),
            ToTrainer::Stop => Err(wrong("it asked to stop".to_owned())),
            ToTrainer::Judged {
                id: found,
                feedback,
            } => Err(wrong(format!(
                "it answered request {found} with {} verdicts, where request {id} had {n} programs",
                feedback.len()
            ))),
        }
    }
}
