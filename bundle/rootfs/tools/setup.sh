#!/bin/sh
# Makes a usable file system of packages that were only unpacked. $1: its root.
set -eu
cd "$1"
rm -rf usr/share/bash-completion usr/share/perl* usr/lib/*/perl* usr/lib/*/gconv usr/bin/perl* usr/share/initramfs-tools
for tool in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
	ln -sf xtables-nft-multi "usr/sbin/$tool"
done
busybox=/bin/busybox
[ -x ".$busybox" ] || busybox=/usr/bin/busybox
mkdir -p bin tmp var/tmp run etc
chmod 1777 tmp var/tmp
for applet in $(".$busybox" --list); do
	[ -e "bin/$applet" ] || [ -e "sbin/$applet" ] || [ -e "usr/bin/$applet" ] || [ -e "usr/sbin/$applet" ] || ln -s "$busybox" "bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:nonroot:/tmp:/bin/sh\n' >etc/passwd
printf 'root:x:0:\nnonroot:x:65532:\n' >etc/group
