#!/usr/bin/env bash
# Report each missing prerequisite with the command that installs it (Debian and Ubuntu). Change nothing.
set -u
python=${1:-python3}
missing=0
report() { printf 'missing: %s\n   install: %s\n' "$1" "$2" >&2; missing=1; }

if ! command -v "$python" >/dev/null; then
  report "Python 3.11 or newer ($python)" "sudo apt-get install python3 python3-venv"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  report "Python 3.11 or newer (found $("$python" --version 2>&1))" \
    "sudo apt-get install python3.11 python3.11-venv, then run make PYTHON=python3.11 ..."
elif ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  report "the venv module of Python" "sudo apt-get install python3-venv"
fi
if ! command -v node >/dev/null; then
  report "Node.js 20 or newer" "sudo apt-get install nodejs npm   (use the packages of nodejs.org if Debian's are older)"
elif ! node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)'; then
  report "Node.js 20 or newer (found $(node --version))" "the packages of nodejs.org"
fi
command -v npm >/dev/null || report "npm" "sudo apt-get install npm"
exit $missing
