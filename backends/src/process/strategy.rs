//! Children as the models of strategies: authors and critics.

use std::collections::BTreeMap;

use harness::decoding::Decoding;
use harness::problem::{Problem, ProblemId};
use harness::prompt::Prompt;
use harness::strategy::{
    Answers, Author, Critic, CriticToken, Criticism, Draft, Prefix, Reading, Stop, Written,
};
use harness::training::softmax;

use super::desk::{Answer, Desk, Question};
use super::error::ProcessError;
use super::protocol::{Completion, Finish, ForcedPrefix, Generate, Score, Scores};
use crate::asking::{Asking, leave_room};

/// A child that writes programs.
pub struct ChildAuthor {
    desk: Desk,
    /// By problem, with the stop texts of its template.
    decoding: BTreeMap<ProblemId, Decoding>,
    /// Of the critic whose token ids prefixes are in.
    critics_tokenizer: Option<String>,
}

impl ChildAuthor {
    /// An author for `problems`, asked as `asking` says. `critics_tokenizer` is
    /// [`super::protocol::Ready::tokenizer_sha256`] of the critic: only a child that says the same
    /// is given its token ids, others are given the text.
    pub fn new(
        desk: Desk,
        asking: &Asking,
        problems: &[Problem],
        critics_tokenizer: Option<String>,
    ) -> Self {
        Self {
            desk,
            decoding: asking.decodings(problems),
            critics_tokenizer,
        }
    }

    fn question(&mut self, draft: &Draft<'_>) -> Result<Question, ProcessError> {
        let mut decoding = self.decoding.get(draft.problem).cloned().ok_or_else(|| {
            ProcessError::Refused(format!("problem `{}` is not ours", draft.problem))
        })?;
        let forced_prefix = match &draft.prefix {
            None => None,
            Some(prefix) => {
                leave_room(&mut decoding, prefix);
                Some(self.forced(prefix)?)
            }
        };
        Ok(Question::Generate(Generate {
            id: 0,
            prompt: draft.prompt.clone(),
            seeds: draft.seeds.clone(),
            decoding,
            forced_prefix,
            log_probs: draft.wants_log_prob,
            guidance: draft.guidance,
        }))
    }

    fn forced(&mut self, prefix: &Prefix) -> Result<ForcedPrefix, ProcessError> {
        let own = &self.desk.ready()?.tokenizer_sha256;
        let is_same = own.is_some() && *own == self.critics_tokenizer;
        Ok(if is_same {
            ForcedPrefix::TokenIds(prefix.tokens.clone())
        } else {
            ForcedPrefix::Text(prefix.text.clone())
        })
    }
}

impl Author for ChildAuthor {
    fn write(&mut self, drafts: &[Draft<'_>]) -> Answers<Vec<Written>> {
        let questions = drafts.iter().map(|draft| self.question(draft));
        let questions = questions
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Stop::Failed(error.into()))?;
        let answers = self.desk.ask(questions)?;
        Ok(answers
            .into_iter()
            .map(|answer| match answer? {
                Answer::Written {
                    completions,
                    n_prompt_tokens,
                    n_critic_prompt_tokens,
                } => Ok(completions
                    .into_iter()
                    .map(|completion| Written {
                        n_prompt_tokens,
                        n_critic_prompt_tokens,
                        ..written(completion)
                    })
                    .collect()),
                Answer::Scores(_) => Err("the child scored what it was to write".to_owned()),
            })
            .collect())
    }
}

fn written(completion: Completion) -> Written {
    let log_prob = completion.log_probs.filter(|it| !it.is_empty()).map(|it| {
        let sum: f64 = it.iter().map(|value| f64::from(*value)).sum();
        sum / it.len() as f64
    });
    let finish = match completion.finish {
        Finish::End => "end",
        Finish::Stop => "stop",
        Finish::Length => "length",
    };
    Written {
        text: completion.text,
        n_tokens: completion.n_tokens,
        finish: finish.to_owned(),
        log_prob,
        n_critic_tokens: completion.n_critic_tokens.unwrap_or_default(),
        ..Written::default()
    }
}

/// A child that scores programs.
pub struct ChildCritic(Desk);

