//go:build e2e

package e2e

import (
	"encoding/json"
	"testing"
)

// objectLimit is the maximum size of an API object in bytes (etcd's default for a request).
const objectLimit = 1572864

// encoded returns the number of bytes of s in a JSON object.
func encoded(t *testing.T, s string) int {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return len(b)
}
