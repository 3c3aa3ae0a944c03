//! `coderl export coderl-tree` and `coderl import coderl-tree`: runs as the folders of CodeRL's
//! released code, and back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use backends::coderl_tree::{
    BASELINE_SOLUTIONS, CRITIC_SCORES as PICKLE, GEN_SOLUTIONS, TreeScores, TreeSolution, cause_of,
    problem_files, read_scores, read_solutions, write_scores, write_solutions,
};
use harness::candidate::{Candidate, CandidateId, Code, Provenance};
use harness::execution::Limits;
use harness::judge::{JudgeOptions, WhichTests};
use harness::problem::{Dataset, Problem, ProblemId};
use harness::store::{
    CRITIC_SCORES, DatasetRecord, GenerationRecord, JudgingRecord, Manifest, ProblemSummary,
    RunDirectory, write_records,
};
use harness::training::{CriticScore, Origin, pool, softmax};
use harness::verdict::{Cause, Grader, Judgement, Verdict};

use crate::arguments::{Export, ExportTree, Import, ImportTree};
use crate::commands::sample::BASELINE;
use crate::console::counted;
use crate::context::Context;
use crate::exit::{Exit, data};
use crate::train::{JudgedRun, critic_scores};

/// Positions of a program in the released scores, and what stands for no token there.
const N_POSITIONS: usize = 512;
const PADDING: i64 = -100;

/// Who judged what the folders hold.
const JUDGED_THERE: &str = "recorded by salesforce/CodeRL";

pub(crate) fn export(context: &Context, command: &Export) -> Result<Exit> {
    let Export::CoderlTree(arguments) = command;
    export_tree(context, arguments)
}

pub(crate) fn import(context: &Context, command: &Import) -> Result<Exit> {
    let Import::CoderlTree(arguments) = command;
    import_tree(context, arguments)
}

fn export_tree(context: &Context, arguments: &ExportTree) -> Result<Exit> {
    let dataset = arguments.dataset.as_deref();
    let run = JudgedRun::open(context, &arguments.run, dataset)?;
    let beside = arguments.run.join(BASELINE);
    let baseline = match beside.join("manifest.json").is_file() {
        true => Some(JudgedRun::open(context, &beside, dataset)?),
        false => None,
    };
    let scores = critic_scores(&arguments.run)?;
    let mut n_unjudged = 0;
    let mut n_without_scores = 0;
    for problem in &run.problems {
        let folder = arguments.out.join(folder_of(&problem.id)?);
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create directory `{}`", folder.display()))?;
        for (name, content) in problem_files(problem) {
            write(&folder.join(name), content.as_bytes())?;
        }
        let (solutions, ids) = solutions(&run, problem, &mut n_unjudged);
        write(&folder.join(GEN_SOLUTIONS), &write_solutions(&solutions))?;
        if let Some(baseline) = &baseline {
            let (greedy, _) = self::solutions(baseline, problem, &mut n_unjudged);
            write(&folder.join(BASELINE_SOLUTIONS), &write_solutions(&greedy))?;
        }
        let of_problem = scores.as_ref().and_then(|scores| {
            let found = ids
                .iter()
                .map(|id| scores.get(&(id.clone(), Origin::Sampled)));
            tree_scores(&solutions, found.collect::<Option<Vec<_>>>()?)
        });
        match of_problem {
            Some(scores) => {
                let bytes = write_scores(&scores).map_err(data)?;
                write(&folder.join(PICKLE), &bytes)?;
            }
            None => n_without_scores += 1,
        }
    }
    let console = &context.console;
    if n_unjudged > 0 {
        let n = counted(n_unjudged, "program");
        console.note(format_args!("note: {n} left out that could not be judged"));
    }
    if n_without_scores > 0 && scores.is_some() {
        console.note(format_args!(
            "note: {} without `{PICKLE}`: it needs the critic's scores of all programs, with the \
             tokens of the prompt and at most {N_POSITIONS} tokens of program",
            counted(n_without_scores, "problem")
        ));
    }
    let n = counted(run.problems.len(), "folder");
    console.note(format_args!("{n} in `{}`", arguments.out.display()));
    Ok(Exit::Done)
}

/// The judged programs of a problem.
fn solutions(
    run: &JudgedRun,
    problem: &Problem,
    n_unjudged: &mut usize,
) -> (Vec<TreeSolution>, Vec<CandidateId>) {
    let mut found = (Vec::new(), Vec::new());
    for candidate in &run.candidates {
        if candidate.id.problem != problem.id {
            continue;
        }
        match run.judgement(&candidate.id) {
            Some(Judgement::Judged { outcome, cause, .. }) => {
                let code = candidate.program(problem);
                found
                    .0
                    .push(TreeSolution::new(code, *outcome, cause.as_ref()));
                found.1.push(candidate.id.clone());
            }
            _ => *n_unjudged += 1,
        }
    }
    found
}

