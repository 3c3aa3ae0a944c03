# ending: completed
# stdout-bytes: 2000000
for _ in range(20000):
    print("x" * 99)
