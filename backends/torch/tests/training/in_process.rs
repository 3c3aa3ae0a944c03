//! A harness in this process, which judges by the length of a text, and may stop or die.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufReader, Error as IoError, ErrorKind, Read, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use backend_torch::Result;
use backend_torch::checkpoint::Array;
use backend_torch::train::{self, HarnessLink};
use backends::training::protocol::{FromTrainer, Program, ToTrainer};
use harness::training::{Feedback, TrainingSettings};

use super::project::{feedback, outcome};
use crate::fixture::random_numbers;

pub(super) type Judge<'a> = &'a mut dyn FnMut(&[Program]) -> Vec<Option<Feedback>>;

/// What the trainer writes to, and answers with.
pub(super) struct Listener<'a> {
    judge: Judge<'a>,
    line: Vec<u8>,
    answers: Rc<RefCell<VecDeque<u8>>>,
    events: Rc<RefCell<Vec<FromTrainer>>>,
    interruption: Interruption,
    stop: &'a AtomicBool,
}

/// What happens once an update was told of.
#[derive(Clone, Copy)]
pub(super) enum Interruption {
    None,
    /// The harness asks to stop.
    Stop(u64),
    /// The harness is gone.
    Death(u64),
}

impl Write for Listener<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let event: FromTrainer = serde_json::from_slice(&self.line).unwrap();
            self.line.clear();
            if let FromTrainer::Judge { id, programs } = &event {
                let feedback = (self.judge)(programs);
                let answer = ToTrainer::Judged { id: *id, feedback };
                let mut answers = self.answers.borrow_mut();
                answers.extend(serde_json::to_vec(&answer).unwrap());
                answers.push_back(b'\n');
            }
            if let FromTrainer::Progress(metrics) = &event {
                match self.interruption {
                    Interruption::Stop(step) if metrics.step >= step => {
                        self.stop.store(true, Ordering::Relaxed);
                    }
                    Interruption::Death(step) if metrics.step >= step => {
                        return Err(IoError::from(ErrorKind::BrokenPipe));
                    }
                    _ => {}
                }
            }
            self.events.borrow_mut().push(event);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(super) struct Answers(Rc<RefCell<VecDeque<u8>>>);

impl Read for Answers {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

/// A judge that goes by the text alone.
pub(super) fn by_length(programs: &[Program]) -> Vec<Option<Feedback>> {
    let judged = programs.iter().map(|program| {
        let length = program.text.len();
        // Some cannot be judged.
        (length % 11 != 3).then(|| feedback(outcome(length), length))
    });
    judged.collect()
}

pub(super) fn train_with(
    settings: &TrainingSettings,
    judge: Judge<'_>,
    interruption: Interruption,
) -> (Result<()>, Vec<FromTrainer>) {
    let _guard = random_numbers();
    // Two have nothing to do on models of this size.
    tch::set_num_threads(1);
    let stop = AtomicBool::new(false);
    let answers = Rc::new(RefCell::new(VecDeque::new()));
    let events = Rc::new(RefCell::new(Vec::new()));
    let mut listener = Listener {
        judge,
        line: Vec::new(),
        answers: Rc::clone(&answers),
        events: Rc::clone(&events),
        interruption,
        stop: &stop,
    };
    let mut input = BufReader::new(Answers(answers));
    let mut link = HarnessLink::new(&mut listener, &mut input).stopped_by(&stop);
    let done = train::train(settings, &|path| Ok(path.to_owned()), &mut link);
    let events = events.borrow().clone();
    (done, events)
}

pub(super) fn train(settings: &TrainingSettings) -> Result<()> {
    train_with(settings, &mut by_length, Interruption::None).0
}

pub(super) fn gradients(settings: &TrainingSettings) -> (f64, BTreeMap<String, Array>) {
    let _guard = random_numbers();
    tch::set_num_threads(1);
    train::gradients(settings, &|path| Ok(path.to_owned())).unwrap()
}
