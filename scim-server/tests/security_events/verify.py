"""Verifies security event tokens with joserfc: verify.py METADATA JWKS < {"sets": {}} → the claims, as a JSON array.

The "issuer" of the metadata may be a list: of a server that was at several URLs."""
import json, sys, warnings

from joserfc import jws
from joserfc.jwk import KeySet

warnings.simplefilter("ignore")  # joserfc warns of the name EdDSA, which RFC 9864 parts into two
metadata, keys = json.loads(sys.argv[1]), KeySet.import_key_set(json.loads(sys.argv[2]))
issuers = metadata["issuer"] if isinstance(metadata["issuer"], list) else [metadata["issuer"]]
all_claims = []
for jti, token in json.load(sys.stdin)["sets"].items():
    verified = jws.deserialize_compact(token, keys, algorithms=["EdDSA", "ES256"])
    assert verified.headers()["typ"] == "secevent+jwt", verified.headers()
    claims = json.loads(verified.payload)
    assert claims["jti"] == jti and claims["iss"] in issuers, claims
    assert "sub" not in claims and "exp" not in claims and claims["sub_id"]["format"] in ("scim", "opaque", "complex"), claims
    assert claims["events"] and claims["aud"] and isinstance(claims["iat"], int), claims
    all_claims.append(claims)
print(json.dumps(all_claims))
