//! Runs every file of `guest/` and compares with the facts that its first lines state.
//!
//! A line `# key: value` states a fact or sets a limit; the first other line ends the list.
//! `ending` is required. Output not stated is expected to be empty, except that standard
//! error is not looked at unless stated.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use harness::execution::{Ending, Exception, Execution, Limit, Limits};

use crate::support::run_script_with;

/// All files, sorted.
pub(crate) fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("the directory of guest files")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    assert!(
        files
            .iter()
            .all(|file| file.extension() == Some("py".as_ref()))
    );
    assert!(files.len() > 50, "guest files are missing");
    files
}

/// Source and stated facts of a file.
pub(crate) struct GuestFile {
    pub(crate) source: String,
    pub(crate) facts: BTreeMap<String, String>,
}

impl GuestFile {
    pub(crate) fn read(path: &Path) -> Self {
        let source = std::fs::read_to_string(path).expect("a guest file");
        let facts = source
            .lines()
            .map_while(|line| line.strip_prefix("# ")?.split_once(": "))
            .map(|(key, value)| (key.to_owned(), unescaped(value)))
            .collect();
        Self { source, facts }
    }

    pub(crate) fn run(&self) -> Execution {
        let mut limits = Limits::default();
        let number = |key| {
            self.facts
                .get(key)
                .map(|text| text.parse().expect("a number"))
        };
        limits.fuel = number("fuel").unwrap_or(limits.fuel);
        limits.memory_bytes = number("memory").unwrap_or(limits.memory_bytes);
        limits.output_bytes = number("output-bytes").unwrap_or(limits.output_bytes);
        let stdin = self.facts.get("stdin").map_or("", String::as_str);
        run_script_with(&self.source, stdin, &limits)
    }

    /// What differs from the stated facts.
    fn differences(&self, execution: &Execution) -> Vec<String> {
        let stdout = String::from_utf8_lossy(&execution.stdout);
        let stderr = String::from_utf8_lossy(&execution.stderr);
        let exception = match &execution.ending {
            Ending::NotCompiled { exception } | Ending::Raised { exception } => Some(exception),
            _ => None,
        };
        let mut differences = Vec::new();
        let mut check = |key: &str, actual: &str| {
            let stated = self.facts.get(key).map_or("", String::as_str);
            if stated != actual {
                differences.push(format!("{key}: stated {stated:?}, but {actual:?}"));
            }
        };
        check("ending", &shown(&execution.ending));
        check("unsupported", &execution.unsupported.join(", "));
        if !self.facts.contains_key("stdout-bytes") {
            check("stdout", &stdout);
        }
        for key in self.facts.keys() {
            match key.as_str() {
                "ending" | "unsupported" | "stdout" => {}
                "stdin" | "fuel" | "memory" | "output-bytes" => {}
                "stdout-bytes" => check(key, &execution.stdout.len().to_string()),
                "stderr" => check(key, &stderr),
                "stderr-bytes" => check(key, &execution.stderr.len().to_string()),
                "bases" => check(key, &exception.map_or(String::new(), |e| e.bases.join(" "))),
                "message-length" => {
                    let length = exception.map_or(0, |e| e.message.chars().count());
                    check(key, &length.to_string());
                }
                unknown => panic!("unknown fact {unknown:?}"),
            }
        }
        differences
    }
}

/// Text with `\\n` and `\\\\` replaced.
fn unescaped(text: &str) -> String {
    let mut unescaped = String::new();
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        unescaped.push(match next {
            '\\' if rest.next() == Some('n') => '\n',
            other => other,
        });
    }
    unescaped
}

fn shown(ending: &Ending) -> String {
    let exception = |exception: &Exception| {
        let mut message: String = exception.message.chars().take(120).collect();
        if message.len() < exception.message.len() {
            message = message[..10].to_owned() + "…";
        }
        let line = exception
            .line
            .map_or(String::new(), |line| format!(", line {line}"));
        format!("{}: {message}{line}", exception.class)
    };
    match ending {
        Ending::Completed => "completed".into(),
        Ending::NotCompiled { exception: e } => format!("not-compiled {}", exception(e)),
        Ending::Raised { exception: e } => format!("raised {}", exception(e)),
        Ending::Exited { status } => format!("exited {status}"),
        Ending::Missing { name } => format!("missing {name}"),
        Ending::LimitHit { limit } => match limit {
            Limit::Fuel => "limit fuel".into(),
            Limit::Memory => "limit memory".into(),
            Limit::Output => "limit output".into(),
            Limit::Stack => "limit stack".into(),
        },
        Ending::Aborted { reason } => format!("aborted {reason}"),
    }
}

#[test]
fn every_guest_file_behaves_as_stated() {
    let mut report = String::new();
    for path in files() {
        let file = GuestFile::read(&path);
        let execution = file.run();
        let differences = file.differences(&execution);
        if !differences.is_empty() {
            report += &format!(
                "{}:\n  {}\n  stderr: {}\n",
                path.file_name().expect("a name").to_string_lossy(),
                differences.join("\n  "),
                String::from_utf8_lossy(&execution.stderr),
            );
        }
    }
    assert!(report.is_empty(), "{report}");
}
