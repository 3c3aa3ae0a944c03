//! Fetching named datasets from the Hugging Face Hub into its cache.
//!
//! Requests go through `hf-hub`. That crate starts an interrupted download from the
//! beginning and does not know `HF_HUB_OFFLINE`, so both are done here: a file grows under
//! its commit and name until it has its size, and only then appears in the snapshot. Files
//! lie in snapshots as they are, without `blobs`, as the Hub's tools do where there are no
//! symbolic links; they read such a cache, and take up files from it.

mod download;

use std::fs;
use std::path::PathBuf;

use futures_util::TryStreamExt;
use hf_hub::HFClient;
use hf_hub::repository::RepoTreeEntry;

use crate::catalog::{HubSource, Known, known, known_names};
use crate::error::Error;
use crate::hub::HubSettings;
use crate::opening::hub_snapshot;
use crate::reading::sha256_of_file;
use crate::record::{FORMAT_VERSION, FetchedFile, Record};

/// What is going on, for a progress display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchProgress {
    /// Path in the repository.
    pub file: String,
    /// From 0.
    pub file_index: usize,
    pub n_files: usize,
    pub bytes_done: u64,
    pub bytes_total: u64,
}

/// A dataset that is at hand now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Folder of the files.
    pub snapshot: PathBuf,
    /// Where the record was written.
    pub record_path: PathBuf,
    pub record: Record,
    /// Bytes that this call transferred.
    pub bytes_transferred: u64,
}

/// Fetches the dataset `name`, as far as it is not in the cache already, and records what
/// it consists of. An interrupted call is taken up by the next one.
///
/// # Errors
/// Names that are not on the Hub, no access, no network, no room, and, where
/// [`HubSettings::offline`] is set, a cache without the dataset.
///
/// # Panics
/// Within an asynchronous runtime: it starts its own.
pub fn fetch(
    name: &str,
    settings: &HubSettings,
    progress: &mut dyn FnMut(&FetchProgress),
) -> Result<Fetched, Error> {
    let known = known(name).ok_or_else(|| Error::UnknownName {
        name: name.to_owned(),
    })?;
    let source = known.hub.as_ref().ok_or_else(|| Error::NothingToFetch {
        name: name.to_owned(),
    })?;
    if settings.offline {
        return from_cache(known, source, settings);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| hub_error(source, "nothing", hf_hub::HFError::Io(error)))?;
    runtime.block_on(from_hub(known, source, settings, progress))
}

/// The names that [`fetch`] takes.
pub fn fetchable_names() -> String {
    known_names(|known| known.hub.is_some())
}

fn from_cache(known: &Known, source: &HubSource, settings: &HubSettings) -> Result<Fetched, Error> {
    let (snapshot, paths) =
        hub_snapshot(&settings.cache_dir, known.name, source).map_err(|missing| {
            Error::Offline {
                name: known.name.to_owned(),
                missing,
            }
        })?;
    let mut files = Vec::new();
    for path in &paths {
        let size = fs::metadata(path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let relative = path.strip_prefix(&snapshot).unwrap_or(path);
        files.push(FetchedFile {
            path: relative.to_string_lossy().into_owned(),
            bytes: size.len(),
            sha256: sha256_of_file(path)?,
        });
    }
    let commit = snapshot
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    finished(known, source, settings, commit, files, 0)
}

async fn from_hub(
    known: &Known,
    source: &HubSource,
    settings: &HubSettings,
    progress: &mut dyn FnMut(&FetchProgress),
) -> Result<Fetched, Error> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error| hub_error(source, &what, error)
    };
    let mut builder = HFClient::builder().cache_dir(&settings.cache_dir);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.endpoint(endpoint);
    }
    if let Some(token) = &settings.token {
        builder = builder.token(token);
    }
    let client = builder.build().map_err(failed("the client"))?;
    let (owner, name) = hf_hub::split_id(source.repository);
    let repository = client.dataset(owner, name);
    let info = repository
        .info()
        .send()
        .await
        .map_err(failed("its description"))?;
    let commit = info
        .sha
        .filter(|sha| !sha.is_empty() && sha.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .ok_or_else(|| {
            hub_error(
                source,
                "its description",
                hf_hub::HFError::malformed_response("commit"),
            )
        })?;
    let mut wanted: Vec<(String, u64)> = repository
        .list_tree()
        .revision(commit.clone())
        .recursive(true)
        .send()
        .map_err(failed("its list of files"))?
        .try_filter_map(|entry| async move {
            Ok(match entry {
                RepoTreeEntry::File { path, size, .. } if source.wants(&path) => Some((path, size)),
                _ => None,
            })
        })
        .try_collect()
        .await
        .map_err(failed("its list of files"))?;
    wanted.sort();
    if wanted.len() < source.n_files {
        return Err(Error::HubChanged {
            repository: source.repository.to_owned(),
            n_files: wanted.len(),
            expected: source.n_files,
            folder: source.folder,
            suffix: source.suffix,
        });
    }

    let root = repository_dir(source, settings);
    let snapshot = root.join("snapshots").join(&commit);
    let before = Record::read(&record_path(known, source, settings));
    let mut files = Vec::new();
    let mut bytes_transferred = 0;
    let n_files = wanted.len();
    for (file_index, (path, bytes_total)) in wanted.into_iter().enumerate() {
        let mut report = |bytes_done| {
            progress(&FetchProgress {
                file: path.clone(),
                file_index,
                n_files,
                bytes_done,
                bytes_total,
            });
        };
        let target = snapshot.join(&path);
        let recorded = before
            .as_ref()
            .filter(|record| record.commit == commit)
            .and_then(|record| record.files.iter().find(|file| file.path == path));
        let sha256 = match at_hand(&target, bytes_total, recorded)? {
            Some(sha256) => sha256,
            None => {
                // Whatever is there is not what was fetched.
                download::remove(&target)?;
                let download = download::Download {
                    repository: &repository,
                    source,
                    commit: &commit,
                    path: &path,
                    bytes: bytes_total,
                    partial: root.join("coderl-partial").join(&commit).join(&path),
                    target: &target,
                    max_resumptions: settings.max_resumptions,
                };
                bytes_transferred += download.run(&mut report).await?;
                sha256_of_file(&target)?
            }
        };
        report(bytes_total);
        files.push(FetchedFile {
            path,
            bytes: bytes_total,
            sha256,
        });
    }
    // Only now, so that the snapshot in use is always a whole one.
    download::write(&root.join("refs/main"), commit.as_bytes())?;
    finished(known, source, settings, commit, files, bytes_transferred)
}

