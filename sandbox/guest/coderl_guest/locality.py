"""Keeps together in memory what a session touches together.

A session starts from a snapshot whose pages are copied when first written to, a few
microseconds each. While the standard library is imported, much is allocated and freed, and
CPython fills the holes first: without care, the few thousand objects that a short program
makes or touches lie on hundreds of pages. And whoever as much as looks at an object writes to
it, because it counts a reference.
"""

import gc
import sys
from types import CodeType

# Blocks of CPython's allocator: one pool list for each multiple of 8 bytes.
BLOCK_SIZES = range(24, 513, 8)
BYTES_HEADER = 17
# A fresh pool is recognized by this many bytes of blocks that follow each other.
FRESH_BYTES = 32 << 10

_fillers = []


def fill_holes():
    """Takes all free blocks of partly used pools, so that what is allocated from now on
    comes from fresh ones."""
    for size in BLOCK_SIZES:
        _fill(size, lambda: bytes(size - BYTES_HEADER))
    _fill(16, lambda: float(1.5) + len(_fillers))
    _fill(8, object)


def _fill(size, allocate):
    run, last = 0, 0
    while run * size < FRESH_BYTES:
        block = allocate()
        _fillers.append(block)
        # A little more than a block lies between the last one of a pool and the next.
        run = run + 1 if 0 < id(block) - last <= size + 128 else 0
        last = id(block)


def immortalize_all(immortalize):
    """Stops the counting of references to all objects that there are. None of them is freed
    before the session ends, so nothing else changes."""
    probe = object()
    immortalize(probe)
    if not sys._is_immortal(probe):
        raise SystemError("this CPython keeps reference counts elsewhere")
    todo = gc.get_objects()
    while todo:
        thing = todo.pop()
        if sys._is_immortal(thing):
            continue
        immortalize(thing)
        todo += gc.get_referents(thing)
        # The collector does not look into code.
        if type(thing) is CodeType:
            todo += [getattr(thing, name) for name in dir(thing) if name.startswith("co_")]
