#!/bin/sh
# Imports the control plane's images into containerd's store, under the names kubeadm asks for. $1: version of Kubernetes.
set -eu
repository=localhost/mlops-platform
state=$(mktemp -d)
printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >"$state/config.toml"
containerd -c "$state/config.toml" --state "$state/run" --address "$state/sock" >"$state/log" 2>&1 &
daemon=$!
ctr() { /usr/bin/ctr -a "$state/sock" -n k8s.io "$@"; }
tries=0
until ctr version >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || { cat "$state/log" >&2; exit 1; }
	sleep 0.1
done

for archive in image-kube image-etcd image-coredns image-pause; do ctr images import --no-unpack "/artifacts/$archive.tar"; done
ref() { ctr images ls -q | grep "^$repository/$1:"; }
for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do ctr images tag "$(ref kube)" "$repository/$name:$1"; done
for name in etcd coredns; do
	image=$(ref "$name")
	ctr images tag "$image" "$repository/$name:$(echo "${image##*:}" | sed 's/-[^-]*$//')"
done
ctr images tag "$(ref pause)" "$repository/pause:$1"
ctr images ls -q
kill "$daemon"
wait "$daemon" || [ $? -eq 143 ]
rm -rf "$state"
