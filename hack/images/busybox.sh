#!/usr/bin/env bash
# Makes the one stand-in that every example and every test of our own needs, and puts it into localkube's registry.
#
# usage: hack/images/busybox.sh [--dir DIR]      see standin.sh
exec "$(dirname "$0")/standin.sh" "$@" busybox
