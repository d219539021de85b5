"""Clients that a generator has made of the two descriptions, at a running server.

Arguments: an empty folder, the origin of the server, the base URL of administration and a token for that.
"""

import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(sys.argv[1])
ORIGIN, ADMIN, ADMIN_TOKEN = sys.argv[2:]
REFERENCE = pathlib.Path(__file__).parents[3] / "docs" / "reference"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"


def generate(description, name):
    """Makes a package of a description. What the generator cannot use is an error."""
    settings = FOLDER / "settings.yaml"
    # Lines of JSON are bytes to it.
    settings.write_text("post_hooks: []\ncontent_type_overrides: {application/x-ndjson: application/octet-stream}\n")
    command = ["generate", "--fail-on-warning", "--meta", "none", "--config", settings]
    command += ["--path", REFERENCE / description, "--output-path", FOLDER / name]
    subprocess.run([sys.executable, "-m", "openapi_python_client", *command], check=True)


def administrate():
    """Makes a tenant; gives its id, and a token that may do everything."""
    from admin.api.default import get_tenants, post_tenants, post_tenants_tenant_tokens
    from admin.client import AuthenticatedClient
    from admin.models import IssuedToken, PostTenantsBody, PostTenantsTenantTokensBody, Problem, Tenant

    client = AuthenticatedClient(base_url=ADMIN, token=ADMIN_TOKEN)
    made = post_tenants.sync(client=client, body=PostTenantsBody(name="generated"))
    assert isinstance(made, Tenant) and made.users == 0, made
    again = post_tenants.sync_detailed(client=client, body=PostTenantsBody(name="generated"))
    assert again.status_code == 409 and isinstance(again.parsed, Problem), again
    assert "generated" in [tenant.tenant for tenant in get_tenants.sync(client=client).items]
    body = PostTenantsTenantTokensBody(name="app", scopes=["read", "write", "events"])
    token = post_tenants_tenant_tokens.sync("generated", client=client, body=body)
    assert isinstance(token, IssuedToken) and token.tenant_id == made.tenant_id, token
    return token.tenant_id, token.token


def provision(tenant, token):
    from scim.api.events import create_consumer, receive_events
    from scim.api.scim import create_group, create_user, delete_user, get_user, list_users, modify_user
    from scim.client import AuthenticatedClient
    from scim.models import (
        Error, GroupRequest, GroupRequestMembersItem, NewConsumer, PatchOp, PatchOpOperationsItem,
        PatchOpOperationsItemOp, Receive, UserRequest, UserRequestName,
    )

    client = AuthenticatedClient(base_url=ORIGIN, token=token)
    consumer = create_consumer.sync(tenant, client=client, body=NewConsumer(name="generated"))
    assert consumer.name == "generated", consumer
    body = UserRequest(schemas=[USER], user_name="anna", name=UserRequestName(given_name="Anna"))
    user = create_user.sync(tenant, client=client, body=body)
    assert (user.user_name, user.name.given_name, user.meta.version) == ("anna", "Anna", 'W/"1"'), user
    again = create_user.sync_detailed(tenant, client=client, body=body)
    assert again.status_code == 409 and isinstance(again.parsed, Error), again
    assert again.parsed.scim_type == "uniqueness", again.parsed
    change = PatchOpOperationsItem(op=PatchOpOperationsItemOp.REPLACE, path="title", value="Engineer")
    message = PatchOp(schemas=["urn:ietf:params:scim:api:messages:2.0:PatchOp"], operations=[change])
    assert modify_user.sync(tenant, user.id, client=client, body=message).title == "Engineer"
    page = list_users.sync(tenant, client=client, filter_='title eq "engineer"', count=10)
    assert (page.total_results, page.resources[0].id) == (1, user.id), page
    members = [GroupRequestMembersItem(value=user.id)]
    schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"]
    group = create_group.sync(tenant, client=client, body=GroupRequest(schemas=schemas, display_name="all", members=members))
    assert group.members[0].value == user.id, group
    assert delete_user.sync_detailed(tenant, user.id, client=client).status_code == 204
    gone = get_user.sync_detailed(tenant, user.id, client=client)
    assert gone.status_code == 404 and gone.parsed.status == "404", gone
    batch = receive_events.sync(tenant, "generated", client=client, body=Receive())
    types = [event.type_ for event in batch.events]
    assert "scim.user.created" in types and "scim.user.deleted" in types, types


generate("openapi.json", "scim")
generate("admin-api.json", "admin")
sys.path.insert(0, str(FOLDER))
provision(*administrate())
