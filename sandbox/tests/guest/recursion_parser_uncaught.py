# ending: raised MemoryError: Parser stack overflowed - Python source too complex to parse, line 3
# Memory did not run out.
eval("[" * 300)
