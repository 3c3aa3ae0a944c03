"""Performs the steps of one session.

The program under test runs in the same interpreter as this code. Results therefore never
travel through streams, files or names that the program can reach by ordinary means, and
what is needed after it has run is bound to private names before.
"""

import atexit
import gc
import linecache
import os
import random
import sys
import types

import wit_world

from coderl_guest import exceptions, shims, streams, text_call, unsupported
from coderl_guest.codec import TooLarge, decode, encode

PROGRAM = "program.py"
# Frames of this module below the program's own.
OWN_FRAMES = 5

_compile, _exec, _type, _len = compile, exec, type, len
_BaseException, _MemoryError = BaseException, MemoryError
_settrace, _setprofile = sys.settrace, sys.setprofile
_setrecursionlimit, _getrecursionlimit = sys.setrecursionlimit, sys.getrecursionlimit
_getattr, _AttributeError = getattr, AttributeError
_run_exitfuncs = atexit._run_exitfuncs
_MISSING = object()
_NO_LIMIT = 1 << 40

# Ours and the build tool's; out of the program's reach by name from the first step on, but
# not before, since the build tool still needs them after `prepare`.
_OWN_MODULES = (
    "app",
    "coderl_guest",
    "componentize_py_async_support",
    "componentize_py_runtime",
    "componentize_py_types",
    "wit_world",
)

# Given up when memory runs out, so that the report can still be written.
_ballast = None
_own_streams = None
_streams_used = False
_namespace = None
_instance = _MISSING


def prepare():
    """Brings the interpreter into the state in which every session starts."""
    global _ballast, _own_streams
    shims.install()
    unsupported.install(wit_world.note_unsupported)
    os.environ.clear()
    sys.path[:] = []
    sys.path_importer_cache.clear()
    sys.orig_argv[:] = ["python3", PROGRAM]
    sys.set_int_max_str_digits(0)
    sys.setrecursionlimit(1000 + OWN_FRAMES)
    random.seed(0)
    # Programs use it as infinity, and expect that of a 64-bit machine.
    sys.maxsize = (1 << 63) - 1
    atexit._clear()
    linecache.clearcache()
    _own_streams = streams.install()
    _ballast = bytearray(1 << 20)
    gc.collect()
    gc.freeze()


def perform(request):
    _start()
    kind, limit, *details = decode(request)
    ending, text, value = _STEPS[kind](limit, *details)
    if kind == "run-script":
        _run_exitfuncs()
    streams.flush(_own_streams, _namespace)
    return encode((ending, text), _NO_LIMIT) + value


def _start():
    """What the build tool would undo after `prepare`."""
    if "app" in sys.modules:
        sys.argv = [PROGRAM]
        for name in list(sys.modules):
            if name.partition(".")[0] in _OWN_MODULES:
                del sys.modules[name]


def _run_script(limit, source):
    global _own_streams, _streams_used
    if _streams_used:
        _own_streams = streams.install()
    _streams_used = True
    ending = _execute_in(_new_module("__main__"), source, PROGRAM)
    return ending, None, b""


def _load(limit, prelude, source, name, instantiate):
    global _instance
    _instance = _MISSING
    namespace = _new_module(name)
    ending = _execute_in(namespace, prelude, "prelude.py")
    if ending[0] == "completed":
        ending = _execute_in(namespace, source, PROGRAM)
    if ending[0] != "completed" or instantiate is None:
        return ending, None, b""
    factory = namespace.get(instantiate, _MISSING)
    if factory is _MISSING:
        return ("missing", instantiate), None, b""
    ending, _instance = _attempt(factory)
    return ending, None, b""


def _execute(limit, source):
    if _namespace is None:
        _new_module("__main__")
    return _execute_in(_namespace, source, "step.py"), None, b""


def _call(limit, function, arguments):
    ending, target = _find(function)
    if target is _MISSING:
        return ending, None, b""
    ending, result = _attempt(target, *arguments)
    if ending[0] != "completed":
        return ending, None, b""
    try:
        return ending, None, encode(result, limit)
    except TooLarge:
        return ("limit-hit", "output"), None, b""
    except _MemoryError:
        return _out_of_memory(), None, b""


def _call_with_text(limit, function, text):
    ending, target = _find(function)
    if target is _MISSING:
        return ending, None, b""
    patches = text_call.Patches(text)
    patches.apply()
    try:
        ending, _ = _attempt(target)
    finally:
        patches.undo()
    if ending[0] == "exited":
        ending = ("completed",)
    try:
        captured = patches.captured()
    except _MemoryError:
        return _out_of_memory(), b"", b""
    if _len(captured) > limit:
        return ("limit-hit", "output"), captured[:limit], b""
    return ending, captured, b""


_STEPS = {
    "run-script": _run_script,
    "load": _load,
    "execute": _execute,
    "call": _call,
    "call-with-text": _call_with_text,
}


def _new_module(name):
    global _namespace
    module = types.ModuleType(name)
    sys.modules[name] = module
    _namespace = module.__dict__
    _namespace["__file__"] = PROGRAM
    _namespace["__builtins__"] = sys.modules["builtins"]
    return _namespace


def _execute_in(namespace, source, filename):
    linecache.cache[filename] = (_len(source), None, source.splitlines(True), filename)
    try:
        code = _compile(source, filename, "exec", 0, True)
    except _BaseException as error:
        description = exceptions.describe(error, filename)
        streams.write_error(exceptions.trace_text(error, description))
        return "not-compiled", description
    return _attempt(_exec, code, namespace)[0]


def _find(function):
    """The thing to call, or the ending that says why there is none."""
    if _instance is _MISSING:
        target = _MISSING if _namespace is None else _namespace.get(function, _MISSING)
        return ("missing", function), target
    ending, target = _attempt(_getattr, _instance, function)
    if ending[0] == "raised" and "AttributeError" in ending[1][3]:
        return ("missing", function), _MISSING
    return ending, target


def _attempt(function, /, *arguments):
    """Runs a piece of the program. Its ending, and its result if it completed."""
    error = None
    result = _MISSING
    try:
        result = function(*arguments)
    except _BaseException as raised:
        error = raised
    _settrace(None)
    _setprofile(None)
    if error is None:
        return ("completed",), result
    limit = _getrecursionlimit()
    _setrecursionlimit(1000 + OWN_FRAMES)
    try:
        return _ending_of(error), _MISSING
    finally:
        _setrecursionlimit(limit)


def _ending_of(error):
    if exceptions.is_memory(error):
        return _out_of_memory(error)
    if exceptions.is_exit(error):
        status, message = exceptions.exit_status(error)
        if message is not None:
            streams.write_error(message + "\n")
        return "exited", status
    try:
        description = exceptions.describe(error, PROGRAM)
        streams.write_error(exceptions.trace_text(error, description))
    except _MemoryError:
        return _out_of_memory(error)
    return "raised", description


def _out_of_memory(error=None):
    global _ballast
    _ballast = None
    if error is not None:
        error.__traceback__ = None
    return "limit-hit", "memory"
