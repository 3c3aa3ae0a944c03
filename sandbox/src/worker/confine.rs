//! What a worker gives up before the first program runs.
//!
//! Each of these is a second wall behind WebAssembly's: none is needed for a verdict, and
//! where the kernel lacks one the others stand. Nothing here can be undone.

use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, Signal, setrlimit};

use super::wire::Confinement;

/// Descriptors of a worker. A guest may use up those that are left; it gets an error then.
const MAX_DESCRIPTORS: u64 = 256;

/// Length of a file in a scratch directory.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Closes what the harness left open, and ends this process with the harness.
pub(super) fn drop_descriptors() {
    // Fails only for an invalid signal.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    let open: Vec<i32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > 2)
        .collect();
    for descriptor in open {
        #[expect(
            unsafe_code,
            reason = "first thing in the process: nothing owns a descriptor beyond the standard \
                      ones yet; the directory's own is closed already, which is no error"
        )]
        unsafe {
            rustix::io::close(descriptor);
        }
    }
}

/// Gives up everything but `scratch`, and `read_only` for reading.
pub(super) fn confine(scratch: &Path, read_only: &[PathBuf]) -> Confinement {
    let limit = |resource, value| {
        let limit = Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        // Lowering a limit is always allowed; a higher one is not lowered by failing.
        let _ = setrlimit(resource, limit);
    };
    limit(Resource::Core, 0);
    limit(Resource::Nofile, MAX_DESCRIPTORS);
    ignore_file_size_signal();
    limit(Resource::Fsize, MAX_FILE_BYTES);
    Confinement {
        files: files(scratch, read_only).unwrap_or(false),
        system_calls: system_calls(),
    }
}

/// So that a write beyond the limit fails instead of ending the worker.
fn ignore_file_size_signal() {
    #[expect(unsafe_code, reason = "ignoring a signal runs no code in a handler")]
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// Landlock: no file but those below the given directories; no network.
fn files(scratch: &Path, read_only: &[PathBuf]) -> Result<bool, landlock::RulesetError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
        Scope, path_beneath_rules,
    };
    // The newest that we know of; older kernels take from it what they have.
    let abi = ABI::V6;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules([scratch], AccessFs::from_all(abi)))?
        .add_rules(path_beneath_rules(read_only, AccessFs::from_read(abi)))?
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// seccomp: system calls that are not named in [`ALLOWED`] fail with `EPERM`, and a process
/// can start threads (functions on files run on them) but no processes.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn system_calls() -> bool {
    use seccompiler::{
        SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule,
    };

    let thread = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(THREAD_FLAG),
        THREAD_FLAG,
    )
    .and_then(|flag| SeccompRule::new(vec![flag]));
    let Ok(thread) = thread else {
        return false;
    };
    let everything = || ALLOWED.iter().map(|number| (*number, Vec::new()));
    // The flags of `clone3` lie in memory, where a filter cannot look. Told that it does not
    // exist, the C library takes `clone`.
    let no_clone3 = filter(
        [(libc::SYS_clone3, Vec::new())].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS.cast_unsigned()),
    );
    let allowed = filter(
        everything()
            .chain([
                (libc::SYS_clone3, Vec::new()),
                (libc::SYS_clone, vec![thread]),
            ])
            .collect(),
        SeccompAction::Errno(libc::EPERM.cast_unsigned()),
        SeccompAction::Allow,
    );
    no_clone3 && allowed
}

/// `CLONE_THREAD`.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const THREAD_FLAG: u64 = 0x1_0000;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn filter(
    rules: std::collections::BTreeMap<i64, Vec<seccompiler::SeccompRule>>,
    others: seccompiler::SeccompAction,
    named: seccompiler::SeccompAction,
) -> bool {
    let arch = std::env::consts::ARCH
        .try_into()
        .expect("one of the two that this is compiled for");
    seccompiler::SeccompFilter::new(rules, others, named, arch)
        .and_then(seccompiler::BpfProgram::try_from)
        .is_ok_and(|program| seccompiler::apply_filter(&program).is_ok())
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn system_calls() -> bool {
    false
}

/// What wasmtime, the allocator and files of scratch directories need: no processes, no
/// sockets beyond the one that is open, nothing about the system.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const ALLOWED: &[libc::c_long] = &[
    // Messages and files that are open.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_fcntl,
    libc::SYS_ioctl,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_utimensat,
    libc::SYS_getdents64,
    libc::SYS_ppoll,
    // Files by name; Landlock says which.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_readlinkat,
    // Memory.
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_memfd_create,
    libc::SYS_membarrier,
    // Signals of our own code: traps of WebAssembly, and aborting.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_getpid,
    libc::SYS_gettid,
    // Threads.
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    // Time, waiting, the end.
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_getrandom,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];
