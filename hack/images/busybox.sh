#!/bin/sh
# Builds a stand-in for the image docker.io/library/busybox:1 from Debian's busybox-static and loads it into localkube's
# registry, so that examples and tests need no registry. On other clusters the real image is pulled instead.
#
# usage: hack/images/busybox.sh [LOCALKUBE_ARGUMENT…]     such as --dir DIR
set -eu
cd "$(dirname "$0")/../.."

name=docker.io/library/busybox:1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# fetch puts the package's files into $work/package. The host's own packages stay as they are.
fetch() {
  if ! (cd "$work" && apt-get download -qq busybox-static >/dev/null 2>&1); then
    apt-get update -qq
    (cd "$work" && apt-get download -qq busybox-static >/dev/null)
  fi
  dpkg-deb -x "$work"/busybox-static_*.deb "$work/package"
}

# The package is kept between runs: a second demo needs no network.
cache=.cache/images/busybox
if [ ! -x "$cache" ]; then
  fetch
  mkdir -p "$(dirname "$cache")"
  install -m 755 "$work/package/bin/busybox" "$cache"
fi

root=$work/root
mkdir -p "$root/bin" "$root/etc" "$root/root" "$root/tmp" "$root/home"
chmod 1777 "$root/tmp"
install -m 755 "$cache" "$root/bin/busybox"
for applet in $("$cache" --list); do
  [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n' > "$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' > "$root/etc/group"
# The same files make the same image, which need not be pulled again.
find "$root" -exec touch -h -d @0 {} +

bin/localkube load "$@" --name "$name" --rootfs "$root" --cmd sh
