# ending: completed
# stdout: dropped\n
x = []
for _ in range(2000000):
    x = [x]
del x
print("dropped")
