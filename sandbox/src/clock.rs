//! Time as a guest sees it: a function of the fuel that it used.
//!
//! A program that measures or waits for time does the same in every run. Waiting returns at
//! once and costs the fuel of the time waited for.

use harness::execution::FUEL_PER_REFERENCE_SECOND;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource};
use wasmtime::{Result, StoreContextMut, Trap};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::state::State;

/// 2024-01-01 00:00:00 UTC, the time at which every session starts.
pub(crate) const START_SECONDS: u64 = 1_704_067_200;

pub(crate) const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Replaces the clocks of WASI. Must come after those have been added.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    let mut monotonic = linker.instance("wasi:clocks/monotonic-clock@0.2.12")?;
    monotonic.func_wrap("now", |store: StoreContextMut<'_, State>, ()| {
        Ok((elapsed_nanos(&store)?,))
    })?;
    monotonic.func_wrap("resolution", |_: StoreContextMut<'_, State>, ()| {
        Ok((1u64,))
    })?;
    monotonic.func_wrap(
        "subscribe-instant",
        |mut store: StoreContextMut<'_, State>, (instant,): (u64,)| {
            let wait = instant.saturating_sub(elapsed_nanos(&store)?);
            Ok((sleep(&mut store, wait)?,))
        },
    )?;
    monotonic.func_wrap(
        "subscribe-duration",
        |mut store: StoreContextMut<'_, State>, (duration,): (u64,)| {
            Ok((sleep(&mut store, duration)?,))
        },
    )?;

    let mut wall = linker.instance("wasi:clocks/wall-clock@0.2.12")?;
    wall.func_wrap("now", |store: StoreContextMut<'_, State>, ()| {
        let nanos = elapsed_nanos(&store)?;
        Ok((Datetime {
            seconds: START_SECONDS + nanos / NANOS_PER_SECOND,
            nanoseconds: u32::try_from(nanos % NANOS_PER_SECOND)?,
        },))
    })?;
    wall.func_wrap("resolution", |_: StoreContextMut<'_, State>, ()| {
        Ok((Datetime {
            seconds: 0,
            nanoseconds: 1,
        },))
    })?;
    Ok(())
}

/// `datetime` of `wasi:clocks/wall-clock`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// Nanoseconds since the session started.
pub(crate) fn elapsed_nanos(store: &StoreContextMut<'_, State>) -> Result<u64> {
    let fuel = store.data().fuel_used(store.get_fuel()?);
    let nanos =
        u128::from(fuel) * u128::from(NANOS_PER_SECOND) / u128::from(FUEL_PER_REFERENCE_SECOND);
    Ok(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn sleep(store: &mut StoreContextMut<'_, State>, nanos: u64) -> Result<Resource<DynPollable>> {
    wait(store, nanos)?;
    let table = store.data_mut().ctx().table;
    let over = table.push(Over)?;
    subscribe(table, over)
}

/// Takes the fuel of `nanos` of waiting.
pub(crate) fn wait(store: &mut StoreContextMut<'_, State>, nanos: u64) -> Result<()> {
    let price =
        u128::from(nanos) * u128::from(FUEL_PER_REFERENCE_SECOND) / u128::from(NANOS_PER_SECOND);
    match u128::from(store.get_fuel()?).checked_sub(price) {
        Some(left) => store.set_fuel(u64::try_from(left)?)?,
        None => {
            store.set_fuel(0)?;
            return Err(Trap::OutOfFuel.into());
        }
    }
    Ok(())
}

/// A wait that is over.
struct Over;

#[wasmtime_wasi::async_trait]
impl Pollable for Over {
    async fn ready(&mut self) {}
}
