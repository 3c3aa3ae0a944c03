"""Performs the steps of one session.

The program under test runs in the same interpreter as this code. Results therefore never
travel through streams, files or names that the program can reach by ordinary means. Built-in
names are copies of our own (see `app.py`), and functions of the standard library that are
needed after the program has run are bound by `from … import` before.
"""

import atexit
import gc
import linecache
import os
import random
import sys
from atexit import _run_exitfuncs
from functools import partial
from marshal import dumps, loads
from sys import getrecursionlimit, setprofile, setrecursionlimit, settrace
from types import ModuleType

import _large_stack
import wit_world

from coderl_guest import exceptions, locality, shims, streams, tester, text_call, unsupported
from coderl_guest.codec import TooLarge, decode, encode

PROGRAM = "program.py"
# Frames of this module below the program's own.
OWN_FRAMES = 6

_call_on_large_stack = _large_stack.call
_MISSING = object()
_NO_LIMIT = 1 << 40
# Behind the code of a test that runs in the program's namespace: whoever gets here knows the
# secret.
_REACHED = "__reached__"
_MARK = "here goes the secret of this test"
_AT_END = f"\n{_REACHED} = {_MARK!r}\n"
# The report of a step that completed, up to its value.
_COMPLETED = encode((("completed",), None), _NO_LIMIT)

# Names of modules that a program must not find. Those of the build tool, and what it asks
# for after `prepare`, are hidden when the first step begins, the others before.
_OWN = ("_large_stack", "coderl_guest")
_BUILD_TOOLS = ("app", "componentize_py", "wit_world")
_to_hide = []
# The snapshot is about to be taken, or has been.
_is_prepared = False

# Given up when memory runs out, so that the report can still be written.
_ballast = None
_own_streams = None
_streams_used = False
_namespace = {}
_instance = _MISSING


def prepare():
    """Brings the interpreter into the state in which every session starts."""
    global _ballast, _is_prepared, _own_streams
    if not _large_stack.prepare(None):
        raise SystemError("this CPython keeps its stack limits elsewhere")
    shims.install()
    unsupported.install(wit_world.note_unsupported)
    os.environ.clear()
    sys.path[:] = []
    sys.path_importer_cache.clear()
    sys.orig_argv[:] = ["python3", PROGRAM]
    sys.set_int_max_str_digits(0)
    sys.setrecursionlimit(1000 + OWN_FRAMES)
    random.seed(0)
    atexit._clear()
    linecache.clearcache()
    _own_streams = streams.install()
    _warm_up()
    _own_streams = streams.install()
    # A program that is loaded as a module finds an empty main program.
    sys.modules["__main__"] = ModuleType("__main__")
    for name in list(sys.modules):
        if name.startswith(_OWN):
            del sys.modules[name]
        elif name.startswith(_BUILD_TOOLS):
            _to_hide.append(name)
    _ballast = bytearray(1 << 20)
    _is_prepared = True
    gc.collect()
    locality.immortalize_all(_large_stack.immortalize)
    locality.fill_holes()
    gc.freeze()


def _warm_up():
    """Runs what every session runs, so that the interpreter has specialized its byte code
    before the snapshot is taken. Otherwise each session would write to hundreds of pages of
    memory that it could have shared with others."""
    global _namespace, _streams_used
    source = "import sys\ndef f(x):\n    return x\nprint(f(1))\nfor line in sys.stdin: pass\n"
    argument = [1, 2.0, "a", None]
    steps = [
        ("run-script", 1 << 20, source),
        ("run-script", 1 << 20, "input()"),
        ("load", 1 << 20, "", source, "solution", None),
        ("execute", 1 << 20, "assert f(1) == 1", b"secret"),
        ("call", 1 << 20, "f", encode((argument,), _NO_LIMIT)),
        ("evaluate", 1 << 20, "f([1, 2.0, 'a', None])"),
        ("evaluate", 1 << 20, "not not (f(1)\n)"),
        ("answer", 1 << 20, encode(("f", [argument], {}), _NO_LIMIT)),
        ("call-with-text", 1 << 20, "f", "text"),
        ("test", 1 << 20, "", "assert 1 == 1", ("f",)),
    ]
    for _ in range(30):
        for step in steps:
            perform(dumps(step))
    for name in ("__main__", "solution", "test"):
        del sys.modules[name]
    _namespace = {}
    _streams_used = False
    linecache.clearcache()


def perform(request):
    _start()
    kind, limit, *details = loads(request)

    def step():
        report = _STEPS[kind](limit, *details)
        if kind == "run-script":
            _attempt(_run_exitfuncs)
        streams.flush(_own_streams, _namespace)
        return report

    ending, text, value = _call_on_large_stack(step)
    if text is None and ending[0] == "completed":
        return _COMPLETED + value
    return encode((ending, text), _NO_LIMIT) + value


def _start():
    """What the build tool would undo after `prepare`."""
    if _is_prepared and "app" in sys.modules:
        sys.argv = [PROGRAM]
        for name in _to_hide:
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
    ending = _execute_prelude(namespace, prelude)
    if ending[0] == "completed":
        ending = _execute_in(namespace, source, PROGRAM)
    if ending[0] != "completed" or instantiate is None:
        return ending, None, b""
    factory = namespace.get(instantiate, _MISSING)
    if factory is _MISSING:
        return ("missing", instantiate), None, b""
    ending, _instance = _attempt(factory)
    return ending, None, b""


