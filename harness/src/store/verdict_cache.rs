//! Verdicts shared between runs, in SQLite.
//!
//! SQLite because several processes may use the cache at once and any of them may be killed:
//! write-ahead logging serves both, and a file of our own would have to reinvent it. What
//! is lost with a process is the batch it had not committed. The cache is never needed for a
//! correct result, so callers go on without it when it fails.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};

use super::cache_key::CacheKey;
use crate::error::Error;
use crate::verdict::{Judged, Judgement, Unjudged};

/// Another process holds the lock for milliseconds; this is for a stalled disk.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// A batch is committed when it is this large or this old.
const BATCH_LEN: usize = 2000;
const BATCH_AGE: Duration = Duration::from_secs(1);
/// Layout of the table; content is versioned by its keys.
const LAYOUT_VERSION: i64 = 2;

/// Verdicts by [`CacheKey`], shared between threads and processes.
#[derive(Debug)]
pub struct VerdictCache {
    path: PathBuf,
    /// Apart from the writer, so that look-ups do not wait for a commit.
    reader: Mutex<Connection>,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    connection: Connection,
    batch: Vec<(CacheKey, String)>,
    last_commit: Instant,
}

impl VerdictCache {
    /// Opens or makes the cache in `directory`. A database that is not readable as one is
    /// set aside; the second value then says so, for the user to read.
    ///
    /// # Errors
    /// When the directory or the database cannot be written.
    pub fn open(directory: &Path) -> Result<(Self, Option<String>), Error> {
        fs::create_dir_all(directory).map_err(Error::io("create directory", directory))?;
        let path = directory.join("verdicts.sqlite");
        // Two processes must not set the same database aside, the second one a sound one.
        let lock_path = directory.join("verdicts.lock");
        let lock = File::options()
            .create(true)
            .append(true)
            .open(&lock_path)
            .map_err(Error::io("open", &lock_path))?;
        lock.lock().map_err(Error::io("lock", &lock_path))?;
        let mut notice = None;
        let connections = match connect(&path) {
            Err(error) if is_corrupt(&error) => {
                let aside = set_aside(&path)?;
                notice = Some(format!(
                    "the verdict cache `{}` is corrupt ({error}); it was set aside as `{}` and \
                     begun anew",
                    path.display(),
                    aside.display()
                ));
                connect(&path)
            }
            result => result,
        }
        .and_then(|writer| Ok((writer, connect(&path)?)));
        let (writer, reader) = connections.map_err(|source| Error::Cache {
            path: path.clone(),
            source,
        })?;
        let cache = Self {
            path,
            reader: Mutex::new(reader),
            writer: Mutex::new(Writer {
                connection: writer,
                batch: Vec::new(),
                last_commit: Instant::now(),
            }),
        };
        Ok((cache, notice))
    }

