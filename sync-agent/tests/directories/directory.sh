# directory.sh - what the start scripts of throwaway directories share. Sourced by them, not run.
#
# Each script sets
#   PKGS       the Debian packages that it needs; PRESEED, a line for debconf, where one has a question
#   PORTS      how many consecutive ports its server takes
#   PIDFILE    where its server writes its process id, below DIR; LOG, what it says
#   SECONDS_TO_START
# defines
#   create     makes the server's files in $D, once
#   write_env  prints the KEY=VALUE lines
#   serve      starts the server in the background, with file descriptor 9 closed
# and may define anew
#   recall     takes from $D what a second start has to know (BASE_DN)
#   populate   what is done once while the server runs
#   processes  the ids of all processes of the server
#   also_X     a further subcommand X
# It then calls `main "$@"`.

export PATH="/usr/sbin:/usr/bin:/sbin:/bin:$PATH"
export LDAPNOINIT=1            # the client tools must not read /etc/ldap/ldap.conf or ~/.ldaprc

die() { echo "${0##*/}: $*" >&2; exit 1; }

usage() { sed -n '2,/^set /p' "$0" | sed -e '/^set /d' -e 's/^# \{0,1\}//'; exit 2; }

# --- packages ---

missing_packages() {
  local p
  for p in $PKGS; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || printf ' %s' "$p"
  done
}

install_packages() {
  [ -n "$(missing_packages)" ] || return 0
  # One install at a time, this script's and its neighbours'.
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
    [ -z "${PRESEED:-}" ] || echo "$PRESEED" | $sudo debconf-set-selections || true
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq update >&2 7>&- || true
    # shellcheck disable=SC2086
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -y -qq \
        install --no-install-recommends $missing </dev/null >&2 7>&- || rc=$?
    [ $policy = 0 ] || $sudo rm -f /usr/sbin/policy-rc.d
    [ $rc = 0 ] || die "apt-get could not install:$missing"
  fi
  exec 7>&-
}

# --- ports and certificates ---

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

make_tls() { # make_tls [HOST]: an authority, a certificate for the server and one for the client cn=sync
  local t=$D/tls host=${1:-localhost} key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
  mkdir -p "$t"
  [ -s "$t/server.pem" ] && return 0
  # shellcheck disable=SC2086
  {
    openssl req -x509 $key -keyout "$t/ca.key" -out "$t/ca.pem" -days 3650 \
      -subj "/O=Directory tests/CN=Test CA" -addext basicConstraints=critical,CA:TRUE \
      -addext keyUsage=critical,keyCertSign,cRLSign
    openssl req $key -keyout "$t/server.key" -out "$t/server.csr" -subj "/CN=$host"
    printf 'subjectAltName=DNS:localhost,DNS:%s,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n' \
      "$host" >"$t/server.ext"
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
  chmod 600 "$t"/*.key           # Samba refuses a key that others may read
}

# --- the server's life ---

first_process() { cat "$D/$PIDFILE" 2>/dev/null | tr -d ' \n' || true; }

processes() { # the one of the pid file, where it was started on this DIR
  local pid; pid=$(first_process)
  cat "/proc/${pid:-none}/cmdline" 2>/dev/null | tr '\0' ' ' | grep -F -- "$D/config" >/dev/null && echo "$pid" || true
}

running() {
  local pid; pid=$(first_process)
  [ -n "$pid" ] && processes | grep -x -- "$pid" >/dev/null
}

answers() { ldapsearch -x -o nettimeout=2 -H "ldap://127.0.0.1:$PORT" -b '' -s base dn >/dev/null 2>&1; }

recall() { BASE_DN=$(sed -n 's/^BASE_DN=//p' "$D/env"); }

populate() { :; }

launch() {
  rm -f "$D/$PIDFILE"
  serve
  local pid=$! i
  for ((i = 0; i < SECONDS_TO_START * 20; i++)); do
    if ! kill -0 "$pid" 2>/dev/null; then tail -20 "$D/$LOG" >&2; die "the server ended at once"; fi
    if [ -s "$D/$PIDFILE" ] && answers; then return 0; fi
    sleep 0.05
  done
  kill "$pid" 2>/dev/null || true
  die "no answer on port $PORT after $SECONDS_TO_START seconds"
}

# Idempotent: a running server is left alone, a stopped one is started on the data it had.
start() {
  install_packages
  mkdir -p "$D"
  exec 9>"$D/lock-start"; flock -w 300 9 || die "another start is at work on $D"
  if [ -s "$D/env" ]; then
    local had; had=$(cat "$D/port")
    [ "$PORT" != 0 ] || PORT=$had
    recall
    if ! running; then launch; elif [ "$PORT" != "$had" ]; then die "already running on port $had"; fi
  else
    [ "$PORT" != 0 ] || PORT=$(free_ports "$PORTS")
    create
    launch
    populate
  fi
  echo "$PORT" >"$D/port"
  write_env >"$D/env.new"
  mv "$D/env.new" "$D/env"
  cat "$D/env"
}

stop() {
  local i
  # The workers of a server end when their parent does; those that linger are killed.
  if running; then kill -TERM "$(first_process)" 2>/dev/null || true; fi
  for ((i = 0; i < 200; i++)); do [ -n "$(processes)" ] || break; sleep 0.05; done
  crash
}

crash() {
  while [ -n "$(processes)" ]; do
    processes | xargs -r kill -KILL 2>/dev/null || true
    sleep 0.01
  done
  rm -f "$D/$PIDFILE"
}

main() {
  local cmd=${1:-}
  [ "$cmd" != install ] || { install_packages; exit 0; }
  [ $# -ge 2 ] || usage
  D=$(mkdir -p "$(dirname "$2")" && cd "$(dirname "$2")" && pwd)/$(basename "$2")
  PORT=0
  case "$cmd" in
    start)      PORT=${3:-0}; start ;;
    stop|crash) "$cmd" ;;
    destroy)    stop; rm -rf "$D" ;;
    status)     PORT=$(cat "$D/port" 2>/dev/null) && running && answers ;;
    env)        cat "$D/env" ;;
    *)          declare -F "also_$cmd" >/dev/null || usage; "also_$cmd" "${@:3}" ;;
  esac
}
