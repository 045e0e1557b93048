#!/usr/bin/env bash
# Installs the missing Debian packages of a localkube node; with --browser also those for tests: a browser for sluice ui, and
# git and an SSH server for the git resolver. Without root it prints the missing packages and fails. None of them runs as a
# service: localkube starts its own containerd, and the tests start their own SSH server.
set -euo pipefail

# Each command or file, and the package that contains it.
needs=(
    "/usr/sbin/runc runc"
    "/usr/lib/cni/ptp containernetworking-plugins"
    "/usr/lib/cni/host-local containernetworking-plugins"
    "/usr/sbin/nft nftables"
    "/etc/ssl/certs/ca-certificates.crt ca-certificates"
)
[[ ${1:-} != --browser ]] || needs+=(
    "/usr/bin/chromium chromium"
    "/usr/lib/git-core/git-http-backend git"
    "/usr/sbin/sshd openssh-server"
)

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
policy=/usr/sbin/policy-rc.d # Debian asks it before it starts a service
created=""
if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    created=$policy
fi
trap 'rm -f "$log" $created' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "error: apt-get cannot install ${missing[*]}" >&2
    exit 1
fi
if [[ " ${missing[*]} " == *" openssh-server "* ]] && command -v systemctl >/dev/null; then
    systemctl disable ssh >/dev/null 2>&1 || echo "note: cannot disable service ssh: it starts at the next boot" >&2
fi
echo "installed ${missing[*]} in $((SECONDS - began)) s"