/// Digest of a file that is in the cache with the right size, and unchanged since it was
/// recorded.
fn at_hand(
    target: &std::path::Path,
    bytes: u64,
    recorded: Option<&FetchedFile>,
) -> Result<Option<String>, Error> {
    if !fs::metadata(target).is_ok_and(|metadata| metadata.len() == bytes) {
        return Ok(None);
    }
    let sha256 = sha256_of_file(target)?;
    Ok(Some(sha256).filter(|sha256| recorded.is_none_or(|file| file.sha256 == *sha256)))
}

fn finished(
    known: &Known,
    source: &HubSource,
    settings: &HubSettings,
    commit: String,
    files: Vec<FetchedFile>,
    bytes_transferred: u64,
) -> Result<Fetched, Error> {
    let snapshot = repository_dir(source, settings)
        .join("snapshots")
        .join(&commit);
    let record = Record {
        format_version: FORMAT_VERSION,
        dataset: known.name.to_owned(),
        repository: source.repository.to_owned(),
        commit,
        files,
    };
    let record_path = record_path(known, source, settings);
    download::write(&record_path, record.to_json().as_bytes())?;
    Ok(Fetched {
        snapshot,
        record_path,
        record,
        bytes_transferred,
    })
}

fn repository_dir(source: &HubSource, settings: &HubSettings) -> PathBuf {
    settings.cache_dir.join(source.cache_folder())
}

fn record_path(known: &Known, source: &HubSource, settings: &HubSettings) -> PathBuf {
    repository_dir(source, settings).join(Record::file_name(known.name))
}

/// An error of the Hub with what can be done about it.
fn hub_error(source: &HubSource, what: &str, error: hf_hub::HFError) -> Error {
    let hint = match &error {
        hf_hub::HFError::AuthRequired { .. } | hf_hub::HFError::Forbidden { .. } => {
            "; set `HF_TOKEN` to a token that may read it"
        }
        hf_hub::HFError::RepoNotFound { .. } | hf_hub::HFError::EntryNotFound { .. } => {
            "; if `HF_ENDPOINT` names a mirror, it may not have it"
        }
        hf_hub::HFError::Request { .. } => {
            "; check the network and `HF_ENDPOINT`, then run the command again: it goes on where it stopped"
        }
        _ => "",
    };
    Error::Hub {
        repository: source.repository.to_owned(),
        what: what.to_owned(),
        hint,
        source: once(&error).into(),
    }
}

/// An error and its sources on one line, each thing said once: the errors of `hf-hub` and of
/// what it is built on repeat those below them.
fn once(error: &dyn std::error::Error) -> String {
    let chain: Vec<String> = std::iter::successors(Some(error), |error| error.source())
        .map(|error| error.to_string())
        .collect();
    let said_below = |at: usize| {
        let text = chain[at].as_str();
        chain[at + 1..]
            .iter()
            .any(|below| text.contains(below.as_str()))
    };
    let parts: Vec<&str> = (0..chain.len())
        .filter(|&at| !said_below(at))
        .map(|at| chain[at].as_str())
        .collect();
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn nothing_is_said_twice() {
        let check = |texts: &[&'static str], expected: &str| {
            let error = texts
                .iter()
                .rev()
                .fold(None, |source, &text| Some(Box::new(Layer { text, source })));
            assert_eq!(once(&*error.expect("a text")), expected);
        };
        check(&["refused"], "refused");
        check(
            &[
                "request failed: sending to (u) (u)",
                "sending to (u)",
                "connect",
                "refused",
            ],
            "sending to (u): connect: refused",
        );
    }
}
