# ending: completed
# stdout: MemoryError\n
try:
    bytearray(1 << 30)
except MemoryError as error:
    print(type(error).__name__)
