//! What the host keeps for one guest.

use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::limiter::MemoryLimiter;
use crate::mailbox::Mailbox;

/// Names of missing things that are kept, and their length: a program can invent them.
const MAX_UNSUPPORTED: usize = 32;
const MAX_NAME_BYTES: usize = 200;

/// Data of a store.
pub(crate) struct State {
    /// WASI of both kinds: components see its version 0.2, core modules its version 0.1.
    pub(crate) wasi: WasiP1Ctx,
    pub(crate) memory: MemoryLimiter,
    /// Fuel used by earlier steps.
    fuel_before: u64,
    /// Fuel given to the current step.
    budget: u64,
    pub(crate) unsupported: Vec<String>,
    pub(crate) mailbox: Mailbox,
    /// What a core module handed over through its import, see `numpy_guest/reactor.rs`.
    pub(crate) report: Option<Vec<u8>>,
}

impl State {
    pub(crate) fn new(wasi: WasiP1Ctx, memory: MemoryLimiter) -> Self {
        Self {
            wasi,
            memory,
            fuel_before: 0,
            budget: 0,
            unsupported: Vec::new(),
            mailbox: Mailbox::default(),
            report: None,
        }
    }

    /// Fuel used by all steps so far, when `left` is what is left of the current budget.
    pub(crate) fn fuel_used(&self, left: u64) -> u64 {
        self.fuel_before
            .saturating_add(self.budget.saturating_sub(left))
    }

    pub(crate) fn start_step(&mut self, budget: u64) {
        self.budget = budget;
    }

    pub(crate) fn end_step(&mut self, used: u64) {
        self.fuel_before = self.fuel_before.saturating_add(used);
        self.budget = 0;
    }

    /// Names go into tables, so that only what a name is made of is taken.
    pub(crate) fn note_unsupported(&mut self, what: String) {
        let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ' ');
        if self.unsupported.len() < MAX_UNSUPPORTED
            && what.len() <= MAX_NAME_BYTES
            && what.chars().all(in_name)
            && !self.unsupported.contains(&what)
        {
            self.unsupported.push(what);
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

/// The imports of `guest/world.wit` that are our own.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.root().func_wrap(
        "note-unsupported",
        |mut store: StoreContextMut<'_, State>, (what,): (String,)| {
            store.data_mut().note_unsupported(what);
            Ok(())
        },
    )?;
    linker.root().func_wrap_async(
        "ask",
        |store: StoreContextMut<'_, State>, (question,): (Vec<u8>,)| {
            let mailbox = store.data().mailbox.clone();
            Box::new(async move { Ok((mailbox.ask(question).await?,)) })
        },
    )
}
