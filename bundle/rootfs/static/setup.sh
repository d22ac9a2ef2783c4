#!/bin/sh
# Keeps certificates, time zones and service names of packages that were only unpacked. $1: its root.
# mmdebstrap still needs its own files in etc/apt and var, and cleans them up itself.
set -eu
cd "$1"
mkdir -p etc/ssl/certs tmp
chmod 1777 tmp
find usr/share/ca-certificates -name '*.crt' | LC_ALL=C sort | xargs cat >etc/ssl/certs/ca-certificates.crt
find usr -mindepth 1 -maxdepth 1 ! -name share -exec rm -rf {} +
find usr/share -mindepth 1 -maxdepth 1 ! -name zoneinfo -exec rm -rf {} +
rm -rf bin sbin lib lib64 etc/ca-certificates
printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n' >etc/passwd
printf 'root:x:0:\nnonroot:x:65532:\n' >etc/group
