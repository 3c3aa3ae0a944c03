//! The two kinds of guests: a component with the standard library, and the core module of
//! [`crate::numpy_guest`].

use wasmtime::component::{ComponentExportIndex, InstancePre, TypedFunc};
use wasmtime::{Result, Store};
use wasmtime_wasi::WasiCtxBuilder;

use crate::numpy_guest;
use crate::state::State;

/// What sessions start from.
pub(crate) enum Guest {
    Component {
        instances: InstancePre<State>,
        perform: ComponentExportIndex,
    },
    Numpy(numpy_guest::Reactor),
}

impl Guest {
    /// Grants what a guest of this kind itself needs. Comes before what a caller grants.
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

/// Performs the steps of one session: takes a request and returns a report.
pub(crate) enum Perform {
    /// The export of `guest/world.wit`. (A list is a vector here because the call's type must
    /// be the same for all lifetimes.)
    Component(TypedFunc<(Vec<u8>,), (Vec<u8>,)>),
    Numpy(numpy_guest::Turn),
}

impl Perform {
    pub(crate) async fn call(&self, store: &mut Store<State>, request: Vec<u8>) -> Result<Vec<u8>> {
        match self {
            Self::Component(perform) => Ok(perform.call_async(store, (request,)).await?.0),
            Self::Numpy(turn) => turn.call(store, &request).await,
        }
    }
}
