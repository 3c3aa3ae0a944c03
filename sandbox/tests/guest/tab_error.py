# ending: not-compiled TabError: inconsistent use of tabs and spaces in indentation (program.py, line 4), line 4
if True:
        x = 1
	y = 2
