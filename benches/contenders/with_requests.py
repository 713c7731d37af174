"""What most people's script looks like: with_requests.py URL INPUT RESULTS THREADS"""

import csv
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

url, source, target, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
local = threading.local()


def cancel(row):
    if not hasattr(local, "session"):
        local.session = requests.Session()
        local.session.headers["x-api-key"] = "none"
    number = row["testInvitationId"]
    answer = local.session.post(f"{url}/v3/invitations/{number}/cancel", json={}, timeout=30)
    return [number, answer.status_code, answer.json().get("status")]


with open(source, newline="") as rows, open(target, "w", newline="") as output:
    results = csv.writer(output)
    with ThreadPoolExecutor(threads) as pool:
        results.writerows(pool.map(cancel, csv.DictReader(rows)))
