# ending: raised RecursionError: maximum recursion depth exceeded, line 4
# bases: RecursionError RuntimeError Exception BaseException
def f(n):
    return f(n + 1)


f(0)
