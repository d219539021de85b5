"""A directory over LDAP, by OpenLDAP's tools, as its administrator."""
import base64
import os
import subprocess
import sys


def ldif_line(attr, value):
    raw = value if isinstance(value, bytes) else value.encode()
    text = all(32 <= b < 127 for b in raw) and not raw[:1] in (b" ", b":", b"<") and not raw.endswith(b" ")
    return attr + (b": " + raw if text else b":: " + base64.b64encode(raw)).decode() + "\n"


def ldap_tool(env, tool, ldif, *args):
    e = dict(os.environ, LDAPTLS_CACERT=env["LDAP_CA"], LDAPCONF="/dev/null")
    p = subprocess.run([tool, "-x", "-ZZ", "-H", env["LDAP_URL"], "-D", env["BIND_DN"], "-w", env["BIND_PASSWORD"],
                        *args], input=ldif.encode(), env=e, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode:
        sys.exit("%s: %s" % (tool, p.stderr.decode(errors="replace").strip() or p.returncode))
    return p.stdout.decode()


def ldap_search(env, filter_, base=None, scope="sub", attr=None):
    e = dict(os.environ, LDAPTLS_CACERT=env["LDAP_CA"], LDAPCONF="/dev/null")
    p = subprocess.run(["ldapsearch", "-x", "-ZZ", "-H", env["LDAP_URL"], "-D", env["BIND_DN"], "-w", env["BIND_PASSWORD"],
                        "-LLL", "-o", "ldif-wrap=no", "-b", base or env["BASE_DN"], "-s", scope, filter_, attr or "1.1"],
                       env=e, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode not in (0, 32):
        sys.exit("ldapsearch: " + p.stderr.decode(errors="replace").strip())
    out, want = [], (attr or "dn")
    for line in p.stdout.decode().splitlines():
        if line.startswith(want + ":: "):
            out.append(base64.b64decode(line.split(":: ", 1)[1]).decode())
        elif line.startswith(want + ": "):
            out.append(line.split(": ", 1)[1])
    return out
