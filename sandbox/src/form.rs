//! The two forms of guests: a component with the standard library, and the core module of
//! [`crate::numpy_guest`].

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker, TypedFunc};
use wasmtime::{Engine, Module, Result, Store, format_err};
use wasmtime_wasi::WasiCtxBuilder;

use crate::numpy_guest::{Reactor, Turn};
use crate::state::{self, State};
use crate::{clock, precompiled};

/// Which of the two, with what it needs besides its machine code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Form {
    Component,
    Numpy {
        /// The folder with the zip of its library.
        library: PathBuf,
    },
}

/// What sessions start from.
pub(crate) enum Loaded {
    Component {
        instances: InstancePre<State>,
        perform: ComponentExportIndex,
    },
    Numpy(Reactor),
}

impl Loaded {
    pub(crate) fn component(engine: &Engine, code: &Component) -> Result<Self> {
        Ok(Self::Component {
            perform: code
                .get_export_index(None, "perform")
                .ok_or_else(|| format_err!("no export `perform`"))?,
            instances: linker(engine)?.instantiate_pre(code)?,
        })
    }

    /// From machine code that the cache vouches for.
    pub(crate) fn from_file(engine: &Engine, file: &std::path::Path, form: Form) -> Result<Self> {
        match form {
            Form::Component => Self::component(engine, &precompiled::component(engine, file)?),
            Form::Numpy { library } => {
                let module: Module = precompiled::module(engine, file)?;
                Ok(Self::Numpy(Reactor::new(engine, &module, library)?))
            }
        }
    }

    /// Grants what a guest of this form itself needs. Comes before what a caller grants.
    pub(crate) fn grant(&self, wasi: &mut WasiCtxBuilder) -> Result<()> {
        match self {
            Self::Component { .. } => Ok(()),
            Self::Numpy(reactor) => reactor.grant_library(wasi),
        }
    }

    /// Memory of an idle guest that does not count as the program's, in bytes.
    pub(crate) fn own_memory_bytes(&self) -> u64 {
        match self {
            Self::Component { .. } => 0,
            Self::Numpy(reactor) => reactor.memory_bytes,
        }
    }

    pub(crate) async fn start(&self, store: &mut Store<State>) -> Result<Perform> {
        match self {
            Self::Component { instances, perform } => {
                let instance = instances.instantiate_async(&mut *store).await?;
                let perform = instance.get_typed_func(&mut *store, *perform)?;
                Ok(Perform::Component(perform))
            }
            Self::Numpy(reactor) => Ok(Perform::Numpy(reactor.start(store).await?)),
        }
    }
}

fn linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    // The asynchronous functions run on the guest's own stack and are always ready at once,
    // while the synchronous ones would enter a Tokio runtime for each call.
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    linker.allow_shadowing(true);
    clock::add_to_linker(&mut linker)?;
    state::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// Performs the steps of one session: takes a request and returns a report.
pub(crate) enum Perform {
    /// The export of `guest/world.wit`. (A list is a vector here because the call's type must
    /// be the same for all lifetimes.)
    Component(TypedFunc<(Vec<u8>,), (Vec<u8>,)>),
    Numpy(Turn),
}

impl Perform {
    pub(crate) async fn call(&self, store: &mut Store<State>, request: Vec<u8>) -> Result<Vec<u8>> {
        match self {
            Self::Component(perform) => Ok(perform.call_async(store, (request,)).await?.0),
            Self::Numpy(turn) => turn.call(store, &request).await,
        }
    }
}
