"""Standard streams as the APPS grader of 2021 presents them to a function.

That grader replaces, for the duration of the call, `sys.stdin` by a text buffer,
`builtins.open` by one that always opens the input, `sys.stdout` by a capturing buffer, and
the reading methods of the standard input that was there before. A program that bound
`sys.stdin` or `sys.stdout` while it was loaded thus sees different things from one that
looks them up when called.
"""

import builtins
import io
import sys

_StringIO, _getvalue = io.StringIO, io.StringIO.getvalue


class _Capture(io.StringIO):
    def close(self):
        pass


class Patches:
    def __init__(self, text):
        self._text = text
        self._capture = _Capture()

    def apply(self):
        text = self._text
        self._saved = sys.stdin, sys.stdout, builtins.open
        lines = iter(text.split("\n"))
        old = sys.stdin
        self._patched = {
            "read": lambda *arguments: text,
            "readline": lambda *arguments: next(lines),
            "readlines": lambda *arguments: text.split("\n"),
        }
        for name, method in self._patched.items():
            setattr(old, name, method)
        sys.stdin = _StringIO(text)
        sys.stdout = self._capture
        builtins.open = lambda *arguments, **options: _StringIO(text)

    def undo(self):
        sys.stdin, sys.stdout, builtins.open = self._saved
        for name in self._patched:
            try:
                delattr(sys.stdin, name)
            except AttributeError:
                pass

    def captured(self):
        return _getvalue(self._capture).encode("utf-8", "surrogatepass")
