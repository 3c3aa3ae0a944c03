# ending: raised JSONDecodeError: Expecting value: line 1 column 1 (char 0), line 6
# bases: JSONDecodeError ValueError Exception BaseException
import json


json.loads("x")
