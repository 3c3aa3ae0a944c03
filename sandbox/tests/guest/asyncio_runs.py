# ending: completed
# stdout: second\nfirst\n[1, 2]\ntimeout\n0.4\n
import asyncio
import time


async def say(delay, text, result):
    await asyncio.sleep(delay)
    print(text)
    return result


async def main():
    print(await asyncio.gather(say(0.2, "first", 1), say(0.1, "second", 2)))
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.2)
    except asyncio.TimeoutError:
        print("timeout")


start = time.time()
asyncio.run(main())
print(round(time.time() - start, 2))
