# ending: raised Odd: <str() failed>, line 7
class Odd(Exception):
    def __str__(self):
        return 1


raise Odd
