#!/bin/sh
# Keeps the libraries of packages that were only unpacked. $1: its root.
# mmdebstrap still needs its own files in etc/apt and var, and cleans them up itself.
set -eu
cd "$1"
rm -rf usr/share usr/lib/*/gconv etc/ld.so.conf.d/fakeroot*
