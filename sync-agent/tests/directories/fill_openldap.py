"""Fills OpenLDAP: over LDAP, so that the overlays (memberOf, the session log) see every change."""
import base64
import os
import re
import subprocess
import time

from ldap_tools import ldap_tool, ldif_line
from population import esc


def fill_openldap(d, env, users, groups, ous):
    t = [time.time()]

    def lap(what):
        now = time.time()
        print("%-28s %6.2f s" % (what, now - t[0]), flush=True)
        t[0] = now

    out = []
    for dn, name in ous.items():
        out.append(ldif_line("dn", dn) + "objectClass: organizationalUnit\n" + ldif_line("ou", name) + "\n")
    for n, u in enumerate(users):
        e = ldif_line("dn", u["dn"]) + "objectClass: inetOrgPerson\nobjectClass: posixAccount\n"
        e += ldif_line("uid", u["login"]) + ldif_line("cn", u["cn"]) + ldif_line("sn", u["sn"] or u["cn"])
        e += "uidNumber: %d\ngidNumber: 10000\nhomeDirectory: /home/%s\n" % (20000 + n, u["login"])
        for k, v in (("givenName", u["given"]), ("displayName", u["display"]), ("mail", u["mail"]),
                     ("initials", u["initials"])):
            if v is not None:
                e += ldif_line(k, v)
        for m in u.get("more_mail", []):
            e += ldif_line("mail", m)
        if u.get("password"):
            e += ldif_line("userPassword", u["password"])
        if u.get("disabled"):                # the password policy's own way to say 'locked for good'
            e += "pwdAccountLockedTime: 000001010000Z\n"
        out.append(e + "\n")
        # inetOrgPerson needs a surname, and a login stands where AD has a user principal name.
        u["sn"], u["upn"] = u["sn"] or u["cn"], u["login"]
    ldap_tool(env, "ldapadd", "".join(out), "-e", "relax")
    lap("%d users" % len(users))
    udn = {u["login"]: u["dn"] for u in users}
    first = []
    for n, g in enumerate(groups.values()):
        oc, attr = g.get("oc", "groupOfNames"), g.get("attr", "member")
        e = ldif_line("dn", g["dn"]) + "objectClass: %s\n" % oc + ldif_line("cn", g.get("cn", g["name"]))
        if g["description"] is not None:
            e += ldif_line("description", g["description"])
        if attr == "memberUid":
            e += "gidNumber: %d\n" % (10000 + n)
            values = g["users"]
        else:
            values = [udn[x] for x in g["users"]] + [groups[x]["dn"] for x in g["groups"]]
            if g.get("dangling"):
                g["other"] = ["uid=nobody-here," + env["USERS_DN"]]
                values += g["other"]
            if not values:                   # groupOfNames must have a member: the customary dummy
                g["other"] = [env["BASE_DN"]]
                values = g["other"]
        first.append(e + "".join(ldif_line(attr, v) for v in values) + "\n")
    ldap_tool(env, "ldapadd", "".join(first))
    lap("%d groups" % len(groups))
    ids, dn = {}, None
    e = dict(os.environ, LDAPTLS_CACERT=env["LDAP_CA"], LDAPCONF="/dev/null")
    text = subprocess.run(["ldapsearch", "-x", "-ZZ", "-H", env["LDAP_URL"], "-D", env["BIND_DN"], "-w",
                           env["BIND_PASSWORD"], "-LLL", "-o", "ldif-wrap=no", "-b", env["BASE_DN"],
                           "(|(objectClass=inetOrgPerson)(cn=*))", "entryUUID"],
                          env=e, stdout=subprocess.PIPE, check=True).stdout.decode()
    for line in text.splitlines():
        if line.startswith("dn:: "):
            dn = base64.b64decode(line[5:]).decode()
        elif line.startswith("dn: "):
            dn = line[4:]
        elif line.startswith("entryUUID: "):
            ids[dn.lower()] = dict(id=line[11:])
    return {norm(k): v for k, v in ids.items()}


def norm(dn):
    """One spelling for the two ways of escaping a character in a DN: \\2C and \\, ."""
    return re.sub(r"\\([0-9a-fA-F]{2})", lambda m: esc(chr(int(m.group(1), 16))) if int(m.group(1), 16) < 128
                  else m.group(0), dn).lower()
