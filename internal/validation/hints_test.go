package validation

import (
	"strings"
	"testing"
)

func TestHints(t *testing.T) {
	warning := func(field string) Warning {
		return Warning{Field: "spec.taskSpec." + field, Value: "$(params.x)", Message: "stays as text"}
	}
	many := make([]Warning, 5)
	for i := range many {
		many[i] = warning("steps[0].script")
	}
	cases := map[string]struct {
		reason   string
		warnings []Warning
		want     string
	}{
		"None": {
			reason:   "a warning about another step is not the cause",
			warnings: []Warning{warning("steps[1].script"), warning("steps[10].script")},
		},
		"One": {
			reason:   "the field is that of the task",
			warnings: []Warning{warning("steps[1].script"), warning("steps[0].args[0]")},
			want:     `this may be the cause: steps[0].args[0]: "$(params.x)": stays as text`,
		},
		"Many": {
			reason:   "a message has three",
			warnings: many,
			want:     "this may be the cause: " + strings.Repeat(`steps[0].script: "$(params.x)": stays as text; `, 3) + "and 2 more",
		},
		"Long": {
			reason:   "each is bounded",
			warnings: []Warning{{Field: "spec.taskSpec.steps[0].script", Message: strings.Repeat("x", 1000)}},
			want:     "this may be the cause: steps[0].script: " + strings.Repeat("x", maxHint-len("steps[0].script: ")) + "…",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Hints(tc.warnings, "spec.taskSpec.", "spec.taskSpec.steps[0]."); got != tc.want {
				t.Errorf("%s: want %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}
