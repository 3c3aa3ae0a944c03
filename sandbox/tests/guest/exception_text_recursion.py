# ending: raised Deep: <str() failed>, line 7
class Deep(Exception):
    def __str__(self):
        return str(self)


raise Deep
