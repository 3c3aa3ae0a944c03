"""Entry of the second guest, in place of `app.py`: imports the packages and the driver, and
puts the driver where the module calls it. Runs once, while the snapshot is made."""

import builtins
import importlib
import importlib.util
import sys
import types

import _host
import _reactor

PACKAGES = """
numpy numpy.fft numpy.linalg numpy.ma numpy.matlib numpy.polynomial numpy.random numpy.testing
scipy scipy.cluster.hierarchy scipy.fft scipy.integrate scipy.interpolate scipy.linalg
scipy.ndimage scipy.optimize scipy.signal scipy.sparse scipy.sparse.csgraph
scipy.sparse.linalg scipy.spatial scipy.spatial.distance scipy.special scipy.stats
pandas networkx more_itertools sympy
""".split()


class OwnModules:
    """Finds the files of the driver, and gives them a copy of the built-in names as `app.py`
    does."""

    names = dict(vars(builtins))

    def __init__(self, files):
        self._files = files

    def find_spec(self, name, path=None, target=None):
        if name == "coderl_guest":
            return importlib.util.spec_from_loader(name, self, is_package=True)
        if name in self._files:
            return importlib.util.spec_from_loader(name, self)
        return None

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__builtins__ = self.names
        return module

    def exec_module(self, module):
        name = module.__name__
        if name in self._files:
            # Tracebacks leave out what is in files with absolute names.
            code = compile(self._files[name], f"/{name}.py", "exec", 0, True)
            exec(code, module.__dict__)


class Noting:
    """Tells the host of modules that can be imported from the library but not be used. They are
    not refused: packages import some of them for what programs never call."""

    def __init__(self, unusable, note):
        self._unusable = unusable
        self._note = note

    def find_spec(self, name, path=None, target=None):
        if name in self._unusable:
            self._note("module " + name)
        return None


def _component_modules(note, ask):
    """What the driver imports from the build of the other guest."""
    # The stack of this guest is large as it is.
    large_stack = types.ModuleType("_large_stack")
    large_stack.prepare = lambda _: True
    large_stack.call = lambda function: function()
    large_stack.immortalize = None
    world = types.ModuleType("wit_world")
    world.note_unsupported = note
    world.ask = ask
    return {"_large_stack": large_stack, "wit_world": world}


def start(files, numpy_view):
    call_host = _host.call
    modules = _component_modules(
        note=lambda what: call_host(b"?" + what.encode()),
        ask=lambda question: call_host(b"!" + question),
    )
    sys.modules.update(modules)
    for name in PACKAGES:
        importlib.import_module(name)
    view = types.ModuleType("numpy_view")
    exec(compile(numpy_view, "/numpy_view.py", "exec", 0, True), view.__dict__)
    scalars = view.install()
    own = OwnModules(files)
    sys.meta_path.insert(0, own)

    from coderl_guest import preload

    for name in preload.MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            # Not in this version, or of no use in WASI.
            pass

    from coderl_guest import codec, locality, session, unsupported

    codec.converters.update({id(kind): convert for kind, convert in scalars.items()})
    unsupported.UNUSABLE += ("_host", "_reactor")
    locality.fill_holes()
    # Needs access to the counts, for which this build has no means.
    locality.immortalize_all = lambda immortalize: None
    library = list(sys.path)
    session.prepare()
    sys.path[:] = library
    sys.meta_path.insert(0, Noting(unsupported.UNUSABLE, unsupported.note))
    sys.argv = [session.PROGRAM]
    for name in ("wit_world", "_host", "host"):
        sys.modules.pop(name, None)

    perform = session.perform

    def step(request):
        if request is None:
            raise MemoryError("no memory for the request")
        call_host(b">" + perform(request))
        return 0, False

    # The module holds on to the function that it found here when it started.
    _reactor._perform_step = step
    _reactor.turn.__code__ = _turn.__code__


def _turn(source, environ):
    return _perform_step(source)  # noqa: F821  (of `_reactor`)
