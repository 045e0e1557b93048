package admission

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sluice-ci/sluice/internal/validation"
)

// TestClientWarnings: the API server drops what is above its bounds, so the last warning counts the others. A text is cut between
// two characters.
func TestClientWarnings(t *testing.T) {
	if got := clientWarnings([]validation.Warning{{Field: "spec.a", Message: "short"}}); len(got) != 1 || got[0] != "spec.a: short" {
		t.Errorf("want the warning as it is, got %q", got)
	}
	for shift := range 4 {
		long := validation.Warning{Field: strings.Repeat("x", shift), Message: strings.Repeat("é→", 200)}
		got := clientWarnings([]validation.Warning{long})[0]
		if len(got) > maxWarning || !utf8.ValidString(got) || !strings.HasSuffix(got, "...") {
			t.Errorf("want valid text of at most %d bytes, got %d: %q", maxWarning, len(got), got)
		}
	}
	const all = 40
	warnings := make([]validation.Warning, all)
	for i := range warnings {
		warnings[i] = validation.Warning{Field: "spec", Message: strings.Repeat("m", 2*maxWarning)}
	}
	got := clientWarnings(warnings)
	size := 0
	for _, text := range got {
		size += len(text)
	}
	want := fmt.Sprintf("%d more warnings have no room here; sluice validate prints all of them", all-(len(got)-1))
	if last := got[len(got)-1]; size > maxWarnings || len(got) < 10 || last != want {
		t.Errorf("want %q as the last of at most %d bytes, got %q as number %d of %d bytes", want, maxWarnings, last, len(got), size)
	}
}
