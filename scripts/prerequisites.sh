#!/usr/bin/env bash
# Names each missing prerequisite with the command that installs it (Debian and Ubuntu). Changes nothing.
set -u
python=${1:-python3}
missing=0
need() { printf 'missing: %s\n   install: %s\n' "$1" "$2" >&2; missing=1; }

if ! command -v "$python" >/dev/null; then
  need "Python 3.11 or newer ($python)" "sudo apt-get install python3 python3-venv"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  need "Python 3.11 or newer ($("$python" --version 2>&1))" "sudo apt-get install python3.11 python3.11-venv, then make PYTHON=python3.11 …"
elif ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  need "Python's venv module" "sudo apt-get install python3-venv"
fi
if ! command -v node >/dev/null; then
  need "Node.js 20 or newer" "sudo apt-get install nodejs npm   (or the packages of nodejs.org where Debian's are older)"
elif ! node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)'; then
  need "Node.js 20 or newer ($(node --version))" "the packages of nodejs.org"
fi
command -v npm >/dev/null || need "npm" "sudo apt-get install npm"
exit $missing
