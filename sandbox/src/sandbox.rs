//! The executor: an engine, the compiled guest, and fresh instances of it.

use std::path::PathBuf;

use harness::contract::{Executor, PluginError, Session};
use harness::execution::{Grants, Limits};
use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentExportIndex, InstancePre, Linker};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{Deterministic, WasiCtx};

use crate::cache::{self, Source};
use crate::error::SandboxError;
use crate::guest::{self, Guest, Perform};
use crate::limiter::MemoryLimiter;
use crate::session::GuestSession;
use crate::state::{self, State};
use crate::stdio::{Input, Output, Overflow};
use crate::{clock, engine, grants, link, precompiled};

/// Fuel for what runs before the first step. An idle guest is a snapshot and needs little.
const START_FUEL: u64 = 1 << 30;

/// Where random numbers come from, for programs that ask the system for them.
const RANDOM_BYTES: &[u8] = b"the same in every session of a deterministic guest";

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
    instances: InstancePre<State>,
    perform: ComponentExportIndex,
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

    /// A sandbox on what [`prepare`] found or made.
    pub(crate) fn load(prepared: Prepared, max_concurrent: u32) -> Result<Self, SandboxError> {
        let engine = engine::engine(max_concurrent.max(1)).map_err(SandboxError::Engine)?;
        let file = prepared.machine_code.as_path();
        let mismatch = |source| SandboxError::Mismatch {
            path: file.to_owned(),
            source,
        };
        let component = precompiled::load(&engine, file).map_err(mismatch)?;
        let perform = component
            .get_export_index(None, "perform")
            .ok_or_else(|| mismatch(wasmtime::format_err!("no export `perform`")))?;
        let instances = linker(&engine)
            .map_err(SandboxError::Engine)?
            .instantiate_pre(&component)
            .map_err(mismatch)?;
        Ok(Self {
            engine,
            instances,
            perform,
            fingerprint: prepared.fingerprint,
        })
    }
}

/// A guest that is ready to be loaded.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Prepared {
    pub(crate) machine_code: PathBuf,
    pub(crate) fingerprint: String,
}

/// Compiles the guest if the cache lacks it.
pub(crate) fn prepare(
    options: &SandboxOptions,
    on_compile: &mut dyn FnMut(),
) -> Result<Prepared, SandboxError> {
    let source = Source::read(&options.guest)?;
    let engine = engine::engine(1).map_err(SandboxError::Engine)?;
    Ok(Prepared {
        machine_code: cache::machine_code(&engine, &source, &options.cache_dir, on_compile)?,
        fingerprint: fingerprint(&source),
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

fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    // The asynchronous functions run on the guest's own stack and are always ready at once,
    // while the synchronous ones would enter a Tokio runtime for each call.
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    linker.allow_shadowing(true);
    clock::add_to_linker(&mut linker)?;
    state::add_to_linker(&mut linker)?;
    Ok(linker)
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
        let scratch = grants::open(grants, &mut wasi)?;

        let memory = MemoryLimiter::new(limits.memory_bytes);
        let mut store = Store::new(&self.engine, State::new(wasi.build(), memory));
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
        let instance = guest::ready(self.instances.instantiate_async(&mut *store))?;
        let perform = instance.get_typed_func(&mut *store, self.perform)?;
        store.fuel_async_yield_interval(Some(engine::FUEL_BETWEEN_CLOCK_CHECKS))?;
        Ok(perform)
    }
}
