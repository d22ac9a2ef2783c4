#!/bin/sh
# Turns a Debian file system into a kind node. $1: version of Kubernetes.
set -eu
units=/usr/lib/systemd/system
files=/tmp/files

# Only what a node needs is started at boot.
rm -rf /etc/systemd/system/*.wants /var/lib/apt/lists/* /var/cache/apt/*.bin
for target in multi-user local-fs graphical basic timers getty; do rm -f "$units/$target".target.wants/*; done
rm -f "$units"/sockets.target.wants/*udev* "$units"/sockets.target.wants/*initctl*
cd "$units/sysinit.target.wants"
rm -f dev-hugepages.mount systemd-binfmt.service proc-sys-fs-binfmt_misc.automount sys-*.mount systemd-firstboot.service systemd-udev* systemd-hwdb* \
	systemd-update-done.service systemd-machine-id-commit.service cryptsetup.target integritysetup.target veritysetup.target \
	kmod-static-nodes.service systemd-modules-load.service systemd-pcr* systemd-repart.service systemd-boot-* systemd-ask-password* \
	systemd-random-seed.service systemd-tmpfiles-setup-dev.service
cd /
ln -sf /dev/null /etc/systemd/system/systemd-binfmt.service

install -D -m 755 "$files/entrypoint" /usr/local/bin/entrypoint
install -D -m 755 "$files/kubelet-cgroups" /kind/bin/kubelet-cgroups
install -D -m 755 "$files/crictl" /usr/local/bin/crictl
install -D -m 644 "$files/journald.conf" /etc/systemd/journald.conf.d/node.conf
install -D -m 644 "$files/system.conf" /etc/systemd/system.conf.d/node.conf
install -D -m 644 "$files/sysctl.conf" /etc/sysctl.d/90-node.conf
install -D -m 644 "$files/default-storage.yaml" /kind/manifests/default-storage.yaml
mkdir -p /etc/systemd/system/multi-user.target.wants /etc/cni/net.d /etc/kubernetes/manifests /opt/cni/bin /lib/modules /etc/containerd
for unit in kubelet.service kubelet.slice containerd.service; do install -m 644 "$files/$unit" /etc/systemd/system/; done
for unit in kubelet containerd; do ln -sf "/etc/systemd/system/$unit.service" /etc/systemd/system/multi-user.target.wants/; done
sed "s/@VERSION@/$1/" "$files/containerd.toml" >/etc/containerd/config.toml
for plugin in bridge host-local loopback portmap ptp firewall bandwidth; do cp -L "/usr/lib/cni/$plugin" /opt/cni/bin/; done

echo "$1" >/kind/version
for name in kubelet kubeadm kubectl; do ln -sf kubernetes "/usr/bin/$name"; done
for tool in iptables ip6tables; do ln -sf "/usr/sbin/$tool-nft" "/etc/alternatives/$tool"; done
: >/etc/machine-id
