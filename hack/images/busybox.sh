#!/usr/bin/env bash
# Builds the stand-in image for the examples and tests of this project, and pushes it to the registry of localkube.
#
# usage: hack/images/busybox.sh [--dir DIR]      see standin.sh
exec "$(dirname "$0")/standin.sh" "$@" busybox
