//! Starts the interpreter once and writes its state back into the module.

use std::future::Future;
use std::path::Path;

use harness::value::Value;
use wasmtime::error::Context as _;
use wasmtime::{Config, Engine, Instance, Module, OptLevel, Result, Store, Val, bail};
use wasmtime_wasi::{Deterministic, WasiCtx};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

use crate::guest::ready;
use crate::limiter::MemoryLimiter;
use crate::numpy_guest::reactor::{self, Turn};
use crate::numpy_guest::stack;
use crate::sandbox::RANDOM_BYTES;
use crate::state::State;
use crate::stdio::{Input, Output, Overflow};

macro_rules! driver {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../guest/coderl_guest/", $name, ".py")),
        )
    };
}

/// The driver, in which each file is a module of the package `coderl_guest`.
const DRIVER: &[(&str, &str)] = &[
    driver!("codec"),
    driver!("event_loop"),
    driver!("exceptions"),
    driver!("locality"),
    driver!("preload"),
    driver!("session"),
    driver!("shims"),
    driver!("streams"),
    driver!("tester"),
    driver!("text_call"),
    driver!("threads"),
    driver!("unsupported"),
];

const APP: &str = include_str!("../../guest/numpy_app.py");
const NUMPY_VIEW: &str = include_str!("../../guest/numpy_view.py");

/// Importing the packages takes some 10^11 instructions; this ends what never ends.
const FUEL: u64 = 1 << 50;

/// Kept of what the interpreter says when it fails.
const MESSAGE_BYTES: usize = 1 << 16;

const STACK_BYTES: usize = 64 << 20;

/// All that a snapshot depends on besides the wheel and this file, for its fingerprint.
pub(super) fn sources() -> impl Iterator<Item = &'static str> {
    let driver = DRIVER.iter().flat_map(|(name, source)| [*name, *source]);
    [APP, NUMPY_VIEW].into_iter().chain(driver)
}

/// `module` as it is after the packages and the driver have been imported.
pub(super) fn snapshot(module: &[u8], library: &Path) -> Result<Vec<u8>> {
    let module = without_names(module)?;
    let wizer = Wizer::new();
    let (context, instrumented) = wizer.instrument(&module)?;
    let engine = engine()?;
    let compiled = Module::new(&engine, &instrumented)?;
    drop(instrumented);

    let stderr = Output::new(MESSAGE_BYTES, Overflow::Cut);
    let mut wasi = WasiCtx::builder();
    wasi.stdin(Input::default())
        .stdout(Output::new(MESSAGE_BYTES, Overflow::Cut))
        .stderr(stderr.clone())
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .allow_blocking_current_thread(true)
        .secure_random(Deterministic::new(RANDOM_BYTES.to_vec()))
        .insecure_random(Deterministic::new(RANDOM_BYTES.to_vec()))
        .insecure_random_seed(0);
    reactor::grant_library(library, &mut wasi)?;
    let state = State::new(wasi.build_p1(), MemoryLimiter::new(u64::from(u32::MAX)));
    let mut store = Store::new(&engine, state);
    store.set_fuel(FUEL)?;
    store.data_mut().start_step(FUEL);

    let instance = ready(async {
        let instance = reactor::linker(&engine)?
            .instantiate_async(&mut store, &compiled)
            .await?;
        let initialize = instance.get_typed_func::<(), ()>(&mut store, "_initialize")?;
        initialize.call_async(&mut store, ()).await?;
        let turn = Turn::new(&instance, &mut store)?;
        let status = turn.status(&mut store, bootstrap().as_bytes()).await;
        if !matches!(status, Ok(0)) {
            let said = String::from_utf8_lossy(&stderr.take()).into_owned();
            match status {
                Ok(status) => bail!("the interpreter did not start, status {status}: {said}"),
                Err(error) => return Err(error.context(said)),
            }
        }
        Ok(instance)
    })
    .context("cannot bring the interpreter into its initial state")?;
    let memory = instance.get_memory(&mut store, "memory");
    let memory = memory.context("no export `memory`")?;
    stack::widen(memory.data_mut(&mut store))?;
    ready(wizer.snapshot(&context, &mut Exported { store, instance }))
}

/// The program that imports everything: `APP`, called with the files of the driver.
fn bootstrap() -> String {
    let text = |text: &str| Value::Str(text.to_owned());
    let files = DRIVER
        .iter()
        .map(|(name, source)| (text(&format!("coderl_guest.{name}")), text(source)))
        .collect();
    let view = text(NUMPY_VIEW);
    format!("{APP}\nstart({}, {view})\n", Value::Dict(files))
}

/// Its code runs once: compiling fast matters more than fast code.
fn engine() -> Result<Engine> {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::None)
        .consume_fuel(true)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(STACK_BYTES + (2 << 20));
    Engine::new(&config)
}

/// The module without the names of its functions, a seventh of its size.
fn without_names(module: &[u8]) -> Result<Vec<u8>> {
    const HEADER: usize = 8;
    let mut kept = module.get(..HEADER).context("not a module")?.to_vec();
    let mut at = HEADER;
    while at < module.len() {
        let id = module[at];
        let (length, digits) = leb128(&module[at + 1..]).context("not a module")?;
        let end = at + 1 + digits + length;
        let section = module.get(at..end).context("the module is cut off")?;
        let content = &section[1 + digits..];
        if id != 0 || !content.starts_with(b"\x04name") {
            kept.extend_from_slice(section);
        }
        at = end;
    }
    Ok(kept)
}

/// A number of at most 32 bits and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut number = 0;
    for (index, &byte) in bytes.iter().take(5).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, index + 1));
        }
    }
    None
}

/// What `Wizer` made the module export.
struct Exported {
    store: Store<State>,
    instance: Instance,
}

impl InstanceState for Exported {
    fn global_get(&mut self, name: &str, _: ValType) -> impl Future<Output = SnapshotVal> + Send {
        let global = self
            .instance
            .get_global(&mut self.store, name)
            .expect("an instrumented module exports its globals");
        let value = match global.get(&mut self.store) {
            Val::I32(bits) => SnapshotVal::I32(bits),
            Val::I64(bits) => SnapshotVal::I64(bits),
            Val::F32(bits) => SnapshotVal::F32(bits),
            Val::F64(bits) => SnapshotVal::F64(bits),
            Val::V128(bits) => SnapshotVal::V128(bits.as_u128()),
            _ => unreachable!("references were refused when the module was instrumented"),
        };
        std::future::ready(value)
    }

    fn memory_contents(
        &mut self,
        name: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) -> impl Future<Output = ()> + Send {
        let memory = self
            .instance
            .get_memory(&mut self.store, name)
            .expect("an instrumented module exports its memory");
        contents(memory.data(&self.store));
        std::future::ready(())
    }
}
