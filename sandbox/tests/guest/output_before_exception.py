# ending: raised ZeroDivisionError: division by zero, line 4
# stdout: before\n
print("before")
1 / 0
