# output-bytes: 100000
# ending: limit output
# stdout-bytes: 100000
while True:
    try:
        print("x" * 1000)
    except BaseException:
        pass
