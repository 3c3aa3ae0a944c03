//! Beam search, as `transformers` does it (`_beam_search`, `early_stopping=False`).

use harness::decoding::Method;

use super::model::{Cache, Decoder, Prompt, StepRow};
use super::request::{Candidate, Finish, Request};
use super::sampler::log_total;
use super::stop::find;
use crate::cpu::Rows;
use crate::tokenizer::Tokenizer;

/// A search over one prompt.
pub(super) struct Search<'a> {
    pub(super) model: &'a dyn Decoder,
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) end_tokens: &'a [u32],
    /// Tokens that a hypothesis can have at most, the start token included.
    pub(super) capacity: usize,
}

/// A hypothesis that goes on.
struct Beam {
    tokens: Vec<u32>,
    log_probs: Vec<f32>,
    /// Sum of the logarithms of the probabilities.
    score: f64,
    cache: Cache,
    /// The token to be read next.
    next: u32,
}

/// A hypothesis that ended.
struct Ended {
    tokens: Vec<u32>,
    log_probs: Vec<f32>,
    /// Divided by the length to the power of the penalty.
    value: f64,
    finish: Finish,
    /// Length of its text in bytes.
    length: usize,
}

/// One more token for a hypothesis.
struct Continuation {
    beam: usize,
    token: u32,
    log_prob: f32,
    score: f64,
}

