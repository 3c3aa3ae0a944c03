//! The executor: an engine, the compiled guest, and fresh instances of it.

use std::fs;
use std::path::{Path, PathBuf};

use harness::contract::{Executor, PluginError, Session};
use harness::execution::{Grants, Limits};
use sha2::{Digest, Sha256};
use wasmtime::component::Linker;
use wasmtime::{Engine, Store};
use wasmtime_wasi::{Deterministic, WasiCtx};

use crate::error::SandboxError;
use crate::guest::{Guest, Perform};
use crate::limiter::MemoryLimiter;
use crate::numpy_guest::{Installation, NumpySandbox, Reactor};
use crate::session::GuestSession;
use crate::state::{self, State};
use crate::stdio::{Input, Output, Overflow};
use crate::{cache, clock, engine, grants, link};

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
    guest: Guest,
    fingerprint: String,
    numpy: Option<Box<NumpySandbox>>,
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
        let path = &options.guest;
        let wasm = fs::read(path).map_err(|source| SandboxError::Guest {
            path: path.clone(),
            source,
        })?;
        let engine = engine::engine(options.max_concurrent.max(1)).map_err(SandboxError::Engine)?;
        let component =
            cache::component(&engine, path, &wasm, &options.cache_dir, &mut on_compile)?;
        let mismatch = |source| SandboxError::Mismatch {
            path: path.clone(),
            source,
        };
        let perform = component
            .get_export_index(None, "perform")
            .ok_or_else(|| mismatch(wasmtime::format_err!("no export `perform`")))?;
        let instances = linker(&engine)
            .map_err(SandboxError::Engine)?
            .instantiate_pre(&component)
            .map_err(mismatch)?;
        Ok(Self {
            engine,
            guest: Guest::Component { instances, perform },
            numpy: None,
            fingerprint: format!(
                "{} linked-{} wasmtime-{}",
                &cache::hex(&Sha256::digest(&wasm))[..32],
                link::REVISION,
                engine::WASMTIME_VERSION
            ),
        })
    }

    /// With a second guest for programs that import numpy and the like.
    #[must_use]
    pub fn with_numpy(mut self, numpy: Option<NumpySandbox>) -> Self {
        self.numpy = numpy.map(Box::new);
        self
    }

    /// The same for the second guest.
    pub(crate) fn numpy(
        installation: &Installation,
        fingerprint: &str,
        cache_dir: &Path,
        max_concurrent: u32,
        on_compile: &dyn Fn(),
    ) -> Result<Self, SandboxError> {
        let engine = engine::engine(max_concurrent.max(1)).map_err(SandboxError::Engine)?;
        let reactor = Reactor::load(&engine, installation, cache_dir, on_compile)?;
        Ok(Self {
            engine,
            guest: Guest::Numpy(reactor),
            numpy: None,
            fingerprint: fingerprint.to_owned(),
        })
    }
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

    fn with_packages(&self) -> Option<&dyn Executor> {
        let numpy = self.numpy.as_deref()?;
        Some(numpy)
    }

    fn session(
        &self,
        limits: &Limits,
        grants: &Grants,
    ) -> Result<Box<dyn Session + '_>, PluginError> {
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
        Ok(Box::new(GuestSession {
            store,
            perform,
            limits: limits.clone(),
            stdin,
            stdout,
            stderr,
            _scratch: scratch,
            ended: false,
        }))
    }
}

impl Sandbox {
    fn start(&self, store: &mut Store<State>) -> wasmtime::Result<Perform> {
        store.set_fuel(START_FUEL)?;
        let perform = crate::session::ready(self.guest.start(store))?;
        store.fuel_async_yield_interval(Some(engine::FUEL_BETWEEN_CLOCK_CHECKS))?;
        Ok(perform)
    }
}
