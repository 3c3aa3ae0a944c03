# ending: completed
# stdout: def f():\n    return 1\n\n
import inspect


def f():
    return 1


print(inspect.getsource(f))
