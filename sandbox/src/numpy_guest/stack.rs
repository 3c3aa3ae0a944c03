//! How deep C code of the interpreter may recurse.

use wasmtime::{Result, ensure};

/// The stack lies between address 0 and this one.
const TOP: u32 = 16 << 20;

/// What a native process has. The rest is room for what does not check.
const ALLOWED: u32 = 8 << 20;

/// Widens the limits that CPython sets for itself: it takes the stack of a WASI module for
/// 128 KiB and raises `RecursionError` at their end, after a few hundred levels of recursion
/// through `sorted`, `lru_cache` and the like, or within one call of a linear-algebra routine.
///
/// They are three consecutive words of its thread state: `c_stack_top`, `c_stack_soft_limit`
/// and `c_stack_hard_limit`.
pub(super) fn widen(memory: &mut [u8]) -> Result<()> {
    let word = |at: usize| {
        let bytes = memory[at..at + 4].try_into().expect("four bytes");
        u32::from_le_bytes(bytes)
    };
    let is_state = |at: &usize| {
        let (top, soft, hard) = (word(*at), word(at + 4), word(at + 8));
        (TOP - (1 << 20)..=TOP).contains(&top)
            && top % 4096 == 0
            && soft < top
            && (64 << 10..=256 << 10).contains(&(top - soft))
            && hard < soft
            && soft - hard <= 64 << 10
    };
    // The stack itself may hold copies.
    let found: Vec<usize> = (TOP as usize..memory.len().saturating_sub(12))
        .step_by(4)
        .filter(is_state)
        .collect();
    ensure!(
        found.len() == 1,
        "the stack limits of the interpreter are not where they were: {} places look like them",
        found.len()
    );
    let at = found[0];
    let margin = word(at + 4) - word(at + 8);
    let soft = word(at) - ALLOWED;
    memory[at + 4..at + 8].copy_from_slice(&soft.to_le_bytes());
    memory[at + 8..at + 12].copy_from_slice(&(soft - margin).to_le_bytes());
    Ok(())
}
