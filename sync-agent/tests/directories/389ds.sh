#!/usr/bin/env bash
# 389ds.sh - a throwaway 389 Directory Server for tests.
#
#   389ds.sh start DIR [PORT]   make (first time) and start; prints KEY=VALUE lines
#   389ds.sh stop DIR           stop the server, keep its data
#   389ds.sh crash DIR          kill it, as when the machine is lost
#   389ds.sh destroy DIR        stop the server and remove DIR
#   389ds.sh status DIR         exit 0 when it is running and answering
#   389ds.sh env DIR            print the KEY=VALUE lines again
#   389ds.sh install            only install the packages that are needed
#
# Everything lives under DIR. The server runs as the calling user, root or not, without systemd and
# without the instances of the host (dscreate would make one of those). It listens on 127.0.0.1 only:
# ldap at PORT, ldaps at PORT+1. PORT may be left out or 0: free ports are chosen and remembered.
#
# Settings (environment, used when DIR is first created):
#   BASE_DN        dc=example,dc=test
#
# SYNC_DN is the least-privileged account: it may read the users and groups, and of the operational
# attributes nsUniqueId, modifyTimestamp and nsAccountLock, which an access rule has to name.
set -euo pipefail
umask 077

PKGS="389-ds-base libnss3-tools ldap-utils openssl"
PORTS=2
PIDFILE=run/pid
LOG=log/stdout
SECONDS_TO_START=30
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/directory.sh"

write_env() {
  echo "LDAP_KIND=389ds"
  echo "LDAP_URL=ldap://127.0.0.1:$PORT"
  echo "LDAPS_URL=ldaps://127.0.0.1:$((PORT + 1))"
  echo "LDAP_CA=$D/tls/ca.pem"
  echo "BASE_DN=$BASE_DN"
  echo "BIND_DN=cn=Directory Manager"
  echo "BIND_PASSWORD=admin-secret"
  echo "SYNC_DN=cn=sync,ou=system,$BASE_DN"
  echo "SYNC_PASSWORD=sync-secret"
  echo "USERS_DN=ou=people,$BASE_DN"
  echo "GROUPS_DN=ou=groups,$BASE_DN"
}

# The server keeps its keys in a database of NSS.
make_keys() {
  mkdir -p "$D/nss"
  certutil -N -d "sql:$D/nss" --empty-password
  openssl pkcs12 -export -in "$D/tls/server.pem" -inkey "$D/tls/server.key" -name Server-Cert \
    -passout pass:move -out "$D/tls/server.p12"
  pk12util -i "$D/tls/server.p12" -d "sql:$D/nss" -W move -K "" >/dev/null
  certutil -A -d "sql:$D/nss" -n ca -t CT,, -a -i "$D/tls/ca.pem"
}

configure() {
  local data=/usr/share/dirsrv/data password
  password=$(pwdhash -s SSHA512 admin-secret)
  mkdir -p "$D"/{config,db,lock,tmp,ldif,bak,run,log}
  cp -r /etc/dirsrv/schema "$D/config/schema"
  cp /etc/dirsrv/config/slapd-collations.conf /etc/dirsrv/config/certmap.conf "$D/config/"
  sed -e "s|%schema_dir%|$D/config/schema|; s|%lock_dir%|$D/lock|; s|%tmp_dir%|$D/tmp|; s|%cert_dir%|$D/nss|" \
    -e "s|%ldif_dir%|$D/ldif|; s|%bak_dir%|$D/bak|; s|%run_dir%|$D/run|; s|%inst_dir%|$D|" \
    -e "s|%log_dir%|$D/log|; s|%fqdn%|localhost|; s|%ds_port%|$PORT|; s|%ds_user%|$(id -un)|" \
    -e "s|%rootdn%|cn=Directory Manager|; s|%ds_passwd%|$password|; s|%ds_suffix%|$BASE_DN|" \
    -e "s|%config_dir%|$D/config|; s|%db_dir%|$D/db|; s|%db_home_dir%|$D/db|; s|%db_lib%|bdb|" \
    -e "s|%ldapi_enabled%|off|; s|%ldapi%|$D/run/ldapi|; s|%ldapi_autobind%|off|" \
    -e "s|^nsslapd-port: .*|&\nnsslapd-listenhost: 127.0.0.1\nnsslapd-securelistenhost: 127.0.0.1\nnsslapd-security: on\nnsslapd-secureport: $((PORT + 1))|" \
    "$data/template-dse.ldif" >"$D/config/dse.ldif"
}

populate() {
  local dc=${BASE_DN%%,*}; dc=${dc#*=}
  ldapadd -x -H "ldap://127.0.0.1:$PORT" -D "cn=Directory Manager" -w admin-secret >>"$D/create.log" 2>&1 <<LDIF \
    || { tail -5 "$D/create.log" >&2; die "the base entries were refused"; }
dn: cn=userRoot,cn=ldbm database,cn=plugins,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsBackendInstance
cn: userRoot
nsslapd-suffix: $BASE_DN

dn: cn="$BASE_DN",cn=mapping tree,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsMappingTree
cn: $BASE_DN
nsslapd-state: backend
nsslapd-backend: userRoot

dn: $BASE_DN
objectClass: domain
dc: $dc
aci: (targetattr = "objectClass || uid || cn || sn || givenName || initials || displayName || mail || member || uniqueMember || memberUid || nsUniqueId || modifyTimestamp || nsAccountLock || gidNumber || description || manager || secretary || employeeNumber || departmentNumber || o")(version 3.0; acl "read users and groups"; allow (read, search, compare) userdn = "ldap:///cn=sync,ou=system,$BASE_DN";)

dn: ou=system,$BASE_DN
objectClass: organizationalUnit
ou: system

dn: cn=sync,ou=system,$BASE_DN
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: sync
userPassword: sync-secret

dn: ou=people,$BASE_DN
objectClass: organizationalUnit
ou: people

dn: ou=groups,$BASE_DN
objectClass: organizationalUnit
ou: groups
LDIF
}

create() {
  make_tls
  configure
  make_keys >"$D/create.log" 2>&1 || { cat "$D/create.log" >&2; die "the keys could not be made"; }
}

serve() {
  # What a killed one left: its number may be somebody else's by now.
  rm -f "$D"/lock/server/*
  setsid ns-slapd -D "$D/config" -i "$D/$PIDFILE" -d 0 >>"$D/$LOG" 2>&1 </dev/null 9>&- &
}

BASE_DN=${BASE_DN:-dc=example,dc=test}
main "$@"
