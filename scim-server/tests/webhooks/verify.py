"""Verifies webhook messages with libraries that others wrote. One message a line: {"headers": {}, "body": "", "at": 0};
"at" is when it came, in seconds since the epoch."""
import base64, datetime, json, sys

import svix.webhooks
import standardwebhooks.webhooks
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Arrival(datetime.datetime):
    """The time at which a message came: messages of a long run are judged at its end."""
    at = 0

    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(cls.at, tz)


for library in (standardwebhooks.webhooks, svix.webhooks):
    library.datetime = Arrival

secrets, public_keys = json.loads(sys.argv[1]), json.loads(sys.argv[2])
count = 0
for line in sys.stdin:
    message = json.loads(line)
    headers, body, Arrival.at = message["headers"], message["body"], message["at"]
    event = from_http_event(HTTPMessage({"content-type": headers["content-type"]}, body.encode()))
    assert event.get_id() == headers["webhook-id"] and event.get_type() and event.get_source(), body
    for secret in secrets:
        payload = standardwebhooks.webhooks.Webhook(secret).verify(body, headers)
        assert {"type", "timestamp", "data"} <= payload.keys(), payload.keys()
        svix.webhooks.Webhook(secret).verify(body, headers)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    signatures = [one[4:] for one in headers["webhook-signature"].split(" ") if one.startswith("v1a,")]
    for key in public_keys:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix("whpk_")))
        def is_valid(signature):
            try:
                public.verify(base64.b64decode(signature), signed)
                return True
            except Exception:
                return False
        assert any(map(is_valid, signatures)), "no v1a signature of the key"
    try:
        standardwebhooks.webhooks.Webhook(secrets[0]).verify(body + " ", headers)
        raise SystemExit("a changed body was verified")
    except standardwebhooks.webhooks.WebhookVerificationError:
        pass
    count += 1
print(count, "messages")
