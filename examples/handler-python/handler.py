#!/usr/bin/env python3
"""An endpoint for ordermill's handler "http", with Python's standard library alone (3.9 or newer).

It verifies the signature of each call, does the work of each order once however often the order comes, and answers a
repeated call as it answered the first one. The work here is to give the order a shipment number; replace `work` by yours.

    export HANDLER_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
    python3 examples/handler-python/handler.py
    ordermill serve --set handler.kind=http --set handler.url=http://127.0.0.1:9000/orders \\
        --set handler.secret=$HANDLER_SECRET

Environment: HANDLER_SECRET (required; several, separated by spaces, during a rotation), HANDLER_DATABASE (a SQLite file,
handler.sqlite3 by default), PORT (9000 by default; 0 picks a free one). What ordermill sends, and what each answer means
to it, is in docs/HANDLER.md.
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import time
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRETS = os.environ.get("HANDLER_SECRET", "").split()
DATABASE = os.environ.get("HANDLER_DATABASE", "handler.sqlite3")
PORT = int(os.environ.get("PORT", "9000"))

# An older call may be a recorded one that is sent again.
TOLERANCE_SECONDS = 300
# An order of ordermill is never larger.
MAX_BODY_BYTES = 2 * 1024 * 1024
# How long a call waits for another one. Shorter than ordermill's handler.timeout.
LOCK_SECONDS = 5


# docs/HANDLER.md shows this function.
def is_authentic(headers, body, secrets, now):
    """Whether one of `secrets` signed this body, less than five minutes from `now` (in seconds)."""
    timestamp = headers.get("webhook-timestamp", "")
    if not timestamp.isascii() or not timestamp.isdigit() or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{headers.get('webhook-id', '')}.{timestamp}.".encode() + body
    given = [part[3:] for part in headers.get("webhook-signature", "").split(" ") if part.startswith("v1,")]
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        # compare_digest takes the same time wherever the texts differ.
        if any(hmac.compare_digest(expected.encode(), one.encode()) for one in given):
            return True
    return False


class Rejected(Exception):
    """The order can never be processed."""


def work(database, order):
    """The work itself, in the transaction that also keeps its answer: both happen, or neither does."""
    for line in order["lines"]:
        if line["sku"] == "OUT-OF-STOCK":
            raise Rejected(f"{line['product_name']} is out of stock")
    cursor = database.execute("INSERT INTO shipments (order_id) VALUES (?)", (order["id"],))
    return {"shipment": f"S-{cursor.lastrowid}"}


def process(key, order):
    """Status and body of the answer: that of the first call with this key, or a new one."""
    database = sqlite3.connect(DATABASE, timeout=LOCK_SECONDS, isolation_level=None)
    try:
        # Another call of any order is waited for here, so that no work is done twice at the same time.
        database.execute("BEGIN IMMEDIATE")
        known = database.execute("SELECT status, body FROM answers WHERE key = ?", (key,)).fetchone()
        if known:
            return known
        try:
            status, body = 200, work(database, order)
        except Rejected as reason:
            status, body = 422, {"message": str(reason)}
        answer = (status, json.dumps(body))
        database.execute("INSERT INTO answers (key, status, body) VALUES (?, ?, ?)", (key, *answer))
        database.execute("COMMIT")
        return answer
    except sqlite3.OperationalError as error:
        # Still locked: ordermill sends the order again, and counts nothing against this endpoint.
        return 409, json.dumps({"message": f"another call is at work: {error}"})
    finally:
        # Without its COMMIT, a transaction is rolled back.
        database.close()


class Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Connections stay open for the next call.
    disable_nagle_algorithm = True

    def do_POST(self):
        try:
            length = int(self.headers.get("content-length", ""))
        except ValueError:
            return self.answer(411, {"message": "a Content-Length is needed"})
        if length > MAX_BODY_BYTES:
            return self.answer(413, {"message": f"the body is larger than {MAX_BODY_BYTES} bytes"})
        body = self.rfile.read(length)
        if self.path != "/orders":
            return self.answer(404, {"message": "orders are POSTed to /orders"})
        # The bytes as they came: JSON that is written again may differ.
        if not is_authentic(self.headers, body, SECRETS, time.time()):
            return self.answer(401, {"message": "the signature is wrong, or the call is older than five minutes"})
        # The order's id. Idempotency-Key is the same, but the signature covers this one.
        status, text = process(self.headers["webhook-id"], json.loads(body, parse_float=Decimal))
        self.answer_text(status, text)

    def answer(self, status, body):
        # The rest of the request may not have been read.
        self.close_connection = True
        self.answer_text(status, json.dumps(body))

    def answer_text(self, status, text):
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(data)


def main():
    if not SECRETS:
        sys.exit("HANDLER_SECRET is not set: anyone could place orders here")
    database = sqlite3.connect(DATABASE)
    database.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, status INTEGER, body TEXT)")
    database.execute("CREATE TABLE IF NOT EXISTS shipments (number INTEGER PRIMARY KEY, order_id TEXT)")
    database.close()
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Endpoint)
    print(f"listening on http://127.0.0.1:{server.server_port}/orders", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
