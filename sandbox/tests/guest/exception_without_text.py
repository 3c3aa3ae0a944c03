# ending: raised Silent: <str() failed>, line 7
class Silent(Exception):
    def __str__(self):
        raise self


raise Silent