    /// What is cached under `key`, this process's uncommitted batch aside.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn get(&self, key: &CacheKey) -> Result<Option<Judged>, Error> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let json: Option<String> = reader
            .prepare_cached("SELECT judged FROM verdict WHERE key = ?1")
            .and_then(|mut statement| {
                statement
                    .query_row(params![key.0], |row| row.get(0))
                    .optional()
            })
            .map_err(|source| self.error(source))?;
        // What cannot be read is judged again and overwritten.
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }

    /// Remembers `judged`, at the latest when the next one is put or the cache is flushed.
    /// Trouble of the infrastructure is not remembered.
    ///
    /// # Errors
    /// When the database cannot be written. What was put before may be lost then.
    pub fn put(&self, key: &CacheKey, judged: &Judged) -> Result<(), Error> {
        if let Judgement::Unjudged {
            reason: Unjudged::Infrastructure { .. },
        } = judged.judgement
        {
            return Ok(());
        }
        let json = serde_json::to_string(judged).expect("a judgement is serialisable");
        let mut writer = self.writer();
        writer.batch.push((*key, json));
        if writer.batch.len() >= BATCH_LEN || writer.last_commit.elapsed() >= BATCH_AGE {
            writer.commit().map_err(|source| self.error(source))?;
        }
        Ok(())
    }

    /// Commits what was put.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn flush(&self) -> Result<(), Error> {
        self.writer().commit().map_err(|source| self.error(source))
    }

    /// Number of verdicts, and bytes of the database with its side files.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn size(&self) -> Result<(u64, u64), Error> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let n_verdicts: i64 = reader
            .query_row("SELECT count(*) FROM verdict", [], |row| row.get(0))
            .map_err(|source| self.error(source))?;
        let bytes = ["", "-wal", "-shm"]
            .iter()
            .filter_map(|suffix| fs::metadata(with_suffix(&self.path, suffix)).ok())
            .map(|metadata| metadata.len())
            .sum();
        Ok((u64::try_from(n_verdicts).unwrap_or_default(), bytes))
    }

    /// Forgets verdicts that were reached before `time` and gives their space back; their
    /// number. Other processes may use the cache meanwhile.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget_before(&self, time: SystemTime) -> Result<usize, Error> {
        let mut writer = self.writer();
        writer
            .commit()
            .and_then(|()| {
                let connection = &writer.connection;
                let n =
                    connection.execute("DELETE FROM verdict WHERE stored < ?1", [seconds(time)])?;
                connection.execute_batch("VACUUM")?;
                // Answers with counts, of which nobody needs any.
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
                Ok(n)
            })
            .map_err(|source| self.error(source))
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, source: rusqlite::Error) -> Error {
        Error::Cache {
            path: self.path.clone(),
            source,
        }
    }
}

impl Drop for VerdictCache {
    fn drop(&mut self) {
        // There is nobody left to tell, and nothing but time is lost.
        let _ = self.flush();
    }
}

impl Writer {
    fn commit(&mut self) -> rusqlite::Result<()> {
        self.last_commit = Instant::now();
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let now = seconds(SystemTime::now());
        // Immediate: waiting for the lock works only while nothing has been read.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for (key, json) in &batch {
                insert.execute(params![key.0, json, now])?;
            }
        }
        transaction.commit()
    }
}

const INSERT: &str = "INSERT OR REPLACE INTO verdict (key, judged, stored) VALUES (?1, ?2, ?3)";

/// Seconds since 1970.
fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Answers with the mode in force; file systems without shared memory keep another.
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // A loss of power may lose the last commits, but not the database.
    connection.pragma_update(None, "synchronous", "normal")?;
    // Keys are random, so a commit touches many pages; gather more of them before they are
    // copied into the database.
    connection.pragma_update(None, "wal_autocheckpoint", 8000)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version != LAYOUT_VERSION {
        let change = match version {
            // Version 1 had no times; what it holds counts as of now.
            1 => format!(
                "ALTER TABLE verdict ADD COLUMN stored INTEGER NOT NULL DEFAULT {};",
                seconds(SystemTime::now())
            ),
            _ => "DROP TABLE IF EXISTS verdict;
                  CREATE TABLE verdict (key BLOB PRIMARY KEY, judged TEXT NOT NULL,
                                        stored INTEGER NOT NULL);"
                .to_owned(),
        };
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {change} PRAGMA user_version = {LAYOUT_VERSION}; COMMIT;"
        ))?;
    }
    // Fails here rather than in the middle of a run if the table is not ours.
    connection.prepare_cached("SELECT judged, stored FROM verdict WHERE key = ?1")?;
    Ok(connection)
}

fn is_corrupt(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        // `Unknown` is SQLite's plain error: there is no such table or column.
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown)
    )
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Renames the database and its side files.
fn set_aside(path: &Path) -> Result<PathBuf, Error> {
    let named = |suffix: &str| with_suffix(path, suffix);
    let aside = (1..)
        .map(|number| named(&format!(".corrupt-{number}")))
        .find(|aside| !aside.exists())
        .expect("some number is free");
    fs::rename(path, &aside).map_err(Error::io("rename", path))?;
    for suffix in ["-wal", "-shm"] {
        let side = named(suffix);
        match fs::remove_file(&side) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", side)(error));
            }
            _ => {}
        }
    }
    Ok(aside)
}
