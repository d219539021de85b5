#!/usr/bin/env bash
# sign.sh COMMAND FILE: signs a file with a command that takes it as its last argument, such as "minisign -S -s KEY -m".
set -euo pipefail
read -ra command <<<"$1"
"${command[@]}" "$2"
