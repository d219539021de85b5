"""The token of the application on django-scim2."""

from django.conf import settings


class Bearer:
    """Who has the token is a user; everybody else is nobody."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        given = [scheme.lower(), token]

        class Caller:
            is_authenticated = given == ["bearer", settings.PEER_TOKEN]

        request.user = Caller()
        return self.get_response(request)
