# fuel: 1000000000
# ending: limit fuel
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
