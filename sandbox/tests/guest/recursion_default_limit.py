# ending: completed
# stdout: 999\n
# As deep as in a native script.
def f(n):
    try:
        return f(n + 1)
    except RecursionError:
        return n


print(f(1))
