//! The module's exports and its one import that is not WASI.
//!
//! `turn(address, length)` hands a byte string to the driver, which performs it as a step.
//! `host.call(address, length, …)` is how the guest reaches us: a frame starts with a byte
//! that tells what it is. The program under test can call it too if it looks for it, but the
//! last report of a turn counts, and that is the driver's.

use std::path::{Path, PathBuf};

use wasmtime::error::Context as _;
use wasmtime::{
    AsContextMut, Caller, Engine, Extern, ExternType, InstancePre, Linker, Memory, Result, Store,
    TypedFunc, bail, format_err,
};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::error::SandboxError;
use crate::numpy_guest::{Installation, code, wasi};
use crate::state::State;

/// Where the guest finds its standard library and the packages that are not imported yet.
const LIBRARY_IN_GUEST: &str = "/usr/local/lib";

/// Frames of the guest: a report, the name of something missing.
const REPORT: u8 = b'>';
const UNSUPPORTED: u8 = b'?';

/// Results of `host.call` as the module defines them.
const DONE: i32 = 0;
const REFUSED: i32 = -2;

/// A compiled module whose sessions start in the state of its snapshot.
pub(crate) struct Reactor {
    instances: InstancePre<State>,
    /// The folder with the zip of the library.
    library: PathBuf,
    /// Linear memory of an idle guest.
    pub(crate) memory_bytes: u64,
}

impl Reactor {
    /// Reads the machine code of an installed guest, compiling it where needed.
    pub(crate) fn load(
        engine: &Engine,
        installation: &Installation,
        cache_dir: &Path,
        on_compile: &dyn Fn(),
    ) -> Result<Self, SandboxError> {
        let path = installation.module();
        let name = installation.fingerprint();
        let module = code::module(engine, &path, name, cache_dir, on_compile)?;
        let mismatch = |source| SandboxError::Mismatch { path, source };
        let memory_bytes = match module.get_export("memory") {
            Some(ExternType::Memory(memory)) => memory.minimum() * memory.page_size(),
            _ => return Err(mismatch(format_err!("no export `memory`"))),
        };
        let instances = linker(engine)
            .map_err(SandboxError::Engine)?
            .instantiate_pre(&module)
            .map_err(mismatch)?;
        Ok(Self {
            instances,
            library: installation.library(),
            memory_bytes,
        })
    }

    pub(crate) fn grant_library(&self, wasi: &mut WasiCtxBuilder) -> Result<()> {
        grant_library(&self.library, wasi)
    }

    pub(crate) async fn start(&self, store: &mut Store<State>) -> Result<Turn> {
        let instance = self.instances.instantiate_async(&mut *store).await?;
        Turn::new(&instance, store)
    }
}

pub(super) fn grant_library(library: &Path, wasi: &mut WasiCtxBuilder) -> Result<()> {
    wasi.preopened_dir(library, LIBRARY_IN_GUEST, FsPerms::ReadOnly)
        .with_context(|| format!("cannot grant `{}`", library.display()))?;
    Ok(())
}

/// All imports of the module.
pub(super) fn linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasi::add_to_linker(&mut linker)?;
    linker.func_wrap(
        "host",
        "call",
        |mut caller: Caller<'_, State>, address: u32, length: u32, _: u32, _: u32| {
            let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
                bail!("the guest exports no memory");
            };
            let (bytes, state) = memory.data_and_store_mut(&mut caller);
            let end = address as usize + length as usize;
            let Some(frame) = bytes.get(address as usize..end) else {
                return Ok(REFUSED);
            };
            match frame.split_first() {
                Some((&REPORT, report)) => state.report = Some(report.to_vec()),
                Some((&UNSUPPORTED, name)) => {
                    state.note_unsupported(String::from_utf8_lossy(name).into_owned());
                }
                _ => return Ok(REFUSED),
            }
            Ok(DONE)
        },
    )?;
    Ok(linker)
}

/// The exports that perform steps.
pub(crate) struct Turn {
    memory: Memory,
    allocate: TypedFunc<u32, u32>,
    turn: TypedFunc<(u32, u32), i32>,
}

impl Turn {
    pub(super) fn new(instance: &wasmtime::Instance, store: &mut Store<State>) -> Result<Self> {
        Ok(Self {
            memory: instance
                .get_memory(&mut *store, "memory")
                .ok_or_else(|| format_err!("no export `memory`"))?,
            allocate: instance.get_typed_func(&mut *store, "host_alloc")?,
            turn: instance.get_typed_func(&mut *store, "turn")?,
        })
    }

    /// One step: what the driver reported about `request`.
    pub(super) async fn status(&self, store: &mut Store<State>, request: &[u8]) -> Result<i32> {
        let length = u32::try_from(request.len())?;
        // The module owns the block from here on. 0: no memory, which `turn` understands.
        let address = self.allocate.call_async(&mut *store, length).await?;
        if address != 0 {
            self.memory
                .write(store.as_context_mut(), address as usize, request)?;
        }
        self.turn.call_async(&mut *store, (address, length)).await
    }

    pub(crate) async fn call(&self, store: &mut Store<State>, request: &[u8]) -> Result<Vec<u8>> {
        store.data_mut().report = None;
        let status = self.status(store, request).await?;
        match store.data_mut().report.take() {
            Some(report) if status == 0 => Ok(report),
            _ => bail!("no report from the guest (status {status})"),
        }
    }
}
