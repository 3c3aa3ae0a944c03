"""numpy as programs of the benchmarks expect it.

The module is built for 32 bits and is version 2; the programs, and the graders that their
results were recorded with, saw a 64-bit version 1. A program gets a copy of the module in
which what makes arrays of plain integers makes 64-bit ones, and names that version 2 dropped
are there. The packages themselves keep the module as it is.
"""

import builtins
import functools
import math
import sys
import types

import numpy
from numpy._core import arrayprint

# Functions whose arguments that are lists, ranges or numbers become arrays.
_FIRST_IS_DATA = """
append argsort array_split atleast_1d atleast_2d average bincount broadcast_to choose clip
column_stack compress concatenate convolve copy correlate cov cross cumprod cumsum delete diag
diff dot dstack ediff1d einsum extract flip fliplr flipud full_like histogram hsplit hstack
inner insert interp intersect1d kron max min median mean nansum nanprod ndim nonzero ones_like
outer pad partition percentile prod ptp quantile ravel repeat reshape resize roll rollaxis
rot90 searchsorted select setdiff1d setxor1d sort split squeeze stack std sum swapaxes take
tensordot tile trace transpose trapezoid tril triu union1d unique vander var vdot vsplit vstack
where zeros_like
""".split()

# Functions that make arrays.
_CREATE = """
arange array asanyarray asarray ascontiguousarray empty eye from_dlpack fromfunction fromiter
fromstring full identity indices linspace loadtxt ones require tri zeros
""".split()

_OLD_NAMES = {
    "int": int,
    "float": float,
    "complex": complex,
    "object": object,
    "str": str,
    "int_": numpy.int64,
    "uint": numpy.uint64,
    "int0": numpy.int64,
    "float_": numpy.float64,
    "complex_": numpy.complex128,
    "unicode_": numpy.str_,
    "string_": numpy.bytes_,
    "Inf": numpy.inf,
    "Infinity": numpy.inf,
    "PINF": numpy.inf,
    "infty": numpy.inf,
    "NINF": -numpy.inf,
    "NaN": numpy.nan,
    "NAN": numpy.nan,
    "math": math,
    "asscalar": lambda array: array.item(),
}
_RENAMED = {
    "alltrue": "all",
    "sometrue": "any",
    "product": "prod",
    "cumproduct": "cumprod",
    "round_": "round",
    "in1d": "isin",
    "trapz": "trapezoid",
    "row_stack": "vstack",
}

_array, _int32, _int64 = numpy.array, numpy.dtype(numpy.int32), numpy.dtype(numpy.int64)
_INTEGERS = (int, "int", "int_", numpy.int64)
_LITERALS = (list, tuple, range, int)


def _data(value):
    """A literal of integers as a 64-bit array; anything else as it is."""
    if type(value) not in _LITERALS:
        return value
    try:
        made = _array(value)
    except Exception:
        # Whatever is wrong with it, the function itself says.
        return value
    return made.astype(_int64) if made.dtype == _int32 and _is_plain(value) else value


def _is_plain(value):
    """Whether the first item that is no list or tuple is an `int`."""
    while type(value) in (list, tuple) and value:
        value = value[0]
    return isinstance(value, (int, range))


def _dtype(value):
    return _int64 if any(value is kind or value == kind for kind in _INTEGERS) else value


def _on_data(function):
    @functools.wraps(function)
    def wrapper(*arguments, **options):
        if arguments:
            arguments = (_data(arguments[0]), *arguments[1:])
        if options.get("dtype") is not None:
            options["dtype"] = _dtype(options["dtype"])
        return function(*arguments, **options)

    return wrapper


def _on_two(function):
    @functools.wraps(function)
    def wrapper(first, second, *arguments, **options):
        return function(_data(first), _data(second), *arguments, **options)

    return wrapper


def _creating(function, dtype_at):
    @functools.wraps(function)
    def wrapper(*arguments, **options):
        dtype = options.get("dtype")
        if len(arguments) > dtype_at >= 0 and dtype is None:
            dtype = arguments[dtype_at]
            arguments = (
                *arguments[:dtype_at],
                _dtype(dtype) if isinstance(dtype, (type, str)) else dtype,
                *arguments[dtype_at + 1 :],
            )
        elif isinstance(dtype, (type, str)):
            options["dtype"] = _dtype(dtype)
        made = function(*arguments, **options)
        if dtype is None and made.dtype == _int32 and not _from_int32(arguments):
            return made.astype(_int64)
        return made

    return wrapper


def _from_int32(arguments):
    """Whether the data is an array or a numpy scalar of that type already."""
    value = arguments[0] if arguments else None
    while type(value) in (list, tuple) and value:
        value = value[0]
    return isinstance(value, (numpy.ndarray, numpy.generic))


_DTYPE_AT = {
    "arange": 3,
    "array": 1,
    "asanyarray": 1,
    "asarray": 1,
    "empty": 1,
    "eye": 3,
    "fromiter": 1,
    "fromstring": 1,
    "full": 2,
    "identity": 1,
    "ones": 1,
    "zeros": 1,
}


def install():
    """Puts the copy in place of the module. Types of scalars, each with the function that
    makes plain data of one."""
    view = types.ModuleType("numpy")
    view.__dict__.update(vars(numpy))
    for name in _FIRST_IS_DATA:
        setattr(view, name, _on_data(getattr(numpy, name)))
    for name in ("dot", "inner", "outer", "kron", "vdot", "cross", "convolve", "tensordot"):
        setattr(view, name, _on_two(getattr(numpy, name)))
    for name in _CREATE:
        setattr(view, name, _creating(getattr(numpy, name), _DTYPE_AT.get(name, -1)))
    for name, value in _OLD_NAMES.items():
        setattr(view, name, value)
    for old, new in _RENAMED.items():
        setattr(view, old, getattr(view, new))
    # Scalars within lists and dictionaries are shown as numbers, as version 1 did.
    numpy.set_printoptions(legacy="1.25")
    arrayprint._typelessdata = [numpy.int64, numpy.float64, numpy.complex128, numpy.bool]
    numpy.random.seed(0)
    sys.modules["numpy"] = view

    kinds = {kind for kind in numpy.sctypeDict.values() if issubclass(kind, (numpy.number, numpy.bool))}
    return {kind: kind.item for kind in kinds if isinstance(kind(0).item(), (int, float, complex))}
