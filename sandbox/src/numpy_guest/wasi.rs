//! WASI 0.1 for the module, with the clocks of [`crate::clock`].

use wasmtime::{AsContext, AsContextMut, Caller, Extern, Linker, Memory, Result, format_err};
use wasmtime_wasi::p1;

use crate::clock::{self, NANOS_PER_SECOND, START_SECONDS};
use crate::state::State;

const MODULE: &str = "wasi_snapshot_preview1";

/// Error numbers of WASI.
const SUCCESS: i32 = 0;
const FAULT: i32 = 21;
const INVALID: i32 = 28;

/// The one clock that does not start at zero.
const REALTIME: u32 = 0;
const THREAD_CPUTIME: u32 = 3;

/// `subscription` and `event` of `poll_oneoff`.
const SUBSCRIPTION_BYTES: usize = 48;
const EVENT_BYTES: usize = 32;
const CLOCK: u8 = 0;
const ABSOLUTE: u16 = 1;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    p1::add_to_linker_async(linker, |state| &mut state.wasi)?;
    linker.allow_shadowing(true);
    linker.func_wrap(
        MODULE,
        "clock_res_get",
        |mut caller: Caller<'_, State>, clock: u32, result: u32| {
            if clock > THREAD_CPUTIME {
                return Ok(INVALID);
            }
            write(&mut caller, result, &1u64.to_le_bytes())
        },
    )?;
    linker.func_wrap(
        MODULE,
        "clock_time_get",
        |mut caller: Caller<'_, State>, clock: u32, _precision: u64, result: u32| {
            if clock > THREAD_CPUTIME {
                return Ok(INVALID);
            }
            let now = now(&mut caller, clock)?;
            write(&mut caller, result, &now.to_le_bytes())
        },
    )?;
    linker.func_wrap(MODULE, "poll_oneoff", poll_oneoff)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn now(caller: &mut Caller<'_, State>, clock: u32) -> Result<u64> {
    let nanos = clock::elapsed_nanos(&caller.as_context_mut())?;
    Ok(if clock == REALTIME {
        nanos.saturating_add(START_SECONDS * NANOS_PER_SECOND)
    } else {
        nanos
    })
}

/// Streams are always ready. Without any, the shortest wait is paid for in fuel and is over.
fn poll_oneoff(
    mut caller: Caller<'_, State>,
    subscriptions: u32,
    events: u32,
    n_subscriptions: u32,
    n_events: u32,
) -> Result<i32> {
    let memory = memory(&mut caller)?;
    let start = subscriptions as usize;
    let length = n_subscriptions as usize * SUBSCRIPTION_BYTES;
    let Some(subscriptions) = memory.data(caller.as_context()).get(start..start + length) else {
        return Ok(FAULT);
    };
    let subscriptions: Vec<Subscription> = subscriptions
        .chunks_exact(SUBSCRIPTION_BYTES)
        .map(Subscription::read)
        .collect();
    if subscriptions.is_empty() {
        return Ok(INVALID);
    }

    let mut ready: Vec<&Subscription> = subscriptions
        .iter()
        .filter(|subscription| subscription.kind != CLOCK)
        .collect();
    if ready.is_empty() {
        let mut shortest: Option<(u64, &Subscription)> = None;
        for subscription in &subscriptions {
            let wait = if subscription.flags & ABSOLUTE == 0 {
                subscription.timeout
            } else {
                let now = now(&mut caller, subscription.clock)?;
                subscription.timeout.saturating_sub(now)
            };
            if shortest.is_none_or(|(least, _)| wait < least) {
                shortest = Some((wait, subscription));
            }
        }
        if let Some((wait, subscription)) = shortest {
            clock::wait(&mut caller.as_context_mut(), wait)?;
            ready.push(subscription);
        }
    }
    let mut written = Vec::with_capacity(ready.len() * EVENT_BYTES);
    for subscription in &ready {
        let mut event = [0; EVENT_BYTES];
        event[..8].copy_from_slice(&subscription.user_data);
        event[10] = subscription.kind;
        written.extend_from_slice(&event);
    }
    let count = u32::try_from(ready.len())?;
    match write(&mut caller, events, &written)? {
        SUCCESS => write(&mut caller, n_events, &count.to_le_bytes()),
        error => Ok(error),
    }
}

struct Subscription {
    user_data: [u8; 8],
    kind: u8,
    clock: u32,
    timeout: u64,
    flags: u16,
}

impl Subscription {
    /// From [`SUBSCRIPTION_BYTES`] bytes.
    fn read(bytes: &[u8]) -> Self {
        fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
            bytes[at..at + N].try_into().expect("N bytes")
        }
        Self {
            user_data: field(bytes, 0),
            kind: bytes[8],
            clock: u32::from_le_bytes(field(bytes, 16)),
            timeout: u64::from_le_bytes(field(bytes, 24)),
            flags: u16::from_le_bytes(field(bytes, 40)),
        }
    }
}

fn memory(caller: &mut Caller<'_, State>) -> Result<Memory> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => Err(format_err!("the guest exports no memory")),
    }
}

fn write(caller: &mut Caller<'_, State>, address: u32, bytes: &[u8]) -> Result<i32> {
    let memory = memory(caller)?;
    Ok(match memory.write(caller, address as usize, bytes) {
        Ok(()) => SUCCESS,
        Err(_) => FAULT,
    })
}
