"""Standard streams as CPython sets them up for a script whose streams are pipes."""

import io
import os
import sys

BUFFER = 1 << 16


def install():
    """Puts fresh stream objects over the WASI descriptors into `sys`."""
    stdin = _text(io.BufferedReader(io.FileIO(0, "rb", closefd=False), BUFFER), "<stdin>", "r")
    stdout = _text(io.BufferedWriter(io.FileIO(1, "wb", closefd=False), BUFFER), "<stdout>", "w")
    stderr = _text(
        io.BufferedWriter(io.FileIO(2, "wb", closefd=False), BUFFER),
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
    text = io.TextIOWrapper(
        buffer, encoding="utf-8", errors=errors, newline=None if mode == "r" else "\n",
        line_buffering=line_buffering,
    )  # fmt: skip
    text.mode = mode
    return text


_FILES = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
_type, _Exception, _BaseException, _list = type, Exception, BaseException, list
_flush_text, _flush_buffer = io.TextIOWrapper.flush, io.BufferedWriter.flush
_flush_random = io.BufferedRandom.flush
_TextIOWrapper, _BufferedWriter = io.TextIOWrapper, io.BufferedWriter


def flush(own, namespace):
    """Writes out what the end of the process would: the streams in `sys`, the original
    streams, and files that the program keeps in global variables."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except _BaseException:
            pass
    for stream in (*own, *_list(namespace.values())):
        kind = _type(stream)
        try:
            if kind is _TextIOWrapper:
                _flush_text(stream)
            elif kind is _BufferedWriter:
                _flush_buffer(stream)
            elif kind is io.BufferedRandom:
                _flush_random(stream)
        except _BaseException:
            pass


_write = os.write


def write_error(text):
    """Writes to standard error past all stream objects."""
    data = text.encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[_write(2, data) :]
    except OSError:
        pass
