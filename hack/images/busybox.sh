#!/usr/bin/env bash
# Builds a stand-in for the image docker.io/library/busybox:1 from this machine's static busybox (Debian: busybox-static)
# and loads it into localkube's registry, so that examples and tests need no registry. On other clusters the real image
# is pulled instead.
#
# usage: hack/images/busybox.sh [LOCALKUBE_ARGUMENT…]     such as --dir DIR
set -euo pipefail
. "$(dirname "$0")/../env.sh"
cd "$root"

busybox=$(command -v busybox) || die "there is no busybox" "run: make deps"
{ ldd "$busybox" 2>&1 || true; } | grep -q 'not a dynamic' ||
	die "$busybox needs libraries, which the image does not have" "run: make deps"

files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
mkdir -p "$files/bin" "$files/etc" "$files/root" "$files/home"
mkdir -m 1777 "$files/tmp"
install -m 755 "$busybox" "$files/bin/busybox"
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$files/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n' >"$files/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$files/etc/group"
# The same files make the same image, which need not be pulled again.
find "$files" -exec touch -h -d @0 {} +

bin/localkube load "$@" --name docker.io/library/busybox:1 --rootfs "$files" --cmd sh
