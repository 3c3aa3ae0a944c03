//! The executor: an engine, the compiled guest, and fresh instances of it.

use std::path::{Path, PathBuf};

use harness::contract::{Executor, PluginError, Session};
use harness::execution::{Grants, Limits};
use serde::{Deserialize, Serialize};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{Deterministic, WasiCtx};

use crate::cache::{self, Source};
use crate::error::SandboxError;
use crate::form::{Form, Loaded, Perform};
use crate::guest::{self, Guest};
use crate::limiter::MemoryLimiter;
use crate::numpy_guest::Installation;
use crate::session::GuestSession;
use crate::state::State;
use crate::stdio::{Input, Output, Overflow};
use crate::{engine, grants, link};

/// Fuel for what runs before the first step. An idle guest is a snapshot and needs little.
const START_FUEL: u64 = 1 << 30;

/// Where random numbers come from, for programs that ask the system for them.
pub(crate) const RANDOM_BYTES: &[u8] = b"the same in every session of a deterministic guest";

/// How to make a [`Sandbox`].
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// The component that `make guest` builds.
    pub guest: PathBuf,
    /// Where compiled guests are kept between runs: `~/.cache/coderl`.
    pub cache_dir: PathBuf,
    /// Sessions that may exist at the same time; one more is refused. Each reserves address
    /// space, not memory.
    pub max_concurrent: u32,
}

/// Runs Python programs, each in a fresh instance of the same guest.
///
/// A guest has no environment, no network, no files and no clock but a virtual one; what
/// [`Grants`] add is written there. See the head of this crate for what is covered.
pub struct Sandbox {
    engine: Engine,
    guest: Loaded,
    fingerprint: String,
}

impl Sandbox {
    /// Reads the guest and its machine code from the cache, compiling it where needed.
    /// That takes about ten seconds, once for each guest and version; `on_compile` is
    /// called before, so that a person can be told.
    ///
    /// # Errors
    /// When the guest is missing or not a guest, or the cache cannot be written.
    pub fn new(
        options: &SandboxOptions,
        mut on_compile: impl FnMut(),
    ) -> Result<Self, SandboxError> {
        let prepared = prepare(options, &mut on_compile)?;
        Self::load(prepared, options.max_concurrent)
    }

    /// The same on the guest with numpy and other packages, which is large: loading it takes
    /// half a second, compiling it a minute or two. It cannot be granted files.
    ///
    /// # Errors
    /// When the guest is not installed or broken, or the cache cannot be written.
    pub fn numpy(
        installation: &Installation,
        cache_dir: &Path,
        max_concurrent: u32,
        mut on_compile: impl FnMut(),
    ) -> Result<Self, SandboxError> {
        let prepared = prepare_numpy(installation, cache_dir, &mut on_compile)?;
        Self::load(prepared, max_concurrent)
    }

    /// A sandbox on what [`prepare`] found or made.
    pub(crate) fn load(prepared: Prepared, max_concurrent: u32) -> Result<Self, SandboxError> {
        let engine = engine::engine(max_concurrent.max(1)).map_err(SandboxError::Engine)?;
        let guest = Loaded::from_file(&engine, &prepared.machine_code, prepared.form);
        Ok(Self {
            guest: guest.map_err(|source| SandboxError::Mismatch {
                path: prepared.machine_code,
                source,
            })?,
            engine,
            fingerprint: prepared.fingerprint,
        })
    }
}

/// A guest that is ready to be loaded.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Prepared {
    pub(crate) machine_code: PathBuf,
    pub(crate) form: Form,
    pub(crate) fingerprint: String,
}

/// Compiles the guest if the cache lacks it.
pub(crate) fn prepare(
    options: &SandboxOptions,
    on_compile: &mut dyn FnMut(),
) -> Result<Prepared, SandboxError> {
    let source = Source::read(&options.guest)?;
    let fingerprint = fingerprint(&source);
    let form = Form::Component;
    prepare_source(&source, form, fingerprint, &options.cache_dir, on_compile)
}

