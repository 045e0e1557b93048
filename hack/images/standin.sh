#!/usr/bin/env bash
# Builds stand-ins for public images (docker.io/library/alpine, bash, busybox, node, perl, python and ubuntu, with the tags 1
# and latest) from Debian packages. Pushes them to the registry of a localkube cluster, so that examples and tests need no
# network. Other clusters pull the real images.
#
# usage: hack/images/standin.sh [--dir DIR] [--refresh] [NAME…]
#
# Without a name it builds all. --dir is the folder of the localkube cluster (default: that of the current kubeconfig). The
# images stay in bin/images. They are built again only if their recipe has changed, or with --refresh, which uses the newest
# packages.
set -euo pipefail
. "$(dirname "$0")/../env.sh"
cd "$root"

dir='' refresh='' names=()
while [ $# -gt 0 ]; do
	case $1 in
	--dir) dir=${2:?--dir needs a folder} && shift ;;
	--dir=*) dir=${1#--dir=} ;;
	--refresh) refresh=yes ;;
	-*) die "unknown option \"$1\"" "hack/images/standin.sh [--dir DIR] [--refresh] [NAME…]" ;;
	*) names+=("$1") ;;
	esac
	shift
done

hack/tool.sh standin
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(bin/tools/standin -list)

out=bin/images cache=.cache/standin
[ -z "$refresh" ] || rm -rf "$cache/lists"
want=$(cat bin/tools/.standin) missing=()
for name in "${names[@]}"; do
	[ -z "$refresh" ] && [ "$(cat "$out/.$name.recipe" 2>/dev/null || true)" = "$want" ] || missing+=("$name")
done
if [ ${#missing[@]} -gt 0 ]; then
	say "building stand-ins from Debian packages: ${missing[*]}"
	bin/tools/standin -out "$out" -cache "$cache" "${missing[@]}" | sed 's/^/    /' >&2
	for name in "${missing[@]}"; do printf '%s\n' "$want" >"$out/.$name.recipe"; done
fi

# known succeeds if the current kubeconfig is that of a localkube cluster.
known() { [ -x "$localkube" ] && (. hack/kubectl.sh && localkube_registry) >/dev/null 2>&1; }

if [ -z "$dir" ] && ! known; then
	say "the current cluster is not a localkube cluster, so the stand-ins are only in the folder $out"
	exit
fi
[ -n "$dir" ] || dir=${LOCALKUBE_DIR:-}
for name in "${names[@]}"; do
	"$localkube" load ${dir:+--dir "$dir"} --archive "$out/$name" | sed 's/^/    /' >&2
done
