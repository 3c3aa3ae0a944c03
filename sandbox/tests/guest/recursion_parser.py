# ending: completed
# stdout: MemoryError MemoryError MemoryError\n
# CPython reports what is nested too deep for its parser in this way.
names = []
for source in ["(" * 3000 + ")" * 3000, "[" * 300 + "]" * 300, "-" * 100000 + "1"]:
    try:
        eval(source)
    except Exception as error:
        names.append(type(error).__name__)
print(*names)
