# ending: raised Mine: 7, line 8
# bases: Mine LookupError Exception BaseException
class Mine(LookupError):
    def __str__(self):
        return str(self.args[0])


raise Mine(7)
