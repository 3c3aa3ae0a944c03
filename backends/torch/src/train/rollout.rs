//! Samples of the actor as it is now.

use backends::training::protocol::Program;
use harness::decoding::{Decoding, Method};
use harness::problem::ProblemId;
use harness::prompt::Prompt;
use harness::training::{Feedback, OnlineSettings};
use tch::Device;

use super::actor::Actor;
use super::harness_link::HarnessLink;
use super::sequence::{Sequence, Sequencer};
use crate::checkpoint::Tensors;
use crate::cpu;
use crate::decode::{Decoder, Engine, Event, Finish, Limits, Request};
use crate::device::DeviceModel;
use crate::error::Result;
use crate::tokenizer::Tokenizer;

/// A program that the actor wrote.
#[derive(Clone, Debug)]
pub(super) struct Sampled {
    /// Position in the prompts that were given.
    pub(super) prompt: usize,
    /// Position among the samples of the prompt.
    pub(super) index: usize,
    pub(super) text: String,
    pub(super) sequence: Sequence,
}

/// How samples are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw {
    pub(super) method: Method,
    pub(super) max_new_tokens: u32,
}

impl Draw {
    pub(super) fn of(online: &OnlineSettings, max_target_tokens: u32) -> Self {
        Self {
            method: Method::sample_or_greedy(online.temperature, online.top_p, online.top_k),
            max_new_tokens: max_target_tokens,
        }
    }

    pub(super) fn greedy(self) -> Self {
        Self {
            method: Method::Greedy,
            ..self
        }
    }
}

/// What becomes of samples, in their order; `None` where one could not be judged.
///
/// # Errors
/// A harness that is gone.
pub(super) fn judged<'a>(
    link: &mut HarnessLink<'_>,
    samples: &[Sampled],
    problem_of: impl Fn(usize) -> &'a ProblemId,
) -> Result<Vec<Option<Feedback>>> {
    let program = |(index, sample): (usize, &Sampled)| Program {
        problem: problem_of(sample.prompt).clone(),
        index: u32::try_from(index).unwrap_or(u32::MAX),
        text: sample.text.clone(),
    };
    link.judge(samples.iter().enumerate().map(program).collect())
}

/// One sample for each of `seeds` of each prompt, in this order.
///
/// # Errors
/// A prompt that the model cannot read.
pub(super) fn draw(
    actor: &Actor,
    tokenizer: &Tokenizer,
    sequencer: &Sequencer<'_>,
    prompts: &[(&Prompt, Vec<u64>)],
    how: Draw,
) -> Result<Vec<Sampled>> {
    let tensors = Tensors::of_arrays(actor.arrays());
    let model: Box<dyn Decoder> = match actor.device() {
        Device::Cpu => cpu::load(&actor.config, &tensors)?,
        device => {
            let kind = actor.parameters.compute_kind();
            Box::new(DeviceModel::load(&actor.config, &tensors, device, kind)?)
        }
    };
    let limits = Limits {
        max_rows: 256,
        cache_bytes: 4 << 30,
    };
    let end_tokens = actor.config.end_tokens();
    let mut engine = Engine::new(&*model, tokenizer, end_tokens, limits);
    let mut sources = Vec::new();
    for (id, (prompt, seeds)) in prompts.iter().enumerate() {
        let source = sequencer.source(prompt)?;
        engine.push(Request {
            id: id as u64,
            prompt: source.clone(),
            forced: Vec::new(),
            seeds: seeds.clone(),
            decoding: Decoding {
                method: how.method,
                max_new_tokens: how.max_new_tokens,
                min_new_tokens: 0,
                stop: Vec::new(),
                max_prompt_tokens: None,
            },
            wants_log_probs: false,
            guided: None,
        });
        sources.push(source);
    }
    let mut samples = Vec::new();
    let mut trouble = None;
    while !engine.is_idle() {
        engine.step(&mut |event| match event {
            Event::Candidate(candidate) => {
                debug_assert!(
                    candidate.finish != Finish::Stop,
                    "no stop texts were asked for"
                );
                let prompt = candidate.request as usize;
                samples.push(Sampled {
                    prompt,
                    index: candidate.index,
                    text: candidate.text,
                    sequence: Sequence {
                        source: sources[prompt].clone(),
                        target: candidate.tokens,
                    },
                });
            }
            Event::Done { .. } => {}
            Event::Failed { error, .. } => trouble = Some(error),
        });
        if let Some(error) = trouble.take() {
            return Err(error);
        }
    }
    samples.sort_by_key(|sample| (sample.prompt, sample.index));
    Ok(samples)
}
