# ending: raised Named: text, line 11
class Meta(type):
    __name__ = property(lambda self: 1 / 0)
    __mro__ = property(lambda self: 1 / 0)


class Named(Exception, metaclass=Meta):
    pass


raise Named("text")
