# fuel: 1000000000
# ending: limit fuel
while True:
    pass
