#!/usr/bin/env bash
# Makes the Python environment of a checkout and links it there.
#
#   scripts/bootstrap.sh          .venv      from requirements.txt       (make up)
#   scripts/bootstrap.sh --dev    .venv-dev  from requirements-dev.txt   (make test)
#
# Environments live in the cache, named by the hash of what they are made of, and are shared by all checkouts. One counts only
# once its last step has marked it complete: what a killed run leaves behind is removed and made again by the next run. (It is
# not built elsewhere and renamed, because the scripts in a virtual environment hold its absolute path.)
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
requirements=requirements.txt link=.venv program=ansible-playbook what="the controller's Python environment"
if [[ ${1:-} == --dev ]]; then
  requirements=requirements-dev.txt link=.venv-dev program=ansible-lint what="the Python environment of the tests"
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mlops-platform/venv

say() { printf '%s\n' "$*" >&2; }
die() { say "bootstrap: $*"; exit 1; }

# A Python that ansible-core 2.19 runs on, and that can make virtual environments.
usable='import sys, venv, ensurepip
sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
find_python() {
  local candidate
  for candidate in /usr/bin/python3 python3.13 python3.12 python3.11 python3; do
    if "$candidate" -c "$usable" 2>/dev/null; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  return 1
}

install_python() {
  local sudo=()
  command -v apt-get >/dev/null || die "no Python 3.11 to 3.13 with venv found, and no apt-get to install it: install one, then run this again"
  if [[ $(id -u) != 0 ]]; then
    sudo=(sudo -n)
    "${sudo[@]}" true 2>/dev/null ||
      die "Python 3.11 to 3.13 with venv is missing, and this is not root: run 'sudo apt-get install -y python3-venv', then this again"
  fi
  say "Installing Debian's python3-venv, which stays"
  local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0)
  "${apt[@]}" update
  "${apt[@]}" install -y --no-install-recommends python3 python3-venv ca-certificates >/dev/null
}

# Nothing to do: the link points at an environment made of these very requirements.
digest=$(cat "$requirements" scripts/bootstrap.sh | sha256sum | cut -c1-16)
current=$(readlink "$link" || true)
if [[ $current == "$cache/$digest-"* && -e $current/.complete && -x $current/bin/python ]]; then
  exit 0
fi

python=$(find_python) || { install_python; python=$(find_python); } ||
  die "the installed Python is older than 3.11: Debian 12 and Ubuntu 24.04 have one that fits"
venv=$cache/$digest-$("$python" -c 'import hashlib, sys
print("py%d.%d-" % sys.version_info[:2] + hashlib.sha256((sys.base_prefix + sys.executable).encode()).hexdigest()[:8])')

mkdir -p "$cache"
exec 9>"$venv.lock"
flock -n 9 || { say "Another run is making $what: waiting for it"; flock 9; }
if [[ ! -e $venv/.complete || ! -x $venv/bin/python ]]; then
  say "Preparing $what (about a minute, once)"
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --only-binary :all: --require-hashes \
    --requirement "$requirements" || die "$requirements could not be installed: is the Python package index reachable? Run this again when it is"
  [[ -x $venv/bin/$program ]]
  touch "$venv/.complete"
fi
[[ ! -e $link || -L $link ]] || die "$link is in the way and not a link of ours: remove it"
ln -sfn "$venv" "$link"
