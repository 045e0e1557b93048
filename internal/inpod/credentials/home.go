package credentials

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// HomeOf returns the home directory of a user in a password file (/etc/passwd), or "" if there is none.
func HomeOf(passwd io.Reader, uid int) string {
	lines := bufio.NewScanner(passwd)
	for lines.Scan() {
		// name:password:UID:GID:comment:home:shell
		fields := strings.Split(lines.Text(), ":")
		if len(fields) >= 6 && fields[2] == strconv.Itoa(uid) {
			return fields[5]
		}
	}
	return ""
}
