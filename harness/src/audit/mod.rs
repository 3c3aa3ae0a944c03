//! What a dataset's own solutions say about its problems: `coderl audit`.
//!
//! Every reference solution is judged by every grader that makes sense for its problem, and
//! what the sandbox observes meanwhile is kept: fuel, features asked for, exceptions. The
//! judge is the one that candidates meet; nothing here decides whether a program is right.
//! `docs/audit.md` describes the record and the heuristics.

mod answers;
mod auditing;
mod conflicts;
mod exclusion;
mod needs;
mod record;
mod recorder;
mod run;

pub use exclusion::{BrokenProblems, ExclusionSummary};
pub use needs::Need;
pub use record::{
    AuditRecord, Evidence, FuelUse, GraderAudit, SeveralAnswers, Solvable, TestsState,
};
pub use run::{Audit, AuditSummary, audit};
