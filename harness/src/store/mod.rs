//! The run directory and the verdict cache: the only I/O in this package.
//!
//! A run directory holds what a run was asked for (`manifest.json`) and what it found, as
//! JSON Lines. While a stage works, its records are appended to `NAME.partial.jsonl`; when
//! it is done they are sorted by id and become `NAME.jsonl`. So a finished file does not
//! depend on interruptions or on the number of workers, and its presence says that the
//! stage is complete.

mod atomic_file;
mod audit_file;
mod cache_key;
mod digest;
mod manifest;
mod problem_text;
mod record;
mod record_file;
mod record_log;
mod run_directory;
mod run_reader;
mod study_directory;
mod training_directory;
mod verdict_cache;

pub use audit_file::{AuditFile, read_audit};
pub use cache_key::{CacheKey, JUDGE_FINGERPRINT, KeyContext, TestsDigest};
pub use digest::{sha256_hex, sha256_of_file, sha256_of_json};
pub use manifest::{
    DatasetRecord, ExclusionRecord, GenerationRecord, HelperRecord, JudgingRecord, Manifest,
    ModelRecord, SettingRecord, SourceRecord, StrategyManifest,
};
pub use problem_text::{PROBLEM_TEXTS, ProblemText, TestText, keep_problem_texts};
pub use record::{GenerationEvent, GenerationEventId, InfrastructureEvent, ProblemSummary, Record};
pub use record_log::RecordLog;
pub use run_directory::{CRITIC_SCORES, Helper, RunDirectory, StoredRun};
pub use run_reader::{RecordsByProblem, RunReader};
pub use study_directory::StudyDirectory;
pub use training_directory::{
    DataFile, TrainingDirectory, TrainingManifest, read_record_file, write_records,
};
pub use verdict_cache::VerdictCache;
