"""Standard streams as the APPS grader of 2021 presents them to a function.

That grader replaces, for the duration of the call, `sys.stdin` by a text buffer,
`builtins.open` by one that always opens the input, `sys.stdout` by a capturing buffer, and
the reading methods of the standard input that was there before. A program that bound
`sys.stdin` or `sys.stdout` while it was loaded thus sees different things from one that
looks them up when called.
"""

import builtins
import sys
from io import StringIO


_NOT_ITS_OWN = object()


class _Capture(StringIO):
    def close(self):
        pass


class Patches:
    def __init__(self, text):
        self._text = text
        self._capture = _Capture()

    def apply(self):
        text = self._text
        lines = iter(text.split("\n"))
        self._saved = sys.stdin, sys.stdout, builtins.open
        self._patched = []
        self._patch("read", lambda *arguments: text)
        self._patch("readline", lambda *arguments: next(lines))
        self._patch("readlines", lambda *arguments: text.split("\n"))
        sys.stdin = StringIO(text)
        sys.stdout = self._capture
        builtins.open = lambda *arguments, **options: StringIO(text)

    def _patch(self, name, method):
        stream = sys.stdin
        try:
            own = vars(stream).get(name, _NOT_ITS_OWN)
            setattr(stream, name, method)
        except (AttributeError, TypeError):
            # The program put something in place of its standard input.
            return
        self._patched.append((stream, name, own))

    def undo(self):
        sys.stdin, sys.stdout, builtins.open = self._saved
        for stream, name, own in self._patched:
            try:
                if own is _NOT_ITS_OWN:
                    delattr(stream, name)
                else:
                    setattr(stream, name, own)
            except AttributeError:
                pass

    def captured(self):
        return StringIO.getvalue(self._capture).encode("utf-8", "surrogatepass")
