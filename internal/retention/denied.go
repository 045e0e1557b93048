package retention

import "strings"

// Denied reports whether admission has refused a deletion: a webhook, or a ValidatingAdmissionPolicy. That is about one run, so that
// others can still be deleted. The answer can have the status of a missing right; only the words of the API server distinguish them.
func Denied(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, " denied the request") || strings.Contains(text, " denied request")
}
