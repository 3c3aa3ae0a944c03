# stdin: 3\n1 2\n
# ending: completed
# stdout: prompt3 [1, 2] EOF\n
n = input("prompt")
numbers = list(map(int, input().split()))
try:
    input()
except EOFError:
    print(n, numbers, "EOF")
