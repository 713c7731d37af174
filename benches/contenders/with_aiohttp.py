"""What a careful script with aiohttp looks like: with_aiohttp.py URL INPUT RESULTS CONCURRENCY"""

import asyncio
import csv
import sys

import aiohttp


async def cancel(session, url, gate, row, results):
    async with gate:
        async with session.post(f"{url}/v3/invitations/{row['testInvitationId']}/cancel", json={}) as answer:
            body = await answer.json()
            results.writerow([row["testInvitationId"], answer.status, body.get("status")])


async def main(url, source, target, concurrency):
    gate = asyncio.Semaphore(concurrency)
    connector = aiohttp.TCPConnector(limit=concurrency)
    headers = {"x-api-key": "none"}
    with open(source, newline="") as rows, open(target, "w", newline="") as output:
        results = csv.writer(output)
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            await asyncio.gather(*(cancel(session, url, gate, row, results) for row in csv.DictReader(rows)))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
