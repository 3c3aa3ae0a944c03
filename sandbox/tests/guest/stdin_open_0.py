# stdin: x\ny\n
# ending: completed
# stdout: ['x', 'y']\n
print(open(0).read().split())
