package validation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// TestWarningsAreBounded: 100,000 suspicious texts are a list of MaxWarnings warnings and one line that counts the others. They
// neither hide an error that comes later nor stop the check.
func TestWarningsAreBounded(t *testing.T) {
	const all = 100_000
	value, message := strings.Repeat("ü", 500_000), strings.Repeat("m", 500_000)
	found := Check(func(r *Report) {
		for i := range r.each(all) {
			r.Warn(fmt.Sprintf("spec.steps[%d].script", i), value, message)
		}
		r.Add(field.Required(field.NewPath("spec"), "a late error"))
	})
	if len(found.Errors) != 1 || len(found.Warnings) != MaxWarnings+1 {
		t.Fatalf("want 1 error and %d warnings, got %d and %d", MaxWarnings+1, len(found.Errors), len(found.Warnings))
	}
	if last, want := found.Warnings[MaxWarnings].String(), fmt.Sprintf("and %d more", all-MaxWarnings); !strings.Contains(last, want) {
		t.Errorf("want the last line to say %q, got %q", want, last)
	}
	const most = maxField + maxShown + maxDetail + 200
	for _, w := range found.Warnings {
		if len(w.String()) > most {
			t.Errorf("want at most %d bytes, got %d", most, len(w.String()))
		}
	}
}

// TestWarningText: a warning names the field, the value and what to do.
func TestWarningText(t *testing.T) {
	got := []string{
		Warning{Field: "spec.a", Value: "$(b)", Message: "stays as text"}.String(),
		Warning{Field: "spec.a", Message: "is not used"}.String(),
	}
	if diff := cmp.Diff([]string{`spec.a: "$(b)": stays as text`, `spec.a: is not used`}, got); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}

// lines are the errors and then the warnings of a check, for comparison; nil if there are none.
func lines(found Findings) []string {
	all := messages(found.Errors)
	for _, w := range found.Warnings {
		all = append(all, "warning: "+w.String())
	}
	return all
}
