package content

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// TestClasses: a value has at most the given length, is valid text, and has its type.
func TestClasses(t *testing.T) {
	for _, c := range Classes() {
		if len(c.Body) < bodyBytes || len(c.Body)%c.Unit != 0 {
			t.Errorf("%s: a body has %d bytes, and cannot be repeated in units of %d", c.Name, len(c.Body), c.Unit)
		}
		for _, n := range []int{100, 4096, bodyBytes, 3*bodyBytes + 1} {
			value := c.Make(n)
			if len(value) > n || len(value) <= n-c.Unit {
				t.Errorf("%s: of %d bytes, a value has %d", c.Name, n, len(value))
			}
			if !utf8.ValidString(value) {
				t.Errorf("%s: a value of %d bytes is torn", c.Name, n)
			}
			if c.Type == "array" && !json.Valid([]byte(value)) {
				t.Errorf("%s: a value of %d bytes is no array", c.Name, n)
			}
		}
	}
}
