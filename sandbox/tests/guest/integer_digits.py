# ending: completed
# stdout: 10001 300000\n
print(len(str(10**10000)), len(str(int("7" * 300000))))
