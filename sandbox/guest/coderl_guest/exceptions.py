"""What is reported about an exception, whatever the program made of its class."""

_name_of = type.__dict__["__name__"].__get__
_mro_of = type.__dict__["__mro__"].__get__
_traceback_of = BaseException.__dict__["__traceback__"].__get__
_args_of = BaseException.__dict__["args"].__get__
_code_of = SystemExit.__dict__["code"].__get__
_line_of = SyntaxError.__dict__["lineno"].__get__

MESSAGE_LENGTH = 1000
# Frames shown on standard error.
SHOWN_FRAMES = 30


def is_exit(error):
    return issubclass(type(error), SystemExit)


def is_memory(error):
    """Whether memory ran out. A `MemoryError` with a text is of another kind: the parser
    raises it for source that is nested too deep."""
    return issubclass(type(error), MemoryError) and not _args_of(error)


def describe(error, filename):
    """Class, message, line in `filename`, and classes up to `BaseException`."""
    line = None
    trace = _traceback_of(error)
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return _description(error, line)


def describe_uncompiled(error, is_program):
    """The same for what `compile` raised. The line is that of a program only."""
    line = None
    if is_program and issubclass(type(error), SyntaxError):
        at = _line_of(error)
        if type(at) is int and 0 < at < 1 << 32:
            line = at
    return _description(error, line)


def _description(error, line):
    kind = type(error)
    bases = [_name_of(base) for base in _mro_of(kind) if issubclass(base, BaseException)]
    return _name_of(kind), text_of(error)[:MESSAGE_LENGTH], line, bases


def text_of(value):
    try:
        return str.__str__(str(value))
    except BaseException:
        return "<str() failed>"


def exit_status(error):
    """Status of the process and what CPython would print."""
    code = _code_of(error)
    if code is None:
        return 0, None
    if issubclass(type(code), int):
        return int.__index__(code) & 0xFF, None
    return 1, text_of(code)


def trace_text(error, description):
    """A short traceback with the program's own frames."""
    lines = []
    trace = _traceback_of(error)
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith("/"):
            lines.append(f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}\n')
            if len(lines) > 2 * SHOWN_FRAMES:
                del lines[SHOWN_FRAMES:-SHOWN_FRAMES]
        trace = trace.tb_next
    name, message, line, _ = description
    if not lines and line is not None:
        lines = [f"  line {line}\n"]
    head = "Traceback (most recent call last):\n" if lines else ""
    tail = f"{name}: {message}\n" if message else f"{name}\n"
    return head + "".join(lines) + tail
