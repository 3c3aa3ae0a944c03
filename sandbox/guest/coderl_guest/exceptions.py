"""What is reported about an exception, whatever the program made of its class."""

_type, _str, _int, _isinstance, _issubclass = type, str, int, isinstance, issubclass
_len, _BaseException, _SystemExit = len, BaseException, SystemExit
_MemoryError, _SyntaxError, _none = MemoryError, SyntaxError, type(None)
_slice_to = slice
_name_of = type.__dict__["__name__"].__get__
_mro_of = type.__dict__["__mro__"].__get__
_traceback_of = BaseException.__dict__["__traceback__"].__get__
_code_of = SystemExit.__dict__["code"].__get__
_line_of = SyntaxError.__dict__["lineno"].__get__

MESSAGE_LENGTH = 1000
# Frames shown on standard error.
SHOWN_FRAMES = 30


def is_exit(error):
    return _issubclass(_type(error), _SystemExit)


def is_memory(error):
    return _issubclass(_type(error), _MemoryError)


def describe(error, filename):
    """Class, message, line in `filename`, and classes up to `BaseException`."""
    kind = _type(error)
    names = []
    for base in _mro_of(kind):
        if _issubclass(base, _BaseException):
            names += (_name_of(base),)
    line = None
    trace = _traceback_of(error)
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    if line is None and _issubclass(kind, _SyntaxError):
        at = _line_of(error)
        if _type(at) is _int and 0 < at < 1 << 32:
            line = at
    return _name_of(kind), text_of(error)[:MESSAGE_LENGTH], line, names


def text_of(value):
    try:
        return _str.__str__(_str(value))
    except _BaseException:
        return "<str() failed>"


def exit_status(error):
    """Status of the process and what CPython would print."""
    code = _code_of(error)
    if code is None:
        return 0, None
    if _issubclass(_type(code), _int):
        return _int.__index__(code) & 0xFF, None
    return 1, text_of(code)


def trace_text(error, description):
    """A short traceback with the program's own frames."""
    lines = []
    trace = _traceback_of(error)
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith("/"):
            lines += (f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}\n',)
            if _len(lines) > 2 * SHOWN_FRAMES:
                del lines[SHOWN_FRAMES:-SHOWN_FRAMES]
        trace = trace.tb_next
    name, message, line, _ = description
    if not lines and line is not None:
        lines = [f"  line {line}\n"]
    head = "Traceback (most recent call last):\n" if lines else ""
    tail = f"{name}: {message}\n" if message else f"{name}\n"
    return head + "".join(lines) + tail
