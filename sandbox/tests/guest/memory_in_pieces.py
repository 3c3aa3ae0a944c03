# memory: 134217728
# ending: limit memory
pieces = []
while True:
    pieces.append(bytearray(1000000))
