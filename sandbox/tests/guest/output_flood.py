# output-bytes: 100000
# ending: limit output
# stdout-bytes: 100000
while True:
    print("x" * 1000)
