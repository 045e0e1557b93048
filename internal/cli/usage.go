package cli

import "strings"

// isUsage reports whether err is an error of cobra about the number of arguments, or about flags that are required or exclude
// each other. These errors have no type, but few beginnings.
func isUsage(err error) bool {
	text := err.Error()
	for _, begin := range []string{
		"accepts ", "requires at least", "required flag", "if any flags in the group", "unknown command",
		"invalid argument",
	} {
		if strings.HasPrefix(text, begin) {
			return true
		}
	}
	return false
}
