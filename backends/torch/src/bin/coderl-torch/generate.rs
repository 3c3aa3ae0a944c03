//! `generate`: candidates for one prompt.

use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result};
use backend_torch::decode::{Candidate, Engine, Event, Finish, Guide, Guided, Request};
use harness::decoding::{Decoding, Guidance, Method};
use harness::prompt::{Message, Prompt, Role};
use harness::training::Device;
use serde_json::json;

use crate::arguments::Generate;
use crate::model;

pub(crate) fn generate(options: &Generate) -> Result<()> {
    let loaded = model::load(&options.model, options.computing)?;
    let prompt = match (&options.prompt, &options.prompt_file) {
        (Some(prompt), _) => prompt.clone(),
        (None, Some(file)) => std::fs::read_to_string(file)
            .with_context(|| format!("cannot read `{}`", file.display()))?,
        (None, None) => String::new(),
    };
    let tokens = match (&options.tokens[..], options.chat) {
        ([], true) => loaded
            .tokenizer
            .encode_prompt(&Prompt::Messages(vec![Message {
                role: Role::User,
                content: prompt,
            }]))?,
        ([], false) => loaded.tokenizer.encode_prompt(&Prompt::Text(prompt))?,
        (tokens, _) => tokens.to_vec(),
    };
    let n_prompt = tokens.len();
    let critic = options
        .critic
        .as_deref()
        .map(|name| model::load_guide(name, &loaded))
        .transpose()?;
    let guided = critic.as_ref().map(|_| Guided {
        guidance: Guidance {
            strength: options.guidance,
            top: options.guidance_top,
        },
        prompt: tokens.clone(),
    });
    let request = Request {
        id: 0,
        prompt: tokens,
        forced: options.forced_tokens.clone(),
        seeds: (0..options.n as u64)
            .map(|index| options.seed.wrapping_add(index))
            .collect(),
        decoding: Decoding {
            method: match options.beams {
                Some(n_beams) => Method::Beam {
                    n_beams,
                    length_penalty: options.length_penalty,
                },
                None => Method::sample_or_greedy(options.temperature, options.top_p, options.top_k),
            },
            max_new_tokens: options.max_new_tokens,
            min_new_tokens: options.min_new_tokens,
            stop: options.stop.clone(),
            max_prompt_tokens: None,
        },
        wants_log_probs: options.log_probs,
        guided,
    };
    let mut engine = Engine::new(
        &*loaded.model,
        &loaded.tokenizer,
        &loaded.end_tokens,
        options.limits.resolve(options.computing.device),
    );
    if let Some(critic) = &critic {
        engine = engine.guided_by(Guide {
            critic,
            max_program: usize::MAX,
        });
    }
    if options.timing && options.computing.device == Device::Cuda {
        // What a GPU sets up when it is first used is no part of decoding.
        let mut first = request.clone();
        first.decoding.max_new_tokens = 2;
        first.decoding.min_new_tokens = 0;
        engine.push(first);
        while !engine.is_idle() {
            engine.step(&mut |_| {});
        }
    }
    let (start, work_before) = (Instant::now(), processor_seconds());
    engine.push(request);
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut failure = None;
    while !engine.is_idle() {
        engine.step(&mut |event| match event {
            Event::Candidate(candidate) => candidates.push(candidate),
            Event::Failed { error, .. } => failure = Some(error),
            Event::Done { .. } => {}
        });
    }
    if let Some(error) = failure {
        return Err(error.into());
    }
    let seconds = start.elapsed().as_secs_f64();
    let work = processor_seconds() - work_before;
    candidates.sort_by_key(|candidate| candidate.index);
    let mut out = std::io::stdout().lock();
    for candidate in &candidates {
        let line = json!({
            "index": candidate.index,
            "text": candidate.text,
            "tokens": candidate.tokens,
            "n_tokens": candidate.n_decoded,
            "finish": match candidate.finish {
                Finish::End => "end",
                Finish::Stop => "stop",
                Finish::Length => "length",
            },
            "log_probs": candidate.log_probs,
            "n_critic_tokens": candidate.n_critic_tokens,
        });
        writeln!(out, "{line}")?;
    }
    if options.timing {
        let n: usize = candidates.iter().map(|candidate| candidate.n_decoded).sum();
        let line = json!({
            "prompt_tokens": n_prompt, "new_tokens": n, "seconds": seconds, "processor_seconds": work,
            "tokens_per_second": n as f64 / seconds,
        });
        writeln!(std::io::stderr(), "{line}")?;
    }
    Ok(())
}

/// What the processors have worked for this process, all threads together.
fn processor_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