/// Scores as CodeRL has them: every program at the same length. Logits of padding repeat those
/// of the end: ours know no padding, and the released predictions pool over it.
fn tree_scores(solutions: &[TreeSolution], scores: Vec<&CriticScore>) -> Option<TreeScores> {
    let mut tree = TreeScores::default();
    for (solution, score) in solutions.iter().zip(scores) {
        let last = score.logits.last()?;
        if score.logits.len() > N_POSITIONS || last.len() != 4 {
            return None;
        }
        let mut code: Vec<i64> = score.token_ids.iter().map(|id| i64::from(*id)).collect();
        code.resize(N_POSITIONS, PADDING);
        let mut logits = score.logits.clone();
        logits.resize(N_POSITIONS, last.clone());
        let prompt = score.prompt_ids.as_ref()?;
        tree.code.push(code);
        tree.prompt
            .push(prompt.iter().map(|id| i64::from(*id)).collect());
        tree.true_classes.push(solution.outcome.class());
        tree.predicted.push(score.predicted);
        tree.logits.push(logits);
    }
    (!tree.code.is_empty()).then_some(tree)
}

/// `train/0001` for `apps/train/0001`.
fn folder_of(id: &ProblemId) -> Result<PathBuf> {
    let parts: Vec<&str> = id.as_str().split('/').collect();
    let is_plain = |part: &&str| !part.is_empty() && **part != *"." && **part != *"..";
    if !parts.iter().all(is_plain) || id.as_str().contains('\\') {
        return Err(data(format!(
            "problem `{id}` has a name that is no folder's"
        )));
    }
    let skipped = usize::from(parts.len() > 1);
    Ok(parts[skipped..].iter().collect())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = path.with_extension("tmp");
    fs::write(&beside, bytes)
        .and_then(|()| fs::rename(&beside, path))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

fn import_tree(context: &Context, arguments: &ImportTree) -> Result<Exit> {
    let name = match &arguments.dataset {
        Some(name) => name.clone(),
        None => arguments.tree.display().to_string(),
    };
    let dataset = context.open_dataset(&name)?;
    let folders = folders(&arguments.tree, &dataset)?;
    if folders.is_empty() {
        return Err(data(format!(
            "no folder of `{}` holds `{GEN_SOLUTIONS}` and is a problem of `{name}`",
            arguments.tree.display()
        )));
    }
    let mut samples = Recorded::default();
    let mut greedy = Recorded::default();
    let mut scores = Vec::new();
    for (problem, folder) in &folders {
        let solutions = read_solutions(&folder.join(GEN_SOLUTIONS))?;
        let pickle = folder.join(PICKLE);
        if pickle.is_file() {
            scores.extend(critic_scores_of(problem, &pickle, &solutions)?);
        }
        samples.add(problem, &arguments.tree, solutions);
        let baseline = folder.join(BASELINE_SOLUTIONS);
        if baseline.is_file() {
            let first = read_solutions(&baseline)?.into_iter().take(1).collect();
            greedy.add(problem, &arguments.tree, first);
        }
    }
    let n = (
        samples.candidates.len(),
        greedy.candidates.len(),
        scores.len(),
    );
    let problems: Vec<&Problem> = folders.iter().map(|(problem, _)| *problem).collect();
    samples.store(&arguments.out, arguments.fresh, &name, &dataset, &problems)?;
    if !greedy.candidates.is_empty() {
        let out = arguments.out.join(BASELINE);
        greedy.store(&out, arguments.fresh, &name, &dataset, &problems)?;
    }
    if !scores.is_empty() {
        write_records(&arguments.out.join(CRITIC_SCORES), scores)?;
    }
    context.console.note(format_args!(
        "{}, {} and {} for {} in `{}`",
        counted(n.0, "program"),
        counted(n.1, "greedy program"),
        counted(n.2, "score"),
        counted(problems.len(), "problem"),
        arguments.out.display()
    ));
    Ok(Exit::Done)
}

/// Folders with samples and the problems that they are of, by the name of the folder.
fn folders<'a>(tree: &Path, dataset: &'a Dataset) -> Result<Vec<(&'a Problem, PathBuf)>> {
    let mut by_name: BTreeMap<&str, &Problem> = BTreeMap::new();
    for problem in &dataset.problems {
        let name = problem.id.as_str().rsplit('/').next().unwrap_or_default();
        by_name.insert(name, problem);
    }
    let mut found = Vec::new();
    let entries =
        fs::read_dir(tree).map_err(|error| data(format!("`{}`: {error}", tree.display())))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let folder = entry.path();
        if let Some(problem) = by_name.get(name.as_str())
            && folder.join(GEN_SOLUTIONS).is_file()
        {
            found.push((*problem, folder));
        }
    }
    found.sort_by(|a, b| a.0.id.cmp(&b.0.id));
    Ok(found)
}

