//! Steps and facts of a session, over a guest that knows bytes only.

use harness::contract::{Answer, PluginError, Session};
use harness::execution::{Ending, Execution, Limits, Reply, Step};

use crate::guest::{Facts, Outcome, Performer, Request};
use crate::protocol::{self, Report};

/// A session on a guest.
pub(crate) struct GuestSession<P> {
    guest: P,
    limits: Limits,
    ended: bool,
}

impl<P: Performer> GuestSession<P> {
    pub(crate) fn new(guest: P, limits: &Limits) -> Self {
        Self {
            guest,
            limits: limits.clone(),
            ended: false,
        }
    }
}

impl<P: Performer> Session for GuestSession<P> {
    fn run_answering(
        &mut self,
        step: &Step<'_>,
        fuel: u64,
        answer: Option<Answer<'_>>,
    ) -> Result<Execution, PluginError> {
        if self.ended {
            return Ok(Execution {
                ending: Ending::Aborted {
                    reason: "the guest ended in an earlier step".into(),
                },
                stdout: Vec::new(),
                stderr: Vec::new(),
                value: None,
                fuel: 0,
                unsupported: Vec::new(),
            });
        }
        // Until it is known how this step ended.
        self.ended = true;
        let encoded = protocol::request(step, self.limits.output_bytes);
        let request = Request {
            step: &encoded,
            stdin: match step {
                Step::RunScript { stdin, .. } => Some(stdin),
                _ => None,
            },
            fuel: self.limits.fuel.min(fuel),
        };
        let facts = match answer {
            None => self.guest.perform(request, None),
            Some(answer) => self.guest.perform(
                request,
                Some(&mut |question: &[u8]| {
                    // A question that nobody understands is the tester's fault.
                    let reply = match protocol::question(question) {
                        Some(question) => answer(question)?,
                        None => Reply::Stop,
                    };
                    Ok((reply != Reply::Stop).then(|| protocol::reply(&reply)))
                }),
            ),
        }?;
        self.ended = !matches!(facts.outcome, Outcome::Report(_));
        let execution = execution(step, facts);
        self.ended |= matches!(
            execution.ending,
            Ending::LimitHit { .. } | Ending::Aborted { .. }
        );
        Ok(execution)
    }
}

fn execution(step: &Step<'_>, facts: Facts) -> Execution {
    let report = match facts.outcome {
        Outcome::Report(bytes) => protocol::report(&bytes),
        Outcome::LimitHit(limit) => Some(Report::of(Ending::LimitHit { limit })),
        // What a script printed counts however it ends its process; a module that does so
        // while it is tested ends the test.
        Outcome::Exited(status) if matches!(step, Step::RunScript { .. }) => {
            Some(Report::of(Ending::Exited { status }))
        }
        Outcome::Exited(status) => Some(Report::of(Ending::Aborted {
            reason: format!("exit status {status}"),
        })),
        Outcome::Aborted(reason) => Some(Report::of(Ending::Aborted { reason })),
    };
    let report = report.unwrap_or_else(|| {
        Report::of(Ending::Aborted {
            reason: "malformed report".into(),
        })
    });
    Execution {
        ending: report.ending,
        stdout: report.text.unwrap_or(facts.stdout),
        stderr: facts.stderr,
        value: report.value,
        fuel: facts.fuel,
        unsupported: facts.unsupported,
    }
}
