#!/usr/bin/env bash
# Looks for known holes in what the programs use, with govulncheck, in every module.
#
# VULNDB is where the database is: https://vuln.go.dev, or file:///FOLDER with a copy of it (index/*.json and ID/*.json).
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

db=${VULNDB:-https://vuln.go.dev}
case $db in
file://*) [ -f "${db#file://}/index/modules.json" ] || die "there is no database in ${db#file://}" "it has index/modules.json; https://go.dev/doc/security/vuln/database tells of its layout" ;;
*) curl --silent --fail --max-time 20 --output /dev/null "$db/index/db.json" ||
	die "the database of known holes, $db, is out of reach, so nothing was checked" "VULNDB=file:///FOLDER names a copy of it" ;;
esac

hack/tool.sh govulncheck
status=0
[ $# -gt 0 ] || set -- . tools localkube
for module in "$@"; do
	say "looking for known holes in $module"
	(cd "$module" && "$root/bin/tools/govulncheck" -db "$db" ./...) || status=1
done
exit $status
