"""Canaille with its backend in memory, and one access token of a client. Usage: python server.py PORT TOKEN"""

import datetime
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend

port, token = sys.argv[1:3]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


app = create_app(
    {
        "SECRET_KEY": "only-for-a-test",
        "SERVER_NAME": f"127.0.0.1:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "memory"},
        "CANAILLE_SCIM": {"ENABLE_SERVER": True},
        "CANAILLE_OIDC": {},
    },
)
with app.app_context():
    client = models.Client(client_id="peer", client_name="peer", client_secret="secret")
    Backend.instance.save(client)
    now = datetime.datetime.now(datetime.timezone.utc)
    Backend.instance.save(
        models.Token(
            token_id="peer",
            access_token=token,
            client=client,
            subject=None,
            type="Bearer",
            scope=["openid"],
            issue_date=now,
            lifetime=86400,
        )
    )
make_server("127.0.0.1", int(port), app, handler_class=Quiet).serve_forever()
