"""Keeps together in memory what a session touches together.

A session starts from a snapshot whose pages are copied when first written to, a few
microseconds each. While the standard library is imported, much is allocated and freed, and
CPython fills the holes first: without care, the few thousand objects that a short program
makes or touches lie on hundreds of pages.
"""

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
