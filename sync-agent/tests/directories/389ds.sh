#!/usr/bin/env bash
# 389ds.sh - a throwaway 389 Directory Server for tests.
#
#   389ds.sh start DIR [PORT]   make (first time) and start; prints KEY=VALUE lines
#   389ds.sh stop DIR           stop the server, keep its data
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
export PATH="/usr/sbin:/usr/bin:/sbin:/bin:$PATH"

die() { echo "389ds.sh: $*" >&2; exit 1; }

missing_packages() {
  local p
  for p in $PKGS; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || printf ' %s' "$p"
  done
}

install_packages() {
  [ -n "$(missing_packages)" ] || return 0
  # One install at a time, this script's and its neighbour's.
  exec 7>"${TMPDIR:-/tmp}/directories-install-$(id -u).lock"; flock -w 900 7 || die "another install takes too long"
  local missing sudo="" policy=0 rc=0
  missing=$(missing_packages)
  if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
      sudo="sudo -n"
      $sudo true 2>/dev/null || die "these Debian packages are missing, and this user cannot install them:$missing"
    fi
    # The packages would start their own services; a policy that denies it, unless there is one.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
      printf '#!/bin/sh\nexit 101\n' | $sudo tee /usr/sbin/policy-rc.d >/dev/null
      $sudo chmod 755 /usr/sbin/policy-rc.d; policy=1
    fi
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq update >&2 7>&- || true
    # shellcheck disable=SC2086
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -y -qq \
        install --no-install-recommends $missing </dev/null >&2 7>&- || rc=$?
    [ $policy = 0 ] || $sudo rm -f /usr/sbin/policy-rc.d
    [ $rc = 0 ] || die "apt-get could not install:$missing"
  fi
  exec 7>&-
}

free_ports() { # free_ports N: the first of N consecutive free loopback ports
  local n=$1 p i ok tries=0
  while [ $tries -lt 200 ]; do
    tries=$((tries + 1)); p=$((20000 + RANDOM % 12000)); ok=1
    for ((i = 0; i < n; i++)); do
      if (exec 3<>"/dev/tcp/127.0.0.1/$((p + i))") 2>/dev/null; then ok=0; break; fi
    done
    [ $ok = 1 ] && { echo $p; return; }
  done
  die "no free ports found"
}

make_tls() { # a certificate authority, a server certificate and a client certificate
  local t=$D/tls key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
  mkdir -p "$t"
  [ -s "$t/server.pem" ] && return 0
  # shellcheck disable=SC2086
  {
    openssl req -x509 $key -keyout "$t/ca.key" -out "$t/ca.pem" -days 3650 \
      -subj "/O=Directory tests/CN=Test CA" -addext basicConstraints=critical,CA:TRUE \
      -addext keyUsage=critical,keyCertSign,cRLSign
    openssl req $key -keyout "$t/server.key" -out "$t/server.csr" -subj "/CN=localhost"
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n' >"$t/server.ext"
    openssl x509 -req -in "$t/server.csr" -CA "$t/ca.pem" -CAkey "$t/ca.key" -CAcreateserial \
      -days 3650 -extfile "$t/server.ext" -out "$t/server.pem"
    openssl req $key -keyout "$t/client.key" -out "$t/client.csr" -subj "/O=Directory tests/CN=sync"
    printf 'basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n' >"$t/client.ext"
    openssl x509 -req -in "$t/client.csr" -CA "$t/ca.pem" -CAkey "$t/ca.key" -CAcreateserial \
      -days 3650 -extfile "$t/client.ext" -out "$t/client.pem"
    # A second authority that signed nothing: for the test that a wrong CA is refused.
    openssl req -x509 $key -keyout "$t/other-ca.key" -out "$t/other-ca.pem" -days 3650 \
      -subj "/CN=Another CA" -addext basicConstraints=critical,CA:TRUE
  } >/dev/null 2>"$t/log" || die "openssl failed, see $t/log"
  chmod 600 "$t"/*.key
}

write_env() {
  {
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
  } >"$D/env.new"
  mv "$D/env.new" "$D/env"
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
  ldapadd -x -H "ldap://127.0.0.1:$PORT" -D "cn=Directory Manager" -w admin-secret >>"$D/create.log" 2>&1 <<LDIF
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
aci: (targetattr = "objectClass || uid || cn || sn || givenName || displayName || mail || member || uniqueMember || memberUid || nsUniqueId || modifyTimestamp || nsAccountLock")(version 3.0; acl "read users and groups"; allow (read, search, compare) userdn = "ldap:///cn=sync,ou=system,$BASE_DN";)

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

running() { # the pid file names a live process that was started on this DIR
  local pid
  pid=$(cat "$D/run/pid" 2>/dev/null) && [ -n "$pid" ] || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$D/config" || return 1
}

answers() { ldapsearch -x -o nettimeout=2 -H "ldap://127.0.0.1:$PORT" -b '' -s base dn >/dev/null 2>&1; }

launch() {
  setsid ns-slapd -D "$D/config" -i "$D/run/pid" -d 0 >>"$D/log/stdout" 2>&1 </dev/null 9>&- &
  local pid=$! i
  for ((i = 0; i < 600; i++)); do
    if ! kill -0 "$pid" 2>/dev/null; then
      cat "$D/log/stdout" "$D/log/errors" >&2; die "ns-slapd ended at once"
    fi
    if [ -s "$D/run/pid" ] && answers; then return 0; fi
    sleep 0.05
  done
  kill "$pid" 2>/dev/null || true
  die "no answer on port $PORT after 30 seconds"
}

start() {
  install_packages
  mkdir -p "$D"
  exec 9>"$D/lock-start"; flock -w 120 9 || die "another start is at work on $D"
  if [ -s "$D/env" ]; then
    PORT=$(cat "$D/port")
    running || launch
  else
    [ "$PORT" != 0 ] || PORT=$(free_ports 2)
    make_tls; configure
    make_keys >"$D/create.log" 2>&1 || { cat "$D/create.log" >&2; die "the keys could not be made"; }
    launch
    populate || { tail -5 "$D/create.log" >&2; die "the base entries were refused"; }
    echo "$PORT" >"$D/port"
    write_env
  fi
  cat "$D/env"
}

stop() {
  running || return 0
  local pid i; pid=$(cat "$D/run/pid")
  kill -TERM "$pid" 2>/dev/null || true
  for ((i = 0; i < 200; i++)); do running || break; sleep 0.05; done
  ! running || kill -KILL "$pid" 2>/dev/null || true
  rm -f "$D/run/pid"
}

usage() { sed -n '2,/^set /p' "$0" | sed -e '/^set /d' -e 's/^# \{0,1\}//'; exit 2; }

cmd=${1:-}
[ "$cmd" = install ] && { install_packages; exit 0; }
[ $# -ge 2 ] || usage
D=$(mkdir -p "$(dirname "$2")" && cd "$(dirname "$2")" && pwd)/$(basename "$2")
PORT=${3:-0}
BASE_DN=${BASE_DN:-dc=example,dc=test}
case "$cmd" in
  start)   start ;;
  stop)    stop ;;
  destroy) stop; rm -rf "$D" ;;
  status)  PORT=$(cat "$D/port" 2>/dev/null) && running && answers ;;
  env)     cat "$D/env" ;;
  *)       usage ;;
esac
