"""OAuth clients that others wrote: Authlib, and assertions that joserfc signs.

    run.py keys FOLDER                                  make keys; public.json is the JWK Set
    run.py tokens FOLDER ORIGIN TENANT CLIENT SECRET    get tokens in each way, and call SCIM
"""

import json
import os
import pathlib
import sys
import time
import uuid

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

# Which key, by which algorithm.
KEYS = {
    "rsa": (lambda: RSAKey.generate_key(2048, {"kid": "rsa"}), "RS256"),
    "ec": (lambda: ECKey.generate_key("P-256", {"kid": "ec"}), "ES256"),
    "ed": (lambda: OKPKey.generate_key("Ed25519", {"kid": "ed"}), "EdDSA"),
}


def make_keys(folder):
    made = {name: make() for name, (make, _) in KEYS.items()}
    public = KeySet(list(made.values())).as_dict(private=False)
    (folder / "public.json").write_text(json.dumps(public))
    private = {name: key.as_dict(private=True) for name, key in made.items()}
    (folder / "private.json").write_text(json.dumps(private))
    (folder / "rsa.pem").write_bytes(made["rsa"].as_pem(private=True))


def read_keys(folder):
    kinds = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    private = json.loads((folder / "private.json").read_text())
    return {name: kinds[key["kty"]].import_key(key) for name, key in private.items()}


def check(condition, what):
    if not condition:
        sys.exit(f"failed: {what}")


def call_scim(origin, tenant, token):
    answer = requests.get(
        f"{origin}/{tenant}/scim/v2/Users", headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=60
    )
    check(answer.status_code == 200, f"SCIM answers {answer.status_code}: {answer.text}")
    check(answer.json()["totalResults"] == 0, answer.text)


def assertion(key, algorithm, claims):
    now = int(time.time())
    whole = {"iat": now, "nbf": now, "exp": now + 300, "jti": str(uuid.uuid4()), **claims}
    # joserfc warns of the name EdDSA, which RFC 9864 parts into two; issuers still send it.
    return jwt.encode({"alg": algorithm, "kid": key.kid, "typ": "JWT"}, whole, key, algorithms=[algorithm])


def get_tokens(folder, origin, tenant, client, secret):
    found = requests.get(f"{origin}/.well-known/oauth-authorization-server/{tenant}/oauth2", timeout=60).json()
    metadata = AuthorizationServerMetadata(found)
    # Its rules ask for https, which this server has not here.
    for name in ["grant_types_supported", "response_types_supported", "scopes_supported"]:
        getattr(metadata, f"validate_{name}")()
    endpoint = metadata["token_endpoint"]

    for method in ["client_secret_basic", "client_secret_post"]:
        check(method in metadata["token_endpoint_auth_methods_supported"], method)
        session = OAuth2Session(client, secret, token_endpoint_auth_method=method, scope="scim")
        token = session.fetch_token(endpoint, grant_type="client_credentials")
        check(token["token_type"] == "Bearer" and token["scope"] == "scim", token)
        call_scim(origin, tenant, token)
        check(session.get(f"{origin}/{tenant}/scim/v2/Groups").status_code == 200, "the session calls SCIM")

    # A client that signs for itself, as RFC 7523 has it: iss and sub are its id.
    pem = (folder / "rsa.pem").read_text()
    methods = {f"{endpoint}_endpoint_auth_method": "private_key_jwt" for endpoint in ["token", "revocation"]}
    session = OAuth2Session(client, pem, **methods)
    session.register_client_auth_method(PrivateKeyJWT(endpoint, headers={"kid": "rsa"}))
    token = session.fetch_token(endpoint, grant_type="client_credentials")
    call_scim(origin, tenant, token)
    check(session.revoke_token(metadata["revocation_endpoint"], token=token["access_token"]).status_code == 200, "revoke")
    answer = session.get(f"{origin}/{tenant}/scim/v2/Users")
    check(answer.status_code == 401, "a token that was revoked")

    # Somebody else signs for it, by each algorithm.
    for name, key in read_keys(folder).items():
        signed = assertion(key, KEYS[name][1], {"iss": "https://idp.example", "sub": "workload", "aud": "api://scim"})
        form = {
            "grant_type": "client_credentials",
            "client_id": client,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": signed,
            "scope": "scim",
        }
        answer = requests.post(endpoint, data=form, timeout=60)
        check(answer.status_code == 200, f"{name}: {answer.text}")
        call_scim(origin, tenant, answer.json())
        check(requests.post(endpoint, data=form, timeout=60).status_code == 401, f"{name}: a replay")

    # The public RSA key as a secret of HMAC: what is confused elsewhere.
    import base64, hashlib, hmac

    encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
    now = int(time.time())
    claims = {"iss": "https://idp.example", "sub": "workload", "aud": "api://scim", "exp": now + 300, "jti": "x"}
    public = read_keys(folder)["rsa"].as_pem(private=False)
    for kid in ["rsa", "ec"]:
        signed = encode(json.dumps({"alg": "HS256", "kid": kid}).encode()) + b"." + encode(json.dumps(claims).encode())
        forged = signed + b"." + encode(hmac.new(public, signed, hashlib.sha256).digest())
        answer = requests.post(endpoint, data={**form, "client_assertion": forged.decode()}, timeout=60)
        check(answer.status_code == 401 and answer.json()["error"] == "invalid_client", answer.text)


if sys.argv[1] == "keys":
    make_keys(pathlib.Path(sys.argv[2]))
else:
    get_tokens(pathlib.Path(sys.argv[2]), *sys.argv[3:])
