//! Arguments of `coderl corpus`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{DatasetName, SelectionArguments};

/// Texts to pretrain on.
#[derive(Debug, Subcommand)]
pub(crate) enum Corpus {
    /// Filter folders of Python files by licence, quality and likeness
    Build(CorpusBuild),
    /// The reference programs of a dataset's training split
    Programs(CorpusPrograms),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Programs that are equal to one before them are left out.

Example:
  coderl corpus programs apps --limit 1000 --out programs.jsonl
  coderl train pretrain programs.jsonl --model codet5-small")]
pub(crate) struct CorpusPrograms {
    #[command(flatten)]
    pub(crate) dataset: DatasetName,
    /// Where texts go, one record a line
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) problems: SelectionArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Files are asked in this order, and counted by the first answer that drops them: size, UTF-8,
licence, long lines, few letters, generated, syntax (Python 3), copy, near copy. Of copies, the one
whose id comes first stays.

The licence of a file is what its own head says, else what the nearest LICENSE or COPYING file in
the folders above it says, up to the folder that was named, or the metadata of the installed package
that it belongs to. Where several licences apply, all of them have to be allowed.

Beside OUT.jsonl lie OUT.sources.jsonl (licence, where it is stated, SHA-256 and lengths of each
text) and OUT.stats.json (what the table says, and more). The number of threads changes nothing.

Examples:
  coderl corpus build ~/src --out corpus.jsonl
  coderl corpus build repo-a repo-b --out own.jsonl --license any
  coderl corpus build lib --out corpus.jsonl --license mit --license psf-2.0 --similarity 0.7")]
pub(crate) struct CorpusBuild {
    /// Folders with Python files
    #[arg(required = true, value_name = "FOLDER")]
    pub(crate) folders: Vec<PathBuf>,
    /// Where texts go, one record a line
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Licence that is allowed; may be given several times, and `any` allows files without one
    /// [default: the paper's: mit, apache-2.0, bsd-3-clause, bsd-2-clause, cc0-1.0, unlicense, isc]
    #[arg(long, value_name = "NAME")]
    pub(crate) license: Vec<String>,
    /// Similarity above which a text is a near copy: the share of common runs of five tokens; 1 for
    /// exact copies only
    #[arg(long, value_name = "SHARE", default_value_t = 0.85)]
    pub(crate) similarity: f64,
    /// Smallest file in bytes
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub(crate) min_bytes: u64,
    /// Largest file in bytes
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) max_bytes: u64,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}
