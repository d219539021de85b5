"""Who is in a directory that seed.py fills: users, groups, their places, and what an agent should find."""
import json
import os


# login, given name, surname, display name, and whatever differs from a plain user.
# 'cn' is the RDN (default: the display name). A value of None means: the attribute is not there.
SPECIAL_USERS = [
    ("jose.nfc", "Jos\u00e9", "Composed", "Jos\u00e9 Composed", {"traits": ["unicode"]}),
    ("jose.nfd", "Jose\u0301", "Decomposed", "Jose\u0301 Decomposed", {"traits": ["unicode"]}),
    ("ilker.isik", "\u0130lker", "I\u015f\u0131k", "\u0130lker I\u015f\u0131k", {"traits": ["unicode"]}),
    ("gross", "Anna", "Gro\u00df", "Anna Gro\u00df", {"traits": ["unicode"]}),
    ("gross2", "Anna", "Gross", "Anna Gross 2", {}),
    ("fyodor", "\u0424\u0451\u0434\u043e\u0440", "\u0414\u043e\u0441\u0442\u043e\u0435\u0432\u0441\u043a\u0438\u0439",
     "\u0424\u0451\u0434\u043e\u0440 \u0414\u043e\u0441\u0442\u043e\u0435\u0432\u0441\u043a\u0438\u0439", {"traits": ["unicode"]}),
    ("xiaoming", "\u5c0f\u660e", "\u738b", "\u738b\u5c0f\u660e", {"traits": ["unicode"]}),
    ("hanako", "\u82b1\u5b50", "\u5c71\u7530", "\u5c71\u7530\u82b1\u5b50", {"traits": ["unicode"]}),
    ("muhammad", "\u0645\u062d\u0645\u062f", "\u0639\u0644\u064a", "\u0645\u062d\u0645\u062f \u0639\u0644\u064a", {"traits": ["unicode", "rtl"]}),
    ("zoe.rocket", "Zo\u00eb", "Rocket", "Zo\u00eb \U0001F680", {"traits": ["unicode", "astral"]}),
    ("comma.doe", "Jane", "Doe", "Doe, Jane", {"traits": ["dn-escape"]}),
    ("all.escapes", "All", "Escapes", 'A+B "C" <D>; E=F \\ G, H', {"traits": ["dn-escape"]}),
    ("hash.first", "Hash", "First", "#hash first", {"traits": ["dn-escape"]}),
    ("slash.bot", "Slash", "Bot", "R/D Bot (test*)", {"traits": ["dn-escape", "filter-escape"]}),
    ("apostrophe", "Conan", "O'Brien", "Conan O'Brien", {}),
    ("long.display", "Long", "Display", "L" * 250, {"cn": "Long Display", "traits": ["long"]}),
    ("no.mail", "No", "Mail", "No Mail", {"mail": None, "traits": ["no-mail"]}),
    ("no.given", None, "Given", "No Given", {"traits": ["no-given"]}),
    ("no.sn", "Mononym", None, "Mononym", {"traits": ["no-sn"]}),
    ("no.display", "No", "Display", None, {"cn": "No Display", "traits": ["no-display"]}),
    ("no.upn", "No", "Upn", "No Upn", {"upn": None, "traits": ["no-upn"]}),
    ("dup.mail.1", "Dup", "One", "Dup One", {"mail": "dup@example.test", "traits": ["dup-mail"]}),
    ("dup.mail.2", "Dup", "Two", "Dup Two", {"mail": "dup@example.test", "traits": ["dup-mail"]}),
    ("dup.mail.3", "Dup", "Three", "Dup Three", {"mail": "DUP@Example.Test", "traits": ["dup-mail"]}),
    ("bad.mail", "Bad", "Mail", "Bad Mail", {"mail": "not an address", "traits": ["bad-mail"]}),
    ("two.mails", "Two", "Mails", "Two Mails", {"more_mail": ["second@example.test", "third@example.test"],
                                              "traits": ["many-mails"]}),
    ("upn.upper", "Upn", "Upper", "Upn Upper", {"upn": "UPN.Upper@EXAMPLE.test", "traits": ["upn-case"]}),
    ("upn.other", "Upn", "Other", "Upn Other", {"upn": "someone.else@brand.example.test", "traits": ["upn-suffix"]}),
    ("same.name.1", "Same", "Name", "Same Name", {"ou": "Twins/A", "traits": ["same-cn"]}),
    ("same.name.2", "Same", "Name", "Same Name", {"ou": "Twins/B", "traits": ["same-cn"]}),
    ("initials", "Six", "Initials", "Six Initials", {"initials": "ABCDEF", "traits": ["initials"]}),
    ("disabled", "Disabled", "User", "Disabled User", {"disabled": True, "traits": ["disabled"]}),
    ("expired", "Expired", "User", "Expired User", {"expired": True, "traits": ["expired"]}),
    ("locked", "Locked", "User", "Locked User", {"locked": True, "traits": ["locked"]}),
    ("must.change", "Must", "Change", "Must Change", {"must_change": True, "traits": ["must-change"]}),
    ("ascii.guid", "Ascii", "Guid", "Ascii Guid", {"guid": b"ABCDEFGHIJKLMNOP", "traits": ["ascii-guid"]}),
    ("deep.ou", "Deep", "Ou", "Deep Ou", {"ou": "A/B/C/D/E/F", "traits": ["deep-ou"]}),
    ("outside", "Out", "Side", "Out Side", {"ou": "/Outside", "traits": ["outside"]}),
    ("can.login", "Can", "Login", "Can Login", {"password": "User.Pass-1", "traits": ["password"]}),
    ("inet.org", "Inet", "Org", "Inet Org", {"oc": "inetOrgPerson", "traits": ["inetorgperson"]}),
]
GIVEN = ["Ada", "Bj\u00f6rn", "Chlo\u00e9", "Dmitri", "Eszter", "Fatima", "Grace", "Hiro", "In\u00e9s", "J\u00fcrgen",
         "Katarzyna", "Lars", "Mar\u00eda", "N\u00fa\u00f1ez", "Olga", "Priya", "Quentin", "Ren\u00e9e", "S\u00f8ren", "Tom\u00e1\u0161"]
