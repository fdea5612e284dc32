"""Measure EPCIS queries of anonymous visitors on 200,000 batches: each is answered within 200 ms, or rejected.

    python tests/load/epcis_queries.py [--batches N] [--database-url URL]

Times are of the processor, because other load on the machine is not the server's: with PostgreSQL, whose work is in
another process, times by the clock. Ends with 1 if a query takes longer, or if eight at once delay another visitor.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parent))

from epcis_index import FIRST_BLOCK_TIME, build_index, capture_events, gtin, key_of

from app import PortalSettings, create_app

EVENTS = "/epcis/v2/events"
LIMIT_MS = 200
ROUNDS = 3


def queries(batches: int) -> dict[str, str]:
    """Return the measured queries by name."""
    keys = [key_of(number) for number in range(0, batches, max(1, batches // 100))]
    links = [f"https://id.gs1.org/01/{key.gtin}/10/{key.lot}" for key in keys]
    times = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(FIRST_BLOCK_TIME + 600 * n)) for n in (0, batches // 100)]
    hundred = quote(",".join(links), safe="")
    return {
        "no filter": "",
        "no filter, 1,000 events": "perPage=1000",
        "unknown step": "EQ_bizStep=xyz",
        "rare step": "EQ_bizStep=void_shipping",
        "step of inspections": "EQ_bizStep=inspecting",
        "step of inspections, 1,000 events": "EQ_bizStep=inspecting&perPage=1000",
        "captured step": "EQ_bizStep=storing",
        "failed inspections": "EQ_disposition=non_conformant",
        "recalls": "EQ_disposition=recalled",
        "unused disposition": "EQ_disposition=stolen",
        "transformations": "eventType=TransformationEvent",
        "unused type": "eventType=AssociationEvent",
        "added": "EQ_action=ADD",
        "early events": f"LT_eventTime={times[0]}",
        "late events": f"GE_eventTime={times[1]}",
        "late inspections": f"GE_eventTime={times[1]}&EQ_bizStep=inspecting",
        "before any inspection": "LT_eventTime=2020-01-01T00:00:00Z&EQ_bizStep=inspecting",
        "future record times": "GE_recordTime=2090-01-01T00:00:00Z",
        "claims": "source=parties,others",
        "claims of unused step": "source=others&EQ_bizStep=packing",
        "claims of an unknown capturer": "EQ_chromatrace:capturer=9521234500001",
        "one lot": f"MATCH_anyEPC={quote(links[5], safe='')}",
        "100 lots": f"MATCH_anyEPC={hundred}",
        "100 lots, rare step": f"MATCH_anyEPC={hundred}&EQ_bizStep=void_shipping",
        "input of many": f"MATCH_anyEPC={quote(links[0], safe='')}&eventType=TransformationEvent",
        "largest product": f"MATCH_anyEPC=https://id.gs1.org/01/{gtin(0)}",
        "small product": f"MATCH_anyEPC=https://id.gs1.org/01/{gtin(2)}&perPage=100",
        "unit": f"MATCH_anyEPC=https://id.gs1.org/01/{gtin(0)}/21/000001",
        "company": "MATCH_anyEPC=urn:epc:idpat:sgtin:9521230.*.*",
        "every item": "MATCH_anyEPC=urn:epc:idpat:sgtin:*.*.*",
        "every pallet": "MATCH_anyEPC=urn:epc:idpat:sscc:*.*",
    }


def main() -> int:
    """Build the databases, run all queries, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batches", type=int, default=200_000)
    parser.add_argument("--database-url", help="empty PostgreSQL database of index and portal; default: SQLite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        index = build_index(options.database_url or f"sqlite:///{folder / 'index.db'}", options.batches)
        app = create_app(
            PortalSettings(
                data_folder=folder,
                rpc_url="http://127.0.0.1:9",
                manifest_path=_manifest(folder),
                index_url=options.database_url,
                database_url=options.database_url,
                api_limit="1000000 per minute",
            )
        )
        portal = app.extensions["portal"]
        capture_events(portal.database, options.batches, options.batches)
        print(f"{options.batches:,} batches indexed in {time.perf_counter() - started:.0f} s")
        clock = time.perf_counter if options.database_url else time.thread_time
        slow = 0
        for title, query in queries(options.batches).items():
            milliseconds, status, events = _measure(app, query, clock)
            slow += milliseconds > LIMIT_MS
            print(f"{title:36} {milliseconds:8.1f} ms  {status} {events}")
        delay = _delay_of_others(app)
        print(f"another visitor, during eight hostile queries at once: {delay:.0f} ms")
        index.close()
    return 1 if slow or delay > 8 * LIMIT_MS else 0


def _measure(app, query, clock):
    """Return the slowest of the later rounds in ms, the status, and the number of events or the error."""
    client, times = app.test_client(), []
    for _ in range(ROUNDS):
        started = clock()
        answer = client.get(f"{EVENTS}?{query}")
        times.append(clock() - started)
    if answer.status_code == 200:
        return max(times[1:]) * 1000, 200, len(answer.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"])
    return max(times[1:]) * 1000, answer.status_code, answer.json["type"].partition(":")[2]


def _delay_of_others(app):
    """Return the longest time in ms of a lot's events while eight threads repeat expensive queries."""
    stop = threading.Event()

    def attack():
        client = app.test_client()
        while not stop.is_set():
            client.get(f"{EVENTS}?EQ_bizStep=xyz")
            client.get(f"{EVENTS}?MATCH_anyEPC=urn:epc:idpat:sgtin:*.*.*&source=others&EQ_bizStep=packing")

    threads = [threading.Thread(target=attack, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    client, longest = app.test_client(), 0.0
    for _ in range(10):
        started = time.perf_counter()
        client.get(f"{EVENTS}?MATCH_anyEPC=https://id.gs1.org/01/{gtin(0)}/10/L000001")
        longest = max(longest, time.perf_counter() - started)
    stop.set()
    for thread in threads:
        thread.join()
    return longest * 1000


def _manifest(folder):
    names = ("Consortium", "BatchRegistry", "InspectionLedger", "CustodyLedger", "ProcessLedger")
    contracts = {
        name: {"address": f"0x{number:040x}", "tx": f"0x{number:064x}", "block": 1, "code_hash": f"0x{number:064x}"}
        for number, name in enumerate(names, start=1)
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps({"chain_id": 31337, "block": 1, "contracts": contracts}))
    return path


if __name__ == "__main__":
    sys.exit(main())