impl Search<'_> {
    /// The best hypotheses, the best first; as many as the request has seeds, or fewer where
    /// fewer came to an end.
    pub(super) fn run(&self, request: &Request, prompt: &Prompt) -> Vec<Candidate> {
        let Method::Beam {
            n_beams,
            length_penalty,
        } = request.decoding.method
        else {
            return Vec::new();
        };
        let n_beams = n_beams as usize;
        let max_new = (request.decoding.max_new_tokens as usize)
            .min(self.capacity.saturating_sub(1 + request.forced.len()))
            .max(1);
        let mut logits = Rows::default();
        let mut beams = vec![self.start(request, prompt, &mut logits)];
        let mut ended: Vec<Ended> = Vec::new();
        let mut spare: Vec<Cache> = Vec::new();
        for n_decoded in 0..max_new {
            let n = n_decoded + 1;
            let kept = self.best(request, &beams, &logits, n_beams, n_decoded);
            let mut going_on = Vec::with_capacity(n_beams);
            for (rank, continuation) in kept.into_iter().enumerate() {
                let finish = self.finish(
                    request,
                    &beams[continuation.beam],
                    &continuation,
                    n,
                    max_new,
                );
                match finish {
                    // Only the first ranks count; the others are there so that enough go on.
                    Some(_) if rank >= n_beams => {}
                    Some((finish, length)) => {
                        let beam = &beams[continuation.beam];
                        ended.push(Ended {
                            tokens: extended(&beam.tokens, continuation.token),
                            log_probs: extended(&beam.log_probs, continuation.log_prob),
                            value: continuation.score / (n as f64).powf(length_penalty),
                            finish,
                            length,
                        });
                    }
                    None if going_on.len() < n_beams => going_on.push(continuation),
                    None => {}
                }
            }
            ended.sort_by(|a, b| b.value.total_cmp(&a.value));
            ended.truncate(n_beams);
            if going_on.is_empty() {
                break;
            }
            beams = self.follow(beams, going_on, &mut spare);
            let best_possible = beams[0].score / (n as f64).powf(length_penalty);
            if ended.len() == n_beams && best_possible <= ended[n_beams - 1].value {
                break;
            }
            if n < max_new {
                self.step(&mut beams, prompt, &mut logits);
            }
        }
        ended
            .into_iter()
            .take(request.seeds.len())
            .enumerate()
            .map(|(index, ended)| self.candidate(request, index, ended))
            .collect()
    }

    /// The beam from which all others come, and the logits of its next token.
    fn start(&self, request: &Request, prompt: &Prompt, logits: &mut Rows) -> Beam {
        let mut beam = Beam {
            tokens: Vec::new(),
            log_probs: Vec::new(),
            score: 0.0,
            cache: self.model.new_cache(self.capacity),
            next: 0,
        };
        let before = self.model.start_token();
        if let Some(first) = prompt.logits() {
            *logits = first.clone();
        }
        for token in before.iter().chain(&request.forced) {
            beam.next = *token;
            let beams = std::slice::from_mut(&mut beam);
            self.step(beams, prompt, logits);
        }
        beam.tokens.clone_from(&request.forced);
        beam
    }

    fn step(&self, beams: &mut [Beam], prompt: &Prompt, logits: &mut Rows) {
        let mut rows: Vec<StepRow<'_>> = beams
            .iter_mut()
            .map(|beam| StepRow {
                token: beam.next,
                prompt,
                cache: &mut beam.cache,
            })
            .collect();
        self.model.step(&mut rows, logits);
    }

    /// The best continuations of all beams, so many that enough of them go on.
    fn best(
        &self,
        request: &Request,
        beams: &[Beam],
        logits: &Rows,
        n_beams: usize,
        n_decoded: usize,
    ) -> Vec<Continuation> {
        let n_kept = n_beams * (1 + self.end_tokens.len()).max(2);
        let mut all: Vec<Continuation> = Vec::new();
        let mut values = vec![0.0; self.model.vocabulary_size()];
        for (index, beam) in beams.iter().enumerate() {
            logits.copy_row(index, &mut values);
            let total = log_total(&values);
            if n_decoded < request.decoding.min_new_tokens as usize {
                for token in self.end_tokens {
                    values[*token as usize] = f32::NEG_INFINITY;
                }
            }
            let mut order: Vec<u32> = (0..).take(values.len()).collect();
            let descending = |a: &u32, b: &u32| values[*b as usize].total_cmp(&values[*a as usize]);
            if n_kept < order.len() {
                order.select_nth_unstable_by(n_kept, descending);
                order.truncate(n_kept);
            }
            all.extend(order.into_iter().map(|token| {
                let log_prob = values[token as usize] - total;
                Continuation {
                    beam: index,
                    token,
                    log_prob,
                    score: beam.score + f64::from(log_prob),
                }
            }));
        }
        all.retain(|continuation| continuation.score > f64::NEG_INFINITY);
        all.sort_by(|a, b| {
            let by_place = (a.beam, a.token).cmp(&(b.beam, b.token));
            b.score.total_cmp(&a.score).then(by_place)
        });
        all.truncate(n_kept);
        all
    }

    /// Whether a continuation ends, and the length of its text.
    fn finish(
        &self,
        request: &Request,
        beam: &Beam,
        continuation: &Continuation,
        n_decoded: usize,
        max_new: usize,
    ) -> Option<(Finish, usize)> {
        if self.end_tokens.contains(&continuation.token) {
            return Some((Finish::End, usize::MAX));
        }
        let stops = request.decoding.stop.iter().filter(|stop| !stop.is_empty());
        let mut stops = stops.peekable();
        if stops.peek().is_some() {
            let tokens = extended(&beam.tokens, continuation.token);
            let forced = self.tokenizer.decode_bytes(&request.forced).len();
            let text = self.tokenizer.decode_bytes(&tokens);
            let found = stops
                .filter_map(|stop| {
                    let start = forced.saturating_sub(stop.len() - 1);
                    find(text.get(start..)?, stop.as_bytes()).map(|at| start + at)
                })
                .min();
            if let Some(length) = found {
                return Some((Finish::Stop, length));
            }
        }
        (n_decoded >= max_new).then_some((Finish::Length, usize::MAX))
    }

    /// The beams of the next step. A cache is copied only where two of them share a past.
    fn follow(
        &self,
        beams: Vec<Beam>,
        continuations: Vec<Continuation>,
        spare: &mut Vec<Cache>,
    ) -> Vec<Beam> {
        let mut followers = vec![0; beams.len()];
        for continuation in &continuations {
            followers[continuation.beam] += 1;
        }
        let mut beams: Vec<Option<Beam>> = beams.into_iter().map(Some).collect();
        for (beam, n_followers) in beams.iter_mut().zip(&followers) {
            if *n_followers == 0 {
                spare.extend(beam.take().map(|beam| beam.cache));
            }
        }
        let mut next: Vec<Beam> = Vec::with_capacity(continuations.len());
        for continuation in continuations {
            let index = continuation.beam;
            followers[index] -= 1;
            let mut beam = if followers[index] == 0 {
                beams[index].take().expect("the last follower takes it")
            } else {
                let from = beams[index].as_ref().expect("others follow");
                let mut cache = spare
                    .pop()
                    .unwrap_or_else(|| self.model.new_cache(self.capacity));
                cache.copy_from(&from.cache);
                Beam {
                    tokens: from.tokens.clone(),
                    log_probs: from.log_probs.clone(),
                    score: from.score,
                    cache,
                    next: from.next,
                }
            };
            beam.tokens.push(continuation.token);
            beam.log_probs.push(continuation.log_prob);
            beam.score = continuation.score;
            beam.next = continuation.token;
            next.push(beam);
        }
        next
    }

    fn candidate(&self, request: &Request, index: usize, ended: Ended) -> Candidate {
        let mut text = self.tokenizer.decode_bytes(&ended.tokens);
        text.truncate(ended.length);
        Candidate {
            request: request.id,
            index,
            n_decoded: ended.tokens.len() - request.forced.len(),
            text: String::from_utf8_lossy(&text).into_owned(),
            tokens: ended.tokens,
            finish: ended.finish,
            log_probs: match request.wants_log_probs {
                true => ended.log_probs,
                false => Vec::new(),
            },
            n_critic_tokens: 0,
        }
    }
}

fn extended<T: Clone>(items: &[T], item: T) -> Vec<T> {
    let mut items = items.to_vec();
    items.push(item);
    items
}