/// The scores without their padding, but with predictions that were made over it.
fn critic_scores_of(
    problem: &Problem,
    path: &Path,
    solutions: &[TreeSolution],
) -> Result<Vec<CriticScore>> {
    let tree = read_scores(path)?;
    let classes: Vec<usize> = solutions.iter().map(|s| s.outcome.class()).collect();
    if classes != tree.true_classes {
        return Err(data(format!(
            "`{}` is not about the programs of `{GEN_SOLUTIONS}` beside it: key `gt_error_type` \
             says otherwise",
            path.display()
        )));
    }
    let ids = |row: &[i64]| -> Vec<u32> {
        row.iter()
            .filter_map(|id| u32::try_from(*id).ok())
            .collect()
    };
    let mut scores = Vec::new();
    for (index, code) in tree.code.iter().enumerate() {
        let n_tokens = code.iter().position(|id| *id < 0).unwrap_or(code.len());
        let logits = &tree.logits[index];
        scores.push(CriticScore {
            id: candidate_id(problem, index),
            origin: Origin::Sampled,
            token_ids: ids(&code[..n_tokens]),
            token_texts: Vec::new(),
            prompt_ids: Some(ids(&tree.prompt[index])),
            logits: logits[..n_tokens].to_vec(),
            predicted: tree.predicted[index],
            probabilities: softmax(&pool(logits)),
        });
    }
    Ok(scores)
}

fn candidate_id(problem: &Problem, index: usize) -> CandidateId {
    CandidateId {
        problem: problem.id.clone(),
        index: u32::try_from(index).unwrap_or(u32::MAX),
    }
}

/// Programs with the outcomes on record.
#[derive(Default)]
struct Recorded {
    candidates: Vec<Candidate>,
    verdicts: Vec<Verdict>,
}

impl Recorded {
    fn add(&mut self, problem: &Problem, tree: &Path, solutions: Vec<TreeSolution>) {
        for (index, solution) in solutions.into_iter().enumerate() {
            let cause = cause_of(&solution);
            debug_assert_eq!(
                cause.as_ref().map_or(solution.outcome, Cause::outcome),
                solution.outcome
            );
            self.verdicts.push(Verdict {
                candidate: candidate_id(problem, index),
                grader: Grader::Apps2021,
                judgement: Judgement::Judged {
                    outcome: solution.outcome,
                    cause,
                    tests: Vec::new(),
                    n_tests: u32::try_from(problem.tests.n_hidden()).unwrap_or(u32::MAX),
                },
                fuel: 0,
            });
            self.candidates.push(Candidate {
                id: candidate_id(problem, index),
                code: Code::Program(solution.code),
                provenance: Provenance {
                    backend: "coderl-tree".to_owned(),
                    source: Some(tree.display().to_string()),
                    ..Provenance::default()
                },
            });
        }
    }

    fn store(
        self,
        out: &Path,
        fresh: bool,
        name: &str,
        dataset: &Dataset,
        problems: &[&Problem],
    ) -> Result<()> {
        let record = DatasetRecord {
            name: dataset.name.clone(),
            path: Some(name.to_owned()),
            sha256: dataset.sha256.clone(),
            n_problems: dataset.problems.len(),
            n_skipped: dataset.skipped.len(),
            n_selected: problems.len(),
            selection: Default::default(),
            excluded: None,
        };
        let mut manifest = Manifest::new(env!("CARGO_PKG_VERSION"), BTreeMap::new(), record);
        manifest.generation = Some(GenerationRecord {
            backend: "coderl-tree".to_owned(),
            sources: Vec::new(),
            n_samples: None,
            seed: 0,
            temperature: None,
            top_p: None,
            model: None,
            strategy: None,
        });
        manifest.judging = Some(JudgingRecord {
            graders: vec![Grader::Apps2021],
            limits: Limits::default(),
            options: JudgeOptions::default(),
            guest: JUDGED_THERE.to_owned(),
            guest_with_packages: None,
            judge: JUDGED_THERE.to_owned(),
        });
        let directory = match fresh {
            true => RunDirectory::start_over(out, manifest)?,
            false => RunDirectory::create_or_resume(out, manifest)?,
        };
        let summaries: Vec<_> = problems.iter().map(|p| ProblemSummary::from(*p)).collect();
        let mut log = directory.problems()?;
        log.append_all(&summaries)?;
        log.finish()?;
        let mut log = directory.skipped()?;
        log.append_all(&dataset.skipped)?;
        log.finish()?;
        directory.check_candidates(&self.candidates)?;
        let mut log = directory.candidates()?;
        log.append_all(&self.candidates)?;
        log.finish()?;
        let mut log = directory.verdicts(WhichTests::Hidden)?;
        log.append_all(&self.verdicts)?;
        Ok(log.finish()?)
    }
}