impl ChildCritic {
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

impl Critic for ChildCritic {
    fn read(&mut self, readings: &[Reading<'_>]) -> Answers<Criticism> {
        let questions = readings.iter().map(|reading| {
            Question::Score(Score {
                id: 0,
                prompt: Prompt::clone(reading.prompt),
                completion: reading.text.to_owned(),
            })
        });
        let answers = self.0.ask(questions.collect())?;
        Ok(answers
            .into_iter()
            .map(|answer| match answer? {
                Answer::Scores(scores) => criticism(&scores),
                Answer::Written { .. } => Err("the child wrote what it was to score".to_owned()),
            })
            .collect())
    }
}

/// Passed and failed, of whatever classes there are. A critic of the four outcomes takes all but
/// passed tests for failed, as the classes of a binary critic do.
fn criticism(scores: &Scores) -> Result<Criticism, String> {
    let names = scores.classes.as_deref();
    let is_passed = |name: &String| name == "passed" || name == "passed-tests";
    let passed = match names {
        Some(names) => names
            .iter()
            .position(is_passed)
            .ok_or_else(|| format!("the critic knows no class `passed`, only {names:?}"))?,
        None => 3,
    };
    let n_classes = names.map_or(4, <[String]>::len);
    let probability = |logits: &Vec<f32>| {
        if logits.len() == n_classes {
            Ok(softmax(logits)[passed])
        } else {
            let n = logits.len();
            Err(format!(
                "the critic gave {n} logits for {n_classes} classes"
            ))
        }
    };
    let logits = scores
        .outcome_logits
        .as_ref()
        .ok_or("the critic gave no logits of tokens")?;
    let pooled = scores
        .pooled_outcome_logits
        .as_ref()
        .ok_or("the critic gave no logits of the program")?;
    let n = scores.token_ids.len();
    if logits.len() != n || scores.token_ends.len() != n {
        return Err("the critic's lists differ in length".to_owned());
    }
    let tokens = scores.token_ids.iter().zip(&scores.token_ends).zip(logits);
    Ok(Criticism {
        n_prompt_tokens: scores.n_prompt_tokens,
        tokens: tokens
            .map(|((id, end), logits)| {
                let passed = probability(logits)?;
                Ok(CriticToken {
                    id: *id,
                    end: *end,
                    passed,
                    failed: 1.0 - passed,
                })
            })
            .collect::<Result<_, String>>()?,
        passed: f64::from(probability(pooled)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(classes: &[&str], logits: Vec<f32>) -> Scores {
        Scores {
            id: 1,
            n_prompt_tokens: 5,
            token_ids: vec![9],
            token_ends: vec![2],
            log_probs: None,
            classes: Some(classes.iter().map(ToString::to_string).collect()),
            outcome_logits: Some(vec![logits.clone()]),
            pooled_outcome_logits: Some(logits),
        }
    }

    #[test]
    fn classes_become_passed_and_failed() {
        // Odds of 1 to 3.
        let found = criticism(&scores(&["failed", "passed"], vec![0.0, 3.0_f32.ln()])).unwrap();
        let token = found.tokens[0];
        assert!((token.passed - 0.75).abs() < 1e-6 && (token.failed - 0.25).abs() < 1e-6);
        assert!((found.passed - 0.75).abs() < 1e-6);
        assert_eq!((token.id, token.end, found.n_prompt_tokens), (9, 2, 5));

        let mut four = scores(&[], vec![0.0; 4]);
        four.classes = None;
        let token = criticism(&four).unwrap().tokens[0];
        assert!((token.passed - 0.25).abs() < 1e-6 && (token.failed - 0.75).abs() < 1e-6);
    }

    #[test]
    fn critics_that_make_no_sense_are_refused() {
        let check = |scores: &Scores, part: &str| {
            let error = criticism(scores).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check(&scores(&["good", "bad"], vec![0.0; 2]), "no class `passed`");
        check(&scores(&["failed", "passed"], vec![0.0; 3]), "3 logits");
        let mut short = scores(&["failed", "passed"], vec![0.0; 2]);
        short.token_ends.clear();
        check(&short, "differ in length");
        short.outcome_logits = None;
        check(&short, "no logits of tokens");
    }
}
