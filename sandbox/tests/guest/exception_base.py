# ending: raised Base: , line 6
class Base(BaseException):
    pass


raise Base
