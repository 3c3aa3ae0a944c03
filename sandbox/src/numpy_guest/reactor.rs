//! The module's exports and its one import that is not WASI.
//!
//! `turn(address, length)` hands a byte string to the driver, which performs it as a step.
//! `host.call(address, length, …)` is how the guest reaches us: a frame starts with a byte
//! that tells what it is. The program under test can call it too if it looks for it, but the
//! last report of a turn counts, and that is the driver's.

use std::path::{Path, PathBuf};

use wasmtime::error::Context as _;
use wasmtime::{
    AsContextMut, Caller, Engine, Extern, ExternType, InstancePre, Linker, Memory, Module, Result,
    Store, TypedFunc, bail, format_err,
};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::numpy_guest::wasi;
use crate::state::State;

/// Where the guest finds its standard library and the packages that are not imported yet.
const LIBRARY_IN_GUEST: &str = "/usr/local/lib";

/// Frames of the guest: a report, the name of something missing, a question of a tester.
const REPORT: u8 = b'>';
const UNSUPPORTED: u8 = b'?';
const QUESTION: u8 = b'!';

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
    pub(crate) fn new(engine: &Engine, module: &Module, library: PathBuf) -> Result<Self> {
        let memory_bytes = match module.get_export("memory") {
            Some(ExternType::Memory(memory)) => memory.minimum() * memory.page_size(),
            _ => bail!("no export `memory`"),
        };
        Ok(Self {
            instances: linker(engine)?.instantiate_pre(module)?,
            library,
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
    linker.func_wrap_async(
        "host",
        "call",
        |mut caller: Caller<'_, State>, frame: (u32, u32, u32, u32)| {
            Box::new(async move { host_call(&mut caller, frame).await })
        },
    )?;
    Ok(linker)
}

/// A frame of the guest: its address and length, and the addresses at which those of a reply
/// are expected.
async fn host_call(
    caller: &mut Caller<'_, State>,
    (address, length, reply_address, reply_length): (u32, u32, u32, u32),
) -> Result<i32> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        bail!("the guest exports no memory");
    };
    let (bytes, state) = memory.data_and_store_mut(&mut *caller);
    let end = address as usize + length as usize;
    let Some(frame) = bytes.get(address as usize..end) else {
        return Ok(REFUSED);
    };
    let question = match frame.split_first() {
        Some((&REPORT, report)) => {
            state.report = Some(report.to_vec());
            return Ok(DONE);
        }
        Some((&UNSUPPORTED, name)) => {
            state.note_unsupported(String::from_utf8_lossy(name).into_owned());
            return Ok(DONE);
        }
        Some((&QUESTION, question)) => question.to_vec(),
        _ => return Ok(REFUSED),
    };
    let mailbox = state.mailbox.clone();
    let reply = mailbox.ask(question).await?;
    let length = u32::try_from(reply.len())?;
    let Some(Extern::Func(allocate)) = caller.get_export("host_alloc") else {
        bail!("the guest exports no `host_alloc`");
    };
    let allocate = allocate.typed::<u32, u32>(&*caller)?;
    let address = allocate.call_async(&mut *caller, length).await?;
    for (at, bytes) in [
        (address, &*reply),
        (reply_address, &address.to_le_bytes()),
        (reply_length, &length.to_le_bytes()),
    ] {
        if at == 0 || memory.write(&mut *caller, at as usize, bytes).is_err() {
            return Ok(REFUSED);
        }
    }
    Ok(DONE)
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
