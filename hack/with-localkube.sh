#!/usr/bin/env bash
# Runs a command on a new localkube cluster, and removes the cluster when the command ends:
#
#   hack/with-localkube.sh [OPTION…] COMMAND [ARGUMENT…]
#
# The options are those of `localkube up`, each as one word: --name=value. The command gets KUBECONFIG, KUBECTL,
# LOCALKUBE_DIR and, with a node, KO_DOCKER_REPO. When the command ends or this script is interrupted, the script takes the
# cluster down. If anything is left, the script prints it and fails. It then keeps the folder of the cluster, because
# processes or mounts may still use it.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

up=()
node=yes
while [[ ${1:-} == --* ]]; do
	[ "$1" != --api-only ] || node=""
	up+=("$1")
	shift
done
[ $# -gt 0 ] || die "no command given" "hack/with-localkube.sh [OPTION…] COMMAND [ARGUMENT…]"

hack/build-localkube.sh >&2

LOCALKUBE_DIR=$(realpath "$(mktemp -d "${TMPDIR:-/tmp}/sluice-localkube.XXXXXX")") # localkube resolves links, too
export LOCALKUBE_DIR
child=""
running=""

# leftovers lists what is left of the cluster: processes, mounts, network devices, control groups and rules.
leftovers() {
	local id file
	id=$(printf %s "$LOCALKUBE_DIR" | sha256sum | cut -c1-8) # localkube puts this into names that are visible on the whole machine
	grep -lsF -f - /proc/[0-9]*/cmdline <<<"$LOCALKUBE_DIR" | while read -r file; do
		printf 'process %s\n' "$(tr '\0' ' ' <"$file")"
	done || true
	grep -F -- " $LOCALKUBE_DIR" /proc/self/mounts || true
	compgen -G "/sys/class/net/lk$id" || true
	compgen -G "/sys/fs/cgroup/localkube-$id" || true
	compgen -G "/sys/fs/cgroup/*/localkube-$id" || true
	! command -v nft >/dev/null || nft list tables 2>/dev/null | grep -F "localkube_$id" || true
}

end_child() {
	[ -n "$child" ] || return 0
	kill -TERM -- "-$child" 2>/dev/null || true
	wait "$child" 2>/dev/null || true
}

cleanup() {
	local status=$? left
	trap - EXIT
	trap '' INT TERM # make and an impatient user send a second signal, which must not stop the cleanup
	end_child
	if [ "$status" -ne 0 ] && [ -n "$running" ]; then
		say "the command failed; pods of the cluster:"
		"$KUBECTL" get pods -A -o wide >&2 || true
		"$KUBECTL" logs deployment/sluice-controller -n tekton-pipelines --tail=40 >&2 2>/dev/null || true
	fi
	say "taking the cluster down"
	local down=yes
	set -m # in a process group that such a signal does not reach
	"$localkube" down --dir "$LOCALKUBE_DIR" >&2 &
	set +m
	wait "$!" || { down="" && status=1; }
	left=$(leftovers)
	if [ -n "$left" ]; then
		printf 'error: the cluster left behind:\n%s\n' "$left" >&2
		status=1
	fi
	# mktemp created the folder, so this script may remove the rest in it, such as ledgers of chaos.
	if [ -n "$down" ] && [ -z "$left" ]; then
		rm -rf --one-file-system "$LOCALKUBE_DIR"
	else
		say "kept $LOCALKUBE_DIR"
	fi
	exit "$status"
}

free_port() {
	local port
	for port in $(shuf -i 20000-29999 -n 100); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port" && return; }
	done
	die "no free port between 20000 and 29999"
}

trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "starting a cluster in $LOCALKUBE_DIR"
"$localkube" up --dir "$LOCALKUBE_DIR" --api-port "$(free_port)" "${up[@]}" >&2
KUBECONFIG=$("$localkube" kubeconfig --path --dir "$LOCALKUBE_DIR")
KUBECTL=$(dirname "$localkube")/kubectl
export KUBECONFIG KUBECTL LOCALKUBE="$localkube"
if [ -n "$node" ]; then
	KO_DOCKER_REPO=$("$localkube" registry --dir "$LOCALKUBE_DIR")/sluice
	export KO_DOCKER_REPO
	running=yes
fi

# The command has its own process group, so that all of it can be ended. It runs in the background, so that a signal takes
# effect immediately.
set -m
"$@" </dev/null &
child=$!
set +m
status=0
wait "$child" || status=$?
child=""
exit "$status"
