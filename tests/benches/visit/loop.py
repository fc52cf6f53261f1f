# A loop such as one writes today: connect, ask, close, a few at a time.
import asyncio
import sys
import time

import asyncpg

password, question = sys.argv[1], sys.argv[2]
port, databases, targets, concurrency = map(int, sys.argv[3:7])


async def main():
    seen = 0
    left = iter(range(targets))

    async def worker():
        nonlocal seen
        for target in left:
            connection = await asyncpg.connect(
                host="127.0.0.1",
                port=port,
                user="tenant",
                password=password,
                database=f"t{target % databases}",
                ssl=False,
            )
            rows = await connection.fetch(question)
            seen += len(rows)
            await connection.close()

    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return seen


start, cpu = time.monotonic(), time.process_time()
seen = asyncio.run(main())
cpu_us = (time.process_time() - cpu) * 1e6
print(f"seen={seen} wall_ms={(time.monotonic() - start) * 1e3} cpu_us={cpu_us}")
