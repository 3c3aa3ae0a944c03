# ending: completed
# stdout: hello\n
print("hello")
