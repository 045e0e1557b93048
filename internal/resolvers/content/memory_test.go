package content

import (
	"runtime"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

// TestCheckMemory: no text of the largest size needs more than Memory. What is allocated in all is more than what exists at the
// same time.
func TestCheckMemory(t *testing.T) {
	for name, tc := range map[string]struct{ reason, unit string }{
		"List":  {reason: "Elements of one byte.", unit: "a,"},
		"Nulls": {reason: "Elements of no byte.", unit: "- \n"},
		"Deep":  {reason: "Lists in lists.", unit: "["},
		"Maps":  {reason: "Maps with one key.", unit: "{a},"},
		"Lists": {reason: "Lists without elements.", unit: "[],"},
		"Lines": {reason: "Keys of a map.", unit: "a:\n"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat(tc.unit, (resolvers.MaxContent-2)/len(tc.unit))
			if strings.HasSuffix(tc.unit, ",") {
				text = "[" + text + "]"
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_ = Check([]byte(text))
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > Memory {
				t.Errorf("%s\nwant at most %d bytes for %d bytes of text, got %d", tc.reason, Memory, len(text), used)
			}
		})
	}
}