SN = ["Abbott", "B\u00fcrger", "\u010capek", "D\u00edaz", "Eriksson", "Fj\u00f8rd", "Garc\u00eda", "Hopper", "I\u015f\u0131k", "Jansen",
      "Kowalski", "Lovelace", "M\u00fcller", "Nakamura", "O'Neil", "Papadopoulos", "Quispe", "Rossi", "\u0160vec", "Turing"]


def make_users(n, rng, domain):
    users = []
    for login, given, sn, display, odd in SPECIAL_USERS:
        u = dict(login=login, given=given, sn=sn, display=display, initials=None, plain=False,
                 cn=odd.get("cn", display), mail=login + "@example.test", upn=login + "@" + domain,
                 ou="Special", traits=[])
        u.update(odd)
        users.append(u)
    for i in range(n):
        given, sn = rng.choice(GIVEN), rng.choice(SN)
        login = "u%06d" % i
        u = dict(login=login, given=given, sn=sn, display="%s %s %d" % (given, sn, i), plain=True,
                 cn="%s %s %d" % (given, sn, i), mail=login + "@example.test", upn=login + "@" + domain,
                 initials=rng.choice([None, "X", "Q"]), ou="Dept-%02d" % (i % 20), traits=[])
        if i % 20 == 19:
            u["disabled"] = True
            u["traits"].append("disabled")
        if i % 50 == 49:
            u["mail"] = None
            u["traits"].append("no-mail")
        users.append(u)
    for u in users:
        u["active"] = not u.get("disabled", False)
    return users


def special_groups(users, big, ad):
    plain = [u["login"] for u in users if u["plain"]]
    special = [u["login"] for u in users if not u["plain"]]
    pick = (plain or special)
    g = {}

    def add(name, members=(), groups=(), **odd):
        g[name] = dict(name=name, users=list(members), groups=list(groups), traits=odd.pop("traits", []),
                       description=odd.pop("description", "The group " + name), other=[], **odd)

    add("empty", traits=["empty"])
    add("flat", pick[:10])
    add("all-special", special)
    for i in range(1, 9):               # nested-1 holds nested-2 holds ... nested-8
        add("nested-%d" % i, [pick[i % len(pick)]], ["nested-%d" % (i + 1)] if i < 8 else [], traits=["nested"])
    add("diamond-top", [], ["diamond-left", "diamond-right"], traits=["nested", "diamond"])
    add("diamond-left", pick[:3], ["diamond-bottom"], traits=["nested"])
    add("diamond-right", pick[2:5], ["diamond-bottom"], traits=["nested"])
    add("diamond-bottom", pick[4:6])
    add("cycle-a", pick[:1], ["cycle-b"], traits=["cycle"])
    add("cycle-b", pick[1:2], ["cycle-c"], traits=["cycle"])
    add("cycle-c", pick[2:3], ["cycle-a"], traits=["cycle"])
    add("self", pick[:2], ["self"], traits=["cycle"])
    add("no-description", pick[:2], description=None)
    add("Gr\u00fcppe \u738b", pick[:3], traits=["unicode"])
    add("comma, group + more", pick[:3], traits=["dn-escape"])
    add("same-a", pick[:1], cn="Same Group", ou="Twins/A", traits=["same-cn"])
    add("same-b", pick[1:2], cn="Same Group", ou="Twins/B", traits=["same-cn"])
    add("mixed", ["disabled", "expired", "no.mail", "outside"], ["flat"], others=True, traits=["mixed"])
    if ad:
        add("universal", pick[:4], type=-2147483640)
        add("domain-local", pick[:4], ["universal"], type=-2147483644)
        add("distribution", pick[:4], type=2, traits=["distribution"])
        add("primary", pick[:2], primary=pick[5:25], traits=["primary"])
    else:
        add("unique", pick[:4], ["flat"], oc="groupOfUniqueNames", attr="uniqueMember")
        add("posix", pick[:4], oc="posixGroup", attr="memberUid")
        add("dangling", pick[:2], dangling=True, traits=["dangling"])
    for size in big:
        if len(plain) >= size:
            add("big-%d" % size, plain[:size], traits=["big"])
    return g


