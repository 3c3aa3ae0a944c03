# ending: raised ExceptionGroup: many (2 sub-exceptions), line 2
raise ExceptionGroup("many", [ValueError(1), TypeError(2)])
