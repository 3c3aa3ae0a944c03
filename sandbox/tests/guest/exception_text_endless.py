# fuel: 1000000000
# ending: limit fuel
class Endless(Exception):
    def __str__(self):
        while True:
            pass


raise Endless
