# memory: 134217728
# ending: limit memory
objects = []
while True:
    objects.append([len(objects)])
