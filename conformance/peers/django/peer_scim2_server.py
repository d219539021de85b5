"""A minimal application on django-scim2-server: its own models and adapters, and a bearer token.

Usage: python peer_scim2_server.py PORT TOKEN FOLDER
"""

import os
import sys

import django
from django.conf import settings

PORT, TOKEN, FOLDER = sys.argv[1:4]


def check(request):
    """Whether the request has the token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and token == TOKEN


settings.configure(
    DEBUG=False,
    SECRET_KEY="only-for-a-test",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="__main__",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django_scim2_server"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(FOLDER, "scim2-server.db"),
            # Writers wait for each other; otherwise some of them are answered 500.
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    MIDDLEWARE=[],
    SCIM2_SERVER_AUTH_CHECK="__main__.check",
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.urls import include, path  # noqa: E402

urlpatterns = [path("scim/v2/", include("django_scim2_server.urls"))]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    call_command("runserver", f"127.0.0.1:{PORT}", use_reloader=False, verbosity=0)
