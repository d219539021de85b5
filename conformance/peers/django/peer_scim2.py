"""A minimal application on django-scim2: what its documentation asks of an application, and no more.

Usage: python peer_scim2.py PORT TOKEN FOLDER
"""

import os
import sys

import django
from django.conf import settings

PORT, TOKEN, FOLDER = sys.argv[1:4]

settings.configure(
    DEBUG=False,
    SECRET_KEY="only-for-a-test",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="__main__",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "peer", "django_scim"],
    AUTH_USER_MODEL="peer.User",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(FOLDER, "django-scim2.db"),
            # Writers wait for each other; otherwise some of them are answered 500.
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    MIDDLEWARE=["peer.bearer.Bearer", "django_scim.middleware.SCIMAuthCheckMiddleware"],
    PEER_TOKEN=TOKEN,
    SCIM_SERVICE_PROVIDER={
        "NETLOC": f"127.0.0.1:{PORT}",
        "SCHEME": "http",
        "GROUP_MODEL": "peer.models.Group",
        "WWW_AUTHENTICATE_HEADER": 'Bearer realm="peer"',
        "AUTHENTICATION_SCHEMES": [
            {"type": "oauthbearertoken", "name": "Bearer", "description": "A bearer token.", "specUri": "", "documentationUri": ""}
        ],
    },
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.urls import include, path  # noqa: E402

urlpatterns = [path("scim/v2/", include("django_scim.urls", namespace="scim"))]

if __name__ == "__main__":
    call_command("migrate", run_syncdb=True, verbosity=0)
    call_command("runserver", f"127.0.0.1:{PORT}", use_reloader=False, verbosity=0)
