# ending: not-compiled SyntaxError: invalid syntax (program.py, line 4), line 4
# bases: SyntaxError Exception BaseException
print("never printed")
x = = 1
