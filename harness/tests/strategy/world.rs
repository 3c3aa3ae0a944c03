//! Models, a critic and a judge that are rules.
//!
//! - A program has a token for each byte; ids are bytes.
//! - The actor writes a list of texts, one for each seed in turn, or, after a prefix, the prefix
//!   and `+` with the number of the program in its round. Guided, it adds `/` and the strength, and
//!   its critic reads each byte twice.
//! - The critic gives `A` 0.9, `x` 0.1 and other bytes 0.5; a program gets the share of `A` in it.
//! - Programs with an `A` and no `?` pass; `unjudged` is not judged. Of the others those that end
//!   with `(` do not compile, those that begin with `!` raise, and the rest answers wrongly.

use harness::problem::ProblemId;
use harness::prompt::Prompt;
use harness::seed::strategy_seed;
use harness::strategy::{
    Answers, Attempt, Author, Critic, CriticToken, Criticism, Draft, ExampleJudge, Reading,
    Repairer, Stop, Task, Tools, Written,
};
use harness::training::Feedback;
use harness::verdict::Outcome;

pub(crate) struct World {
    pub(crate) actor: Writer,
    pub(crate) repair: Writer,
    critic: Rules,
    judge: Rules,
    /// A problem of which every program of the actor fails.
    pub(crate) fail_only: Option<String>,
    /// The actor repairs, and the repair model is not there.
    pub(crate) repairs_itself: bool,
    pub(crate) has_critic: bool,
}

#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) texts: Vec<String>,
    pub(crate) n_drafts: usize,
    pub(crate) n_seeds: Vec<usize>,
    pub(crate) prompts: Vec<String>,
    pub(crate) refuses: Option<String>,
    fails_for: Option<String>,
}

#[derive(Clone, Copy)]
struct Rules;

pub(crate) fn task(id: &str, has_examples: bool) -> Task {
    Task {
        problem: ProblemId::new(id),
        prompt: Prompt::Text("Add.".to_owned()),
        has_examples,
    }
}

impl World {
    pub(crate) fn new(texts: &[&str]) -> Self {
        Self {
            actor: Writer {
                texts: texts.iter().map(ToString::to_string).collect(),
                ..Writer::default()
            },
            repair: Writer {
                texts: vec!["r".to_owned()],
                ..Writer::default()
            },
            critic: Rules,
            judge: Rules,
            fail_only: None,
            repairs_itself: false,
            has_critic: true,
        }
    }

    pub(crate) fn tools(&mut self) -> Tools<'_> {
        self.actor.fails_for = self.fail_only.clone();
        Tools {
            actor: &mut self.actor,
            repairer: match self.repairs_itself {
                true => Repairer::Actor,
                false => Repairer::Model(&mut self.repair),
            },
            critic: self
                .has_critic
                .then_some(&mut self.critic as &mut dyn Critic),
            judge: &mut self.judge,
        }
    }
}

/// The index that has this seed, in a run with the seed 7.
fn index_of(problem: &ProblemId, seed: u64) -> u32 {
    (0..4)
        .flat_map(|round| (0..200).map(move |index| (round, index)))
        .find(|(round, index)| strategy_seed(7, problem, *round, *index) == seed)
        .map(|(_, index)| index)
        .expect("a seed of the run")
}

impl Author for Writer {
    fn write(&mut self, drafts: &[Draft<'_>]) -> Answers<Vec<Written>> {
        let mut answers = Vec::new();
        for draft in drafts {
            self.n_drafts += 1;
            self.n_seeds.push(draft.seeds.len());
            let prompt = match &draft.prompt {
                Prompt::Text(text) => text.clone(),
                Prompt::Messages(messages) => messages.last().unwrap().content.clone(),
            };
            self.prompts.push(prompt.clone());
            if self.refuses.as_deref() == Some(draft.problem.as_str()) {
                answers.push(Err("too long".to_owned()));
                continue;
            }
            let write = |seed: &u64| {
                let index = index_of(draft.problem, *seed);
                let (text, n_forced) = match &draft.prefix {
                    Some(prefix) => {
                        assert_eq!(prefix.tokens.len(), prefix.text.len());
                        (format!("{}+{index}", prefix.text), prefix.tokens.len())
                    }
                    None => (self.texts[index as usize % self.texts.len()].clone(), 0),
                };
                let is_bad = self.fails_for.as_deref() == Some(draft.problem.as_str());
                let text = match &draft.prefix {
                    None if is_bad => text.replace('A', "b"),
                    _ => text,
                };
                let text = match draft.guidance {
                    Some(guidance) => format!("{text}/{}", guidance.strength),
                    None => text,
                };
                let is_guided = draft.guidance.is_some();
                let of_critic = |n: usize| if is_guided { n as u32 } else { 0 };
                Written {
                    n_tokens: (text.len() - n_forced) as u32,
                    n_prompt_tokens: prompt.len() as u32,
                    finish: "end".to_owned(),
                    log_prob: draft.wants_log_prob.then_some(-(text.len() as f64)),
                    n_critic_tokens: of_critic(2 * (text.len() - n_forced)),
                    n_critic_prompt_tokens: of_critic(prompt.len()),
                    text,
                }
            };
            answers.push(Ok(draft.seeds.iter().map(write).collect()));
        }
        Ok(answers)
    }
}

impl Critic for Rules {
    fn read(&mut self, readings: &[Reading<'_>]) -> Answers<Criticism> {
        let read = |reading: &Reading<'_>| {
            let prompt = match reading.prompt {
                Prompt::Text(text) => text,
                Prompt::Messages(messages) => &messages.last().unwrap().content,
            };
            let n_good = reading.text.bytes().filter(|byte| *byte == b'A').count();
            let tokens = reading.text.bytes().enumerate().map(|(index, byte)| {
                let passed = match byte {
                    b'A' => 0.9,
                    b'x' => 0.1,
                    _ => 0.5,
                };
                CriticToken {
                    id: u32::from(byte),
                    end: index as u32 + 1,
                    passed,
                    failed: 1.0 - passed,
                }
            });
            Ok(Criticism {
                n_prompt_tokens: prompt.len() as u32,
                tokens: tokens.collect(),
                passed: match reading.text {
                    // Of two that are hopeless, one is more so.
                    "x" => -1.0,
                    text => n_good as f64 / text.len() as f64,
                },
            })
        };
        Ok(readings.iter().map(read).collect())
    }
}

impl ExampleJudge for Rules {
    fn judge(&mut self, attempts: &[Attempt<'_>]) -> Result<Vec<Option<Feedback>>, Stop> {
        let judge = |attempt: &Attempt<'_>| {
            if attempt.text == "unjudged" {
                return None;
            }
            let failed = |outcome, error: &str| Feedback {
                outcome,
                error: Some(error.to_owned()),
                ..Feedback::passed()
            };
            Some(match attempt.text {
                text if text.ends_with('(') => failed(Outcome::CompileError, "SyntaxError"),
                text if text.starts_with('!') => failed(Outcome::RuntimeError, "ValueError"),
                text if text.contains('A') && !text.contains('?') => Feedback::passed(),
                _ => failed(Outcome::FailedTests, "wrong answer"),
            })
        };
        Ok(attempts.iter().map(judge).collect())
    }
}
