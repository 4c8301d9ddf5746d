#!/usr/bin/env python3
"""Follows enriched events with a durable consumer: `python3 subscribe.py [SUBJECT] [COUNT]`.

Needs nats-py. Stops after COUNT events, 0 for never. Run it again and it goes on where it stopped.
"""
import asyncio
import json
import os
import sys

import nats
from nats.errors import TimeoutError as NatsTimeoutError


async def main() -> None:
    subject = sys.argv[1] if len(sys.argv) > 1 else "herald.enriched.>"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    connection = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    events = await connection.jetstream().pull_subscribe(subject, durable="example-python", stream="HERALD_ENRICHED")
    seen = 0
    while not count or seen < count:
        try:
            messages = await events.fetch(batch=10 if not count else min(10, count - seen), timeout=5)
        except NatsTimeoutError:
            continue
        for message in messages:
            event = json.loads(message.data)
            target = event["involvedObject"]
            print(message.headers["Nats-Msg-Id"], event["reason"], target.get("kind"), target.get("name"), event.get("message"), flush=True)
            await message.ack()
            seen += 1
    await connection.drain()


asyncio.run(main())
