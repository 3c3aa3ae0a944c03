"""Tells the host when a program asks for what this guest does not have."""

import importlib.machinery
import sys

from coderl_guest.preload import THIRD_PARTY, UNUSABLE

_STANDARD = frozenset(sys.stdlib_module_names) | frozenset(UNUSABLE)
_noted = set()
_note_to_host = None


def note(what):
    if what not in _noted:
        _noted.add(what)
        _note_to_host(what)


class NotingFinder:
    """The last finder: whatever arrives here does not exist."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        top = name.partition(".")[0]
        # All codecs are preloaded, and `str.encode` looks for any name here.
        if top == "encodings":
            return None
        if top in THIRD_PARTY or top in _STANDARD:
            note("module " + (name if top in sys.modules else top))
        return None


def install(note_to_host):
    global _note_to_host
    _note_to_host = note_to_host
    for name in list(sys.modules):
        if any(name == bad or name.startswith(bad + ".") for bad in UNUSABLE):
            del sys.modules[name]
    # BuiltinImporter would find `_socket`.
    sys.meta_path[:] = [
        _Builtin,
        importlib.machinery.FrozenImporter,
        importlib.machinery.PathFinder,
        NotingFinder,
    ]


class _Builtin(importlib.machinery.BuiltinImporter):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in UNUSABLE else super().find_spec(name, path, target)
