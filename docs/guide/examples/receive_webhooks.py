#!/usr/bin/env python3
"""Receives the messages of a webhook, verifies each, and prints what it says. Only Python's own library.

    python3 receive_webhooks.py [PORT]

It listens on this machine only and asks for the secret that `scim-server webhook create` has printed.
"""
import base64, hashlib, hmac, http.server, json, sys, time

seen = set()


def is_genuine(secret, headers, body):
    """Standard Webhooks 1.0: an HMAC-SHA256 over id, timestamp and body, and not older than five minutes."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expect = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    is_signed = any(hmac.compare_digest(expect, one) for one in headers["webhook-signature"].split(" "))
    return is_signed and abs(time.time() - int(headers["webhook-timestamp"])) < 300


class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if not is_genuine(SECRET, self.headers, body):
            return self.answer(401)
        if self.headers["webhook-id"] not in seen:  # a message may come twice, with the same id
            message = json.loads(body)
            # Here is your work. One write for each line, because messages come side by side.
            print(f"{message['type']} {message.get('subject', '')}\n", end="", flush=True)
            seen.add(self.headers["webhook-id"])
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


port = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Endpoint)
print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
SECRET = input("the secret of the webhook (whsec_…): ").strip()
print("waiting for messages", flush=True)
server.serve_forever()
