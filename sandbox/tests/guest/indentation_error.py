# ending: not-compiled IndentationError: unexpected indent (program.py, line 3), line 3
x = 1
  y = 2