def _execute_prelude(namespace, prelude):
    # Compiling nothing takes as long as a small function.
    return _execute_in(namespace, prelude, "prelude.py") if prelude else ("completed",)


def _execute(limit, source, secret):
    if not _namespace:
        _new_module("__main__")
    if secret is None:
        return _execute_in(_namespace, source, "step.py"), None, b""
    _namespace.pop(_REACHED, None)
    ending = _execute_in(_namespace, source + _AT_END, "step.py", secret)
    if ending[0] != "completed":
        return ending, None, b""
    return _returned(limit, _namespace.get(_REACHED))


def _with_secret(code, secret):
    """The code, with the secret where it stores the mark at its end. The secret is not a part
    of the source because compiling looks constants up by their hash, and a session's fuel
    must not depend on it."""
    marked = tuple(secret if item == _MARK else item for item in code.co_consts)
    return code.replace(co_consts=marked)


def _call(limit, function, arguments):
    ending, target = _find(function)
    if target is _MISSING:
        return ending, None, b""
    ending, result = _attempt(target, *decode(arguments))
    if ending[0] != "completed":
        return ending, None, b""
    return _returned(limit, result)


def _evaluate(limit, expression):
    # Parentheses let it go over several lines, which may end in a comment.
    source = f"({expression}\n)"
    linecache.cache["step.py"] = (len(source), None, source.splitlines(True), "step.py")
    ending, code = _attempt(compile, source, "step.py", "eval", 0, True)
    if ending[0] == "completed":
        ending, result = _attempt(eval, code, _namespace)
    if ending[0] != "completed":
        return ending, None, b""
    return _returned(limit, result)


def _answer(limit, question):
    function, arguments, keywords = decode(question)
    ending, target = _find(function)
    if target is _MISSING:
        return ending, None, b""
    before = encode(arguments, _NO_LIMIT)
    if keywords:
        target = partial(target, **keywords)
    ending, result = _attempt(target, *arguments)
    if ending[0] != "completed":
        return ending, None, b""
    changed = encode(arguments, _NO_LIMIT) != before
    return _returned(limit, (result, arguments if changed else None))


def _test(limit, prelude, source, functions):
    namespace = _new_module("test")
    ending = _execute_prelude(namespace, prelude)
    if ending[0] == "completed":
        for name in functions:
            namespace[name] = tester.stand_in(name)
        ending = _execute_in(namespace, source, "step.py")
    return ending, None, b""


def _returned(limit, result):
    try:
        return ("completed",), None, encode(result, limit)
    except TooLarge:
        return ("limit-hit", "output"), None, b""
    except MemoryError:
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
    except MemoryError:
        return _out_of_memory(), b"", b""
    if len(captured) > limit:
        return ("limit-hit", "output"), captured[:limit], b""
    return ending, captured, b""


_STEPS = {
    "run-script": _run_script,
    "load": _load,
    "execute": _execute,
    "call": _call,
    "evaluate": _evaluate,
    "answer": _answer,
    "test": _test,
    "call-with-text": _call_with_text,
}


def _new_module(name):
    global _namespace
    module = ModuleType(name)
    sys.modules[name] = module
    _namespace = module.__dict__
    _namespace["__file__"] = PROGRAM
    _namespace["__builtins__"] = sys.modules["builtins"]
    return _namespace


def _execute_in(namespace, source, filename, secret=None):
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    try:
        code = compile(source, filename, "exec", 0, True)
        if secret is not None:
            code = _with_secret(code, secret)
    except BaseException as error:
        if exceptions.is_memory(error):
            return _out_of_memory(error)
        description = exceptions.describe_uncompiled(error, filename == PROGRAM)
        streams.write_error(exceptions.trace_text(error, description))
        return "not-compiled", description
    return _attempt(exec, code, namespace)[0]


def _find(function):
    """The thing to call, or the ending that says why there is none."""
    if _instance is _MISSING:
        return ("missing", function), _namespace.get(function, _MISSING)
    ending, target = _attempt(getattr, _instance, function)
    if ending[0] == "raised" and "AttributeError" in ending[1][3]:
        return ("missing", function), _MISSING
    return ending, target


def _attempt(function, /, *arguments):
    """Runs a piece of the program. Its ending, and its result if it completed."""
    error = None
    result = _MISSING
    try:
        result = function(*arguments)
    except BaseException as raised:
        error = raised
    settrace(None)
    setprofile(None)
    if error is None:
        return ("completed",), result
    limit = getrecursionlimit()
    setrecursionlimit(1000 + OWN_FRAMES)
    try:
        return _ending_of(error), _MISSING
    finally:
        setrecursionlimit(limit)


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
    except MemoryError:
        return _out_of_memory(error)
    return "raised", description


def _out_of_memory(error=None):
    global _ballast
    _ballast = None
    if error is not None:
        error.__traceback__ = None
    return "limit-hit", "memory"
