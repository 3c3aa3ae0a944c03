"""Entry of the guest component. Runs once, while the component is built; the state that it
leaves behind is what every session starts from."""

import builtins
import importlib.machinery
import importlib.util
import os
import sys
import types

from coderl_guest import preload

preload.import_all()


class PrivateBuiltins(importlib.machinery.SourceFileLoader):
    """Gives our own modules a copy of the built-in names, so that a program that replaces
    `builtins.len` does not replace it for the code that reports about the program."""

    names = dict(vars(builtins))

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        package, _, module = name.rpartition(".")
        if package != "coderl_guest":
            return None
        file = os.path.join(os.path.dirname(__file__), package, module + ".py")
        return importlib.util.spec_from_file_location(name, file, loader=cls(name, file))

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__builtins__ = self.names
        return module


sys.meta_path.insert(0, PrivateBuiltins)

from coderl_guest import locality  # noqa: E402

locality.fill_holes()

from coderl_guest import session  # noqa: E402  (after the modules of the standard library)


class WitWorld:
    def perform(self, request):
        return session.perform(request)


session.prepare()
