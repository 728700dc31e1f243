"""Is told when a message has ended, by a webhook that it verifies with the service's secret."""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from llmq import call

SECRET = base64.b64decode(os.environ["LLMQ_HOOK_SECRET"].removeprefix("whsec_"))
PORT = int(os.environ.get("LLMQ_HOOK_PORT", "8788"))


def is_genuine(headers, body):
    """By the Standard Webhooks specification; the package `standardwebhooks` does the same."""
    sent_at = headers["webhook-timestamp"]
    if abs(time.time() - int(sent_at)) > 300:
        return False
    signed = f"{headers['webhook-id']}.{sent_at}.".encode() + body
    ours = b"v1," + base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256))
    return any(hmac.compare_digest(ours, each.encode()) for each in headers["webhook-signature"].split())


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        genuine = is_genuine(self.headers, body)
        self.send_response(204 if genuine else 400)
        self.end_headers()
        if genuine:
            event = json.loads(body)
            print(event["type"], event["data"]["id"], event["data"]["status"])

    def log_message(self, *_):
        pass


receiver = HTTPServer(("127.0.0.1", PORT), Receiver)
callback_url = f"http://127.0.0.1:{PORT}/"
call("POST", "/api/v1/messages", {"user_id": "ann", "content": "What is a webhook?", "callback_url": callback_url})
receiver.handle_request()
