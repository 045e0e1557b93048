#!/usr/bin/env bash
# Installs the Debian packages that a node of localkube needs, if they are missing; with --browser also the one that the tests
# of sluice ui need. Without root it says which are, and fails.
# Nothing of them runs as a service: localkube brings containerd along and starts everything itself.
set -euo pipefail

# What is needed, and the package that has it.
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
# The image of the examples is made of busybox; one that needs libraries does not run there.
{ ldd "$(command -v busybox)" 2>&1 || true; } | grep -q 'not a dynamic' || missing+=(busybox-static)
if [[ ${#missing[@]} -eq 0 ]]; then
    echo "all packages are there"
    exit 0
fi
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

if [[ $EUID -ne 0 ]]; then
    echo "error: these packages are missing: ${missing[*]}" >&2
    echo "hint: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
if ! command -v apt-get >/dev/null; then
    echo "error: this is not Debian; install what it calls: ${missing[*]}" >&2
    exit 1
fi

began=$SECONDS
echo "installing ${missing[*]} ..."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "error: apt-get could not install ${missing[*]}" >&2
    exit 1
fi
echo "installed ${missing[*]} in $((SECONDS - began)) s"
