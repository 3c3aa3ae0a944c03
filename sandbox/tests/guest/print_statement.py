# ending: not-compiled SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)? (program.py, line 2), line 2
print "hello"
