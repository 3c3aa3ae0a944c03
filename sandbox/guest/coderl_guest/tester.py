"""Stand-ins for functions of a program that runs in another guest.

In a tester no code of the program runs. A call of a stand-in goes to the host as data, and
what comes back is data: a result, changed arguments, or the description of an exception.
"""

import builtins

import wit_world

from coderl_guest.codec import ObjectOfTheProgram, converters, decode, encode

_NO_LIMIT = 1 << 40

# Classes made for exceptions of the program, kept because `converters` knows them by identity.
_kinds = []

# One needs more arguments; the others would silently end a loop of the test over `map(f, …)`.
_NOT_RAISED = (BaseExceptionGroup, StopIteration, StopAsyncIteration, GeneratorExit)


def stand_in(name):
    def function(*arguments, **keywords):
        question = encode((name, arguments, keywords), _NO_LIMIT)
        return _result(name, arguments, decode(wit_world.ask(question)))

    function.__name__ = function.__qualname__ = name
    return function


def _result(name, arguments, reply):
    kind, *details = reply
    if kind == "returned":
        value, after = details
        if after is not None:
            for old, new in zip(arguments, after):
                _become(old, new)
        return value
    if kind == "missing":
        raise NameError(f"name '{name}' is not defined")
    raise _exception(*details)


def _become(old, new):
    """Gives a container the contents that it has after the call. Containers in it stay the
    same objects where they stay in their places."""
    kind = type(old)
    if kind is not type(new):
        return
    if kind is list or kind is tuple:
        if len(old) == len(new):
            for index, (before, after) in enumerate(zip(old, new)):
                if _is_container(before) and type(before) is type(after):
                    _become(before, after)
                elif kind is list:
                    old[index] = after
        elif kind is list:
            old[:] = new
    elif kind is dict:
        kept = {
            key: old[key] if key in old and type(old[key]) is type(value) else value
            for key, value in new.items()
        }
        for key, value in kept.items():
            if value is not new[key]:
                if _is_container(value):
                    _become(value, new[key])
                else:
                    kept[key] = new[key]
        old.clear()
        old.update(kept)
    elif kind is set:
        old.clear()
        old.update(new)


def _is_container(value):
    return type(value) in (list, tuple, dict, set)


def _exception(name, message, bases):
    """An exception of that name, of the nearest class that exists here too."""
    parent = Exception
    for base in bases:
        known = getattr(builtins, base, None)
        if type(known) is not type or issubclass(known, _NOT_RAISED):
            continue
        if issubclass(known, BaseException):
            parent = known
            break
    methods = {"__init__": lambda self, *_: None, "__str__": lambda self: message}
    kind = type(parent)(name, (parent,), {**methods, "__module__": "builtins"})
    _kinds.append(kind)
    converters[id(kind)] = lambda error: ObjectOfTheProgram(name, message)
    return kind.__new__(kind, message)
