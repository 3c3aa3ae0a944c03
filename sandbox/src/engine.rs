//! How WebAssembly is compiled and where instances live.

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Result,
};

/// Part of the fingerprint: fuel may be counted differently by another version.
pub(crate) const WASMTIME_VERSION: &str = "48";

/// Stack of the guest: deep recursion through C code of the interpreter uses it, recursion of
/// Python functions does not. CPython bounds most recursion by its other stack (see
/// `guest/large_stack.wat`), but not the deletion of linked data: the half gigabyte is for
/// chains of a million objects. It is address space; memory is used only by what is touched,
/// and given back afterwards.
const GUEST_STACK_BYTES: usize = 512 << 20;

/// What host functions need on the same stack. Host calls are shallow; this is ample.
const HOST_STACK_BYTES: usize = 2 << 20;

/// Fuel between two looks at the clock of the processor: a few tenths of a second.
pub(crate) const FUEL_BETWEEN_CLOCK_CHECKS: u64 = 1 << 30;

/// Core instances, memories and tables of one component instance, with room for more.
const CORE_INSTANCES: u32 = 64;
const MEMORIES: u32 = 2;
const TABLES: u32 = 8;

/// An engine for at most `max_concurrent` guests at a time.
pub(crate) fn engine(max_concurrent: u32) -> Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(max_concurrent)
        .total_core_instances(max_concurrent * CORE_INSTANCES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .total_memories(max_concurrent * MEMORIES)
        .max_memories_per_component(MEMORIES)
        .total_tables(max_concurrent * TABLES)
        .max_tables_per_component(TABLES)
        .max_core_instance_size(8 << 20)
        .max_component_instance_size(1 << 20)
        .table_elements(1 << 16)
        .total_stacks(max_concurrent)
        // What a short program touches is a small part of the memory; with the scan only
        // that part is reset, where the kernel supports it.
        .linear_memory_keep_resident(16 << 20)
        .pagemap_scan(Enabled::Auto)
        .table_keep_resident(1 << 20)
        .async_stack_keep_resident(32 << 10);

    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .consume_fuel(true)
        .max_wasm_stack(GUEST_STACK_BYTES)
        .async_stack_size(GUEST_STACK_BYTES + HOST_STACK_BYTES)
        // Gives back the memory of a stack that a program recursed deep on.
        .async_stack_zeroing(true)
        // A trace of a guest that exhausted its stack is long and tells nobody anything.
        .wasm_backtrace_max_frames(None)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}