/// The same for the guest with numpy.
pub(crate) fn prepare_numpy(
    installation: &Installation,
    cache_dir: &Path,
    on_compile: &mut dyn FnMut(),
) -> Result<Prepared, SandboxError> {
    let module = installation.module();
    let source = Source::named(&module, installation.name());
    let form = Form::Numpy {
        library: absolute(&installation.library())?,
    };
    let fingerprint = installation.fingerprint();
    prepare_source(&source, form, fingerprint, cache_dir, on_compile)
}

fn prepare_source(
    source: &Source<'_>,
    form: Form,
    fingerprint: String,
    cache_dir: &Path,
    on_compile: &mut dyn FnMut(),
) -> Result<Prepared, SandboxError> {
    let engine = engine::engine(1).map_err(SandboxError::Engine)?;
    let file = cache::machine_code(&engine, source, &form, cache_dir, on_compile)?;
    Ok(Prepared {
        machine_code: absolute(&file)?,
        form,
        fingerprint,
    })
}

/// Workers have another current directory.
fn absolute(path: &Path) -> Result<PathBuf, SandboxError> {
    std::path::absolute(path).map_err(|source| SandboxError::Cache {
        path: path.to_owned(),
        source,
    })
}

fn fingerprint(source: &Source<'_>) -> String {
    format!(
        "{} linked-{} wasmtime-{}",
        &cache::hex(&source.digest)[..32],
        link::REVISION,
        engine::WASMTIME_VERSION
    )
}

impl Executor for Sandbox {
    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn session(
        &self,
        limits: &Limits,
        grants: &Grants,
    ) -> Result<Box<dyn Session + '_>, PluginError> {
        let guest = self.guest(limits, grants)?;
        Ok(Box::new(GuestSession::new(guest, limits)))
    }
}

impl Sandbox {
    /// A fresh guest.
    pub(crate) fn guest(&self, limits: &Limits, grants: &Grants) -> Result<Guest, SandboxError> {
        // The C library of that guest looked for its directories while the snapshot was made.
        if matches!(self.guest, Loaded::Numpy(_)) && *grants != Grants::default() {
            return Err(SandboxError::NoGrants);
        }
        let length = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
        let stdin = Input::default();
        let stdout = Output::new(length(limits.output_bytes), Overflow::Trap);
        let stderr = Output::new(length(limits.output_bytes), Overflow::Cut);
        let mut wasi = WasiCtx::builder();
        // Everything that is not named here is denied.
        wasi.stdin(stdin.clone())
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .allow_blocking_current_thread(true)
            .secure_random(Deterministic::new(RANDOM_BYTES.to_vec()))
            .insecure_random(Deterministic::new(RANDOM_BYTES.to_vec()))
            .insecure_random_seed(0);
        self.guest.grant(&mut wasi).map_err(SandboxError::Start)?;
        let scratch = grants::open(grants, &mut wasi)?;

        let own_memory = self.guest.own_memory_bytes();
        let memory = MemoryLimiter::new(limits.memory_bytes.saturating_add(own_memory));
        let mut store = Store::new(&self.engine, State::new(wasi.build_p1(), memory));
        store.limiter(|state| &mut state.memory);
        let perform = self.start(&mut store).map_err(|error| {
            if store.data_mut().memory.take_refused() {
                SandboxError::MemoryLimit {
                    limit: limits.memory_bytes,
                }
            } else {
                SandboxError::Start(error)
            }
        })?;
        Ok(Guest {
            store,
            perform,
            limits: limits.clone(),
            stdin,
            stdout,
            stderr,
            _scratch: scratch,
        })
    }

    fn start(&self, store: &mut Store<State>) -> wasmtime::Result<Perform> {
        store.set_fuel(START_FUEL)?;
        let perform = guest::ready(self.guest.start(store))?;
        store.fuel_async_yield_interval(Some(engine::FUEL_BETWEEN_CLOCK_CHECKS))?;
        Ok(perform)
    }
}
