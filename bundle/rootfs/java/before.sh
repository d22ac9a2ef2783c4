#!/bin/sh
# Before the packages are installed: Java's links to manual pages, which are left out, need their folder. $1: the root.
set -eu
mkdir -p "$1/usr/share/man/man1"
