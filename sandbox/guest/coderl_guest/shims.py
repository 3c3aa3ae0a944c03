"""Stand-ins for what WASI lacks and programs use in ways that can be honored, and notes
about the rest."""

import os
import signal
import sys
import time
import types

from coderl_guest import event_loop, threads
from coderl_guest.unsupported import note

# Functions of Linux that do not exist here, without those that programs only test for.
_MISSING = {
    os: """
        dup2 execv execve fork forkpty getlogin getpriority getppid getuid kill killpg mkfifo
        nice pipe pipe2 posix_spawn posix_spawnp sched_getaffinity sched_setaffinity
        setpriority spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe system
        wait waitpid
        """,
    signal: """
        alarm getitimer pause pthread_kill pthread_sigmask setitimer siginterrupt sigpending
        sigtimedwait sigwait sigwaitinfo
        """,
}


def install():
    threads.install()
    event_loop.install()
    sys.modules["resource"] = _resource()
    # The virtual clocks start at zero with the session and count its work alone; that of
    # the C library goes on from when the guest was built.
    time.process_time = time.thread_time = time.perf_counter
    time.process_time_ns = time.thread_time_ns = time.perf_counter_ns
    time.tzset = lambda: None
    # Programs use it as infinity, and expect that of a 64-bit machine.
    sys.maxsize = (1 << 63) - 1
    for module, names in _MISSING.items():
        module.__getattr__ = _noting(module.__name__, frozenset(names.split()))


def _noting(module, missing):
    """A `__getattr__` for a module that notes which of the missing functions is wanted."""

    def __getattr__(name):
        if name in missing:
            note(f"{module}.{name}")
        raise AttributeError(f"module '{module}' has no attribute '{name}'")

    return __getattr__


def _resource():
    """`resource`, which programs import to ask for a larger stack."""
    module = types.ModuleType("resource", "Limits of this process, which cannot be changed.")
    names = "CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS"
    for number, name in enumerate(names.split()):
        setattr(module, f"RLIMIT_{name}", number)
    module.RLIM_INFINITY = -1
    module.RUSAGE_SELF, module.RUSAGE_CHILDREN = 0, -1
    module.error = OSError
    fields = "ru_utime ru_stime ru_maxrss ru_ixrss ru_idrss ru_isrss ru_minflt ru_majflt ru_nswap"
    fields += " ru_inblock ru_oublock ru_msgsnd ru_msgrcv ru_nsignals ru_nvcsw ru_nivcsw"

    usage = types.SimpleNamespace
    module.getrlimit = lambda resource: (-1, -1)
    module.setrlimit = lambda resource, limits: None
    module.getrusage = lambda who: usage(
        **{name: 0.0 if name.endswith("time") else 0 for name in fields.split()}
        | {"ru_utime": time.process_time()}
    )
    module.getpagesize = lambda: 4096
    return module
