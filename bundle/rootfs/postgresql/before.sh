#!/bin/sh
# Before the packages are installed: CloudNativePG runs PostgreSQL as 26:26; 26 is Debian's group tape. $1: the root.
set -eu
sed -i 's/^tape:x:26:/postgres:x:26:/' "$1/etc/group"
[ ! -e "$1/etc/gshadow" ] || sed -i 's/^tape:/postgres:/' "$1/etc/gshadow"
echo 'postgres:x:26:26:PostgreSQL:/var/lib/postgresql:/bin/bash' >>"$1/etc/passwd"
mkdir -p "$1/etc/postgresql-common"
echo 'create_main_cluster = false' >"$1/etc/postgresql-common/createcluster.conf"