def make_groups(users, n, big, rng, ad):
    g = special_groups(users, big, ad)
    plain = [u["login"] for u in users if u["plain"]] or [u["login"] for u in users]
    teams = []
    for i in range(n):
        name = "team-%05d" % i
        sub = rng.sample(teams, min(len(teams), 2)) if i % 10 == 9 else []
        g[name] = dict(name=name, users=rng.sample(plain, min(len(plain), rng.randint(1, 30))), groups=sub,
                       traits=[], description="Team %d" % i, other=[], plain=True)
        teams.append(name)
    return g


def effective(groups):
    """Every user of every group, through nesting and primary groups, cycles included."""
    out = {}
    for name in groups:
        seen, todo, got = set(), [name], set()
        while todo:
            x = todo.pop()
            if x in seen:
                continue
            seen.add(x)
            got.update(groups[x]["users"])
            got.update(groups[x].get("primary", []))
            todo.extend(groups[x]["groups"])
        out[name] = sorted(got)
    return out


def esc(value):
    """A DN attribute value, escaped as RFC 4514 asks."""
    out = "".join("\\" + c if c in '\\,+"<>;=' else c for c in value)
    if out[:1] in ("#", " "):
        out = "\\" + out
    if out.endswith(" ") and not out.endswith("\\ "):
        out = out[:-1] + "\\ "
    return out


def sam_name(group):
    """A group's sAMAccountName, in which some characters of its name are not allowed."""
    return group.replace(",", "").replace("+", "")


def ou_dn(path, root, base):
    """'A/B' below root; '/X' below base."""
    at = base if path.startswith("/") else root
    for part in [p for p in path.split("/") if p]:
        at = "OU=%s,%s" % (esc(part), at)
    return at


def read_env(d):
    env = {}
    with open(os.path.join(d, "env")) as f:
        for line in f:
            k, _, v = line.rstrip("\n").partition("=")
            env[k] = v
    return env


def place(users, groups, env):
    """Gives everything its DN; returns the organizational units to make, parents first."""
    base, root, groot = env["BASE_DN"], env["USERS_DN"], env["GROUPS_DN"]
    ous = {}

    def need(path, at):
        parts = [p for p in path.split("/") if p]
        lead = "/" if path.startswith("/") else ""
        for i in range(1, len(parts) + 1):
            ous[ou_dn(lead + "/".join(parts[:i]), at, base)] = parts[i - 1]

    ad = env["LDAP_KIND"] == "samba-ad"
    for u in users:
        need(u["ou"], root)
        rdn = "CN=" + esc(u["cn"]) if ad else "uid=" + esc(u["login"])
        u["dn"] = rdn + "," + ou_dn(u["ou"], root, base)
    for g in groups.values():
        at = groot
        if g.get("ou"):
            need(g["ou"], groot)
            at = ou_dn(g["ou"], groot, base)
        g["dn"] = "%s=%s,%s" % ("CN" if ad else "cn", esc(g.get("cn", g["name"])), at)
    return ous


def write_truth(d, users, groups, ids, numbers):
    flat = effective(groups)
    truth = {"numbers": numbers, "users": {}, "groups": {}}
    for u in users:
        i = ids.get(u["dn"].lower(), {})
        truth["users"][u["login"]] = dict(
            dn=u["dn"], id=i.get("id"), sid=i.get("sid"), userName=u.get("upn"), displayName=u["display"],
            givenName=u["given"], familyName=u["sn"], middleName=u["initials"], mail=u["mail"],
            active=u["active"], plain=u["plain"], traits=u["traits"])
    for n, g in groups.items():
        i = ids.get(g["dn"].lower(), {})
        truth["groups"][n] = dict(
            dn=g["dn"], id=i.get("id"), sid=i.get("sid"), description=g["description"], users=sorted(g["users"]),
            groups=sorted(g["groups"]), primary=sorted(g.get("primary", [])), effective=flat[n],
            other=g["other"], traits=g["traits"])
    with open(os.path.join(d, "seed.json.new"), "w") as f:
        json.dump(truth, f, ensure_ascii=False, indent=1, sort_keys=True)
    os.rename(os.path.join(d, "seed.json.new"), os.path.join(d, "seed.json"))
