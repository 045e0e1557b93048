#!/usr/bin/env bash
# Installs the missing Debian packages of a localkube node; with --browser also the one for the tests of sluice ui. Without
# root it prints the missing packages and fails. None of them runs as a service: localkube starts its own containerd.
set -euo pipefail

# Each command or file, and the package that contains it.
needs=(
    "/usr/sbin/runc runc"
    "/usr/lib/cni/ptp containernetworking-plugins"
    "/usr/lib/cni/host-local containernetworking-plugins"
    "/usr/sbin/nft nftables"
    "/etc/ssl/certs/ca-certificates.crt ca-certificates"
)
[[ ${1:-} != --browser ]] || needs+=("/usr/bin/chromium chromium")

missing=()
for need in "${needs[@]}"; do
    read -r file package <<<"$need"
    [[ -e $file ]] || command -v "$(basename "$file")" >/dev/null || missing+=("$package")
done
# The image of the examples contains only busybox, so a busybox that needs libraries does not run there.
{ ldd "$(command -v busybox)" 2>&1 || true; } | grep -q 'not a dynamic' || missing+=(busybox-static)
if [[ ${#missing[@]} -eq 0 ]]; then
    echo "all packages are installed"
    exit 0
fi
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

if [[ $EUID -ne 0 ]]; then
    echo "error: these packages are missing: ${missing[*]}" >&2
    echo "hint: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
if ! command -v apt-get >/dev/null; then
    echo "error: cannot install packages: this is not Debian; install the equivalents of: ${missing[*]}" >&2
    exit 1
fi

began=$SECONDS
echo "installing ${missing[*]} ..."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "error: apt-get cannot install ${missing[*]}" >&2
    exit 1
fi
echo "installed ${missing[*]} in $((SECONDS - began)) s"
