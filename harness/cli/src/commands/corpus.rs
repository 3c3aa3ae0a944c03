//! `coderl corpus`: texts to pretrain on.

use std::collections::BTreeSet;
use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::Mutex;

use anyhow::Result;
use datasets::corpus::{self, Bounds, CorpusSettings, Counted, Family, Stats};
use harness::config::Selection;
use harness::problem::{ProblemId, Split};
use harness::training::CorpusText;
use indicatif::HumanBytes;

use crate::arguments::{Corpus, CorpusBuild, CorpusPrograms};
use crate::console::{Bar, counted};
use crate::context::Context;
use crate::exit::{Exit, data, usage};

pub(crate) fn corpus(context: &Context, command: &Corpus) -> Result<Exit> {
    match command {
        Corpus::Build(build) => self::build(context, build),
        Corpus::Programs(programs) => self::programs(context, programs),
    }
}

fn build(context: &Context, arguments: &CorpusBuild) -> Result<Exit> {
    let settings = settings(arguments)?;
    for folder in &arguments.folders {
        if !folder.is_dir() {
            return Err(usage(format!("`{}` is no folder", folder.display())));
        }
    }
    // The number of files is known at the first call.
    let bar: Mutex<Option<Bar>> = Mutex::new(None);
    let n_threads = arguments.threads.map_or(0, NonZeroUsize::get);
    let built = corpus::build(&arguments.folders, &settings, n_threads, &|n_files| {
        let mut bar = bar.lock().expect("no thread panics with the bar");
        match &mut *bar {
            Some(bar) => bar.advance(),
            None => *bar = Some(context.console.bar(n_files, "reading")),
        }
    })?;
    if let Some(bar) = bar.into_inner().expect("no thread panics with the bar") {
        bar.finish();
    }
    write!(std::io::stdout(), "{}", summary(&built.stats))?;
    if built.texts.is_empty() {
        return Err(data(format!(
            "none of {} is left, and nothing was written; `--license any` keeps files without a \
             licence",
            counted(built.stats.found.files as usize, "file")
        )));
    }
    let [out, sources, stats] = corpus::write(&built, &arguments.out)?;
    context.console.note(format_args!(
        "wrote `{}`, `{}` and `{}`",
        out.display(),
        sources.display(),
        stats.display()
    ));
    Ok(Exit::Done)
}

fn programs(context: &Context, arguments: &CorpusPrograms) -> Result<Exit> {
    let Some(name) = arguments.dataset.get() else {
        return Err(usage(
            "no dataset; name one, such as `coderl corpus programs apps`",
        ));
    };
    let dataset = context.open_dataset(&name)?;
    let asked = &arguments.problems;
    let selection = Selection {
        split: asked.split,
        difficulty: asked.difficulty.clone().unwrap_or_default(),
        ids: asked.ids.iter().flatten().map(ProblemId::new).collect(),
        limit: asked.limit,
    };
    let problems = selection
        .or_split(Some(Split::Train))
        .apply(&dataset.name, dataset.problems)?;
    let mut seen = BTreeSet::new();
    let mut texts = Vec::new();
    for problem in &problems {
        for (number, program) in problem.reference_solutions.iter().enumerate() {
            if seen.insert(program.as_str()) {
                texts.push(CorpusText {
                    id: format!("{}/{number}", problem.id),
                    text: program.clone(),
                });
            }
        }
    }
    if texts.is_empty() {
        return Err(data(format!(
            "the {} of `{name}` have no reference programs, and nothing was written",
            counted(problems.len(), "problem")
        )));
    }
    corpus::write_texts(&texts, &arguments.out)?;
    context.console.note(format_args!(
        "{} of {} in `{}`",
        counted(texts.len(), "program"),
        counted(problems.len(), "problem"),
        arguments.out.display()
    ));
    Ok(Exit::Done)
}

fn settings(arguments: &CorpusBuild) -> Result<CorpusSettings> {
    let licenses = match &arguments.license[..] {
        [] => Some(Family::PAPER.to_vec()),
        names if names.iter().any(|name| name == "any") => None,
        names => {
            let families = names.iter().map(|name| {
                Family::named(name).ok_or_else(|| {
                    let known: Vec<&str> = Family::names().collect();
                    usage(format!(
                        "no licence `{name}`; known: any, {}",
                        known.join(", ")
                    ))
                })
            });
            Some(families.collect::<Result<_>>()?)
        }
    };
    if !(arguments.similarity > 0.0 && arguments.similarity <= 1.0) {
        return Err(usage(format!(
            "--similarity {} is not above 0 and at most 1",
            arguments.similarity
        )));
    }
    Ok(CorpusSettings {
        licenses,
        bounds: Bounds {
            min_bytes: arguments.min_bytes,
            max_bytes: arguments.max_bytes,
            ..Bounds::default()
        },
        similarity: (arguments.similarity < 1.0).then_some(arguments.similarity),
    })
}

fn summary(stats: &Stats) -> String {
    let mut rows = vec![("found".to_owned(), stats.found)];
    for (reason, count) in &stats.dropped {
        rows.push((format!("- {}", reason.label()), *count));
    }
    rows.push(("kept".to_owned(), stats.kept));
    let mut text = table("files", &rows);
    text.push('\n');
    text += &table("licence", &named(&stats.licenses, "(not asked)"));
    if !stats.other_licenses.is_empty() {
        const SHOWN: usize = 8;
        let mut others = named(&stats.other_licenses, "");
        let left = others.split_off(others.len().min(SHOWN));
        if !left.is_empty() {
            let sum = left
                .iter()
                .fold(Counted::default(), |sum, (_, count)| Counted {
                    files: sum.files + count.files,
                    bytes: sum.bytes + count.bytes,
                });
            others.push((format!("{} more", left.len()), sum));
        }
        text.push('\n');
        text += &table("other licence", &others);
    }
    text.push('\n');
    text += &format!(
        "{:<10} {:>12} {:>10} {:>8} {:>8} {:>8} {:>8}\n",
        "a text's", "total", "mean", "median", "90 %", "99 %", "most"
    );
    for (name, lengths) in [
        ("bytes", &stats.bytes),
        ("lines", &stats.lines),
        ("tokens", &stats.tokens),
    ] {
        text += &format!(
            "{name:<10} {:>12} {:>10.1} {:>8} {:>8} {:>8} {:>8}\n",
            lengths.total, lengths.mean, lengths.median, lengths.p90, lengths.p99, lengths.max
        );
    }
    text
}

fn named(counts: &[(String, Counted)], empty: &str) -> Vec<(String, Counted)> {
    const WIDTH: usize = 40;
    let short = |name: &str| match name.char_indices().nth(WIDTH - 1) {
        Some((end, _)) => format!("{}…", name[..end].replace('\n', " ")),
        None if name.is_empty() => empty.to_owned(),
        None => name.to_owned(),
    };
    let row = |(name, count): &(String, Counted)| (short(name), *count);
    counts.iter().map(row).collect()
}

fn table(title: &str, rows: &[(String, Counted)]) -> String {
    let mut text = format!("{title:<40} {:>9} {:>12}\n", "files", "size");
    for (name, count) in rows {
        let size = HumanBytes(count.bytes).to_string();
        text += &format!("{name:<40} {:>9} {size:>12}\n", count.files);
    }
    text
}
