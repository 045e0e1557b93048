package substitute

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/when"
)

func TestWhen(t *testing.T) {
	cases := map[string]struct {
		reason   string
		in, want v1.WhenExpression
		problem  string
	}{
		"Input": {
			reason: "The input is a text.",
			in:     v1.WhenExpression{Input: "<$(tasks.t.results.n)>", Operator: "in"},
			want:   v1.WhenExpression{Input: "<0.95>", Operator: "in"},
		},
		"Values": {
			reason: "A whole array becomes its elements.",
			in:     v1.WhenExpression{Values: []string{"a", "$(tasks.t.results.l[*])"}},
			want:   v1.WhenExpression{Values: []string{"a", "zero", "$(params.p)"}},
		},
		"Quoted": {
			reason: "A value in quotes stays what it is, whatever it holds.",
			in:     v1.WhenExpression{CEL: `'$(tasks.t.results.q)' == "$(tasks.t.results.q)"`},
			want:   v1.WhenExpression{CEL: `'a\'b"c\\d\n' == "a'b\"c\\d\n"`},
		},
		"Triple": {
			reason: "Also in three quotes.",
			in:     v1.WhenExpression{CEL: `'''$(tasks.t.results.q)'''`},
			want:   v1.WhenExpression{CEL: `'''a\'b"c\\d\n'''`},
		},
		"Escaped": {
			reason: "A quote that is escaped ends nothing.",
			in:     v1.WhenExpression{CEL: `'\'$(tasks.t.results.o.k)' == ''`},
			want:   v1.WhenExpression{CEL: `'\'v$$' == ''`},
		},
		"Raw": {
			reason: "A raw string takes what it can.",
			in:     v1.WhenExpression{CEL: `r'$(tasks.t.results.o.k)'`},
			want:   v1.WhenExpression{CEL: `r'v$$'`},
		},
		"RawQuote": {
			reason:  "And says what it cannot.",
			in:      v1.WhenExpression{CEL: `r'$(tasks.t.results.q)'`},
			problem: "a raw string cannot hold",
		},
		"NotRaw": {
			reason: "A name that ends with r is no prefix.",
			in:     v1.WhenExpression{CEL: `chair'$(tasks.t.results.q)'`},
			want:   v1.WhenExpression{CEL: `chair'a\'b"c\\d\n'`},
		},
		"Number": {
			reason: "A number can stand without quotes.",
			in:     v1.WhenExpression{CEL: "$(tasks.t.results.n) > 0.9"},
			want:   v1.WhenExpression{CEL: "0.95 > 0.9"},
		},
		"Injection": {
			reason:  "Nothing else can: a value is no program.",
			in:      v1.WhenExpression{CEL: "$(tasks.t.results.o.k) == 'x'"},
			problem: "it must stand in quotes",
		},
		"Comment": {
			reason: "A quote in a comment opens nothing.",
			in:     v1.WhenExpression{CEL: "// it's\n$(tasks.t.results.n) > 1"},
			want:   v1.WhenExpression{CEL: "// it's\n0.95 > 1"},
		},
		"Array": {
			reason:  "An expression takes no array.",
			in:      v1.WhenExpression{CEL: "'a' in $(tasks.t.results.l[*])"},
			problem: "it is an array, and an expression takes a string",
		},
		"ArrayInQuotes": {
			reason: "Within quotes its variable stays, and ends no quotes.",
			in:     v1.WhenExpression{CEL: `"$(tasks['t'].results['l'][*])" == "$(tasks.t.results.q)"`},
			want:   v1.WhenExpression{CEL: `"$(tasks['t'].results['l'][*])" == "a'b\"c\\d\n"`},
		},
		"LeftWithQuotes": {
			reason: "A variable that does not exist stays with its quotes.",
			in:     v1.WhenExpression{CEL: `"$(params['nope'])" == '$(tasks.t.results.q)'`},
			want:   v1.WhenExpression{CEL: `"$(params['nope'])" == 'a\'b"c\\d\n'`},
		},
		"ObjectInInput": {
			reason: "Of a whole object there is no text.",
			in:     v1.WhenExpression{Input: "$(tasks.t.results.o[*])", Values: []string{"$(tasks.t.results.o[*])", "x $(tasks.t.results.l[*])"}},
			want:   v1.WhenExpression{Input: "$(tasks.t.results.o[*])", Values: []string{"$(tasks.t.results.o[*])", "x $(tasks.t.results.l[*])"}},
		},
		"Missing": {
			reason:  "What is missing is named with its place.",
			in:      v1.WhenExpression{Input: "$(tasks.t.results.nope)"},
			problem: `result "nope" of task "t" in when[1].input`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := When([]v1.WhenExpression{{}, tc.in}, pipelineVariables(), tasks{})
			if tc.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tc.problem) {
					t.Errorf("\n%s\nWhen: want an error with %q, got %v", tc.reason, tc.problem, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got[1]); diff != "" {
				t.Errorf("\n%s\nWhen: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// Whatever a value holds, an expression that compares it with itself in other words is the same for all of them.
func TestNoValueLeavesItsQuotes(t *testing.T) {
	evaluator, err := when.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringOfN(rapid.SampledFrom([]rune("ab'\"\\\n\r$()r/ ü")), 0, 12, -1).Draw(t, "value")
		quote := rapid.SampledFrom([]string{"'", `"`, `'''`, `"""`}).Draw(t, "quote")
		spec := &v1.PipelineSpec{Params: []v1.ParamSpec{{Name: "v"}}}
		vars := ForPipelineRun(spec, []v1.Param{{Name: "v", Value: v1.StringValue(value)}}, PipelineRunContext{})
		text := fmt.Sprintf("size(%s$(params.v)%s) == %d", quote, quote, len([]rune(value)))
		expressions, err := When([]v1.WhenExpression{{CEL: text}}, vars, tasks{})
		if err != nil {
			t.Fatal(err)
		}
		if holds, err := evaluator.Holds(expressions); !holds {
			t.Fatalf("%s: %v", expressions[0].CEL, err)
		}
	})
}
