"""Standard streams as CPython sets them up for a script whose streams are pipes."""

import sys
from io import BufferedRandom, BufferedReader, BufferedWriter, FileIO, TextIOWrapper
from os import write

BUFFER = 1 << 16


def install():
    """Puts fresh stream objects over the WASI descriptors into `sys`."""
    stdin = _text(BufferedReader(FileIO(0, "rb", closefd=False), BUFFER), "<stdin>", "r")
    stdout = _text(BufferedWriter(FileIO(1, "wb", closefd=False), BUFFER), "<stdout>", "w")
    stderr = _text(
        BufferedWriter(FileIO(2, "wb", closefd=False), BUFFER),
        "<stderr>",
        "w",
        errors="backslashreplace",
        line_buffering=True,
    )
    sys.stdin = sys.__stdin__ = stdin
    sys.stdout = sys.__stdout__ = stdout
    sys.stderr = sys.__stderr__ = stderr
    return stdin, stdout, stderr


def _text(buffer, name, mode, errors="strict", line_buffering=False):
    buffer.raw.name = name
    text = TextIOWrapper(
        buffer,
        encoding="utf-8",
        errors=errors,
        newline=None if mode == "r" else "\n",
        line_buffering=line_buffering,
    )
    text.mode = mode
    return text


def flush(own, namespace):
    """Writes out what the end of the process would: the streams in `sys`, the original
    streams, and files that the program keeps in global variables."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except BaseException:
            pass
    for stream in (*own, *list(namespace.values())):
        kind = type(stream)
        if kind is TextIOWrapper or kind is BufferedWriter or kind is BufferedRandom:
            try:
                kind.flush(stream)
            except BaseException:
                pass


def write_error(text):
    """Writes to standard error past all stream objects."""
    data = text.encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[write(2, data) :]
    except OSError:
        pass
