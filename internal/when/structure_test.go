package when

import (
	"fmt"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestStructure(t *testing.T) {
	cases := map[string]struct {
		reason     string
		expression string
		outside    int
		closed     bool
	}{
		"Empty": {
			reason: "Nothing is nothing.",
			closed: true,
		},
		"Code": {
			reason:     "All of it counts.",
			expression: "a + 1",
			outside:    5,
			closed:     true,
		},
		"String": {
			reason:     "A string counts as one, whatever its length.",
			expression: "'abc' == \"def\"",
			outside:    6,
			closed:     true,
		},
		"Prefix": {
			reason:     "What says how to read a string belongs to it.",
			expression: "rb'\\' + B\"\"\"a\nb\"\"\"",
			outside:    5,
			closed:     true,
		},
		"Word": {
			reason:     "The end of a word says nothing about the string behind it.",
			expression: "bar'x'",
			outside:    4,
			closed:     true,
		},
		"Escaped": {
			reason:     "A quote that is escaped ends nothing.",
			expression: `'a\'b' + '\x41\u0041\U00000041\101\n'`,
			outside:    5,
			closed:     true,
		},
		"Three": {
			reason:     "Three quotes hold one and two, and line breaks.",
			expression: "'''a'b''c\n'''",
			outside:    1,
			closed:     true,
		},
		"Comment": {
			reason:     "A quote in a comment opens nothing.",
			expression: "1 // it's\n+ 1",
			outside:    13,
			closed:     true,
		},
		"Open": {
			reason:     "A string that does not end.",
			expression: "1 + 'abc",
			outside:    4,
		},
		"LineBreak": {
			reason:     "A line break ends it, too.",
			expression: "'a\n1+1'",
		},
		"BadEscape": {
			reason:     "An escape that CEL does not know makes it go on within the string.",
			expression: `'\q1+1+1'`,
		},
		"ShortHex": {
			reason:     "As does one that is cut.",
			expression: `'\x4' + 'a'`,
		},
		"LastEscape": {
			reason:     "And one at the end.",
			expression: `'\`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if outside, closed := structure(tc.expression); closed != tc.closed || closed && outside != tc.outside {
				t.Errorf("%s: want %d, %t, got %d, %t", tc.reason, tc.outside, tc.closed, outside, closed)
			}
		})
	}
}

// TestLargeExpressionsAreNotCompiled: what would take long to compile is refused by its size, with the limit, and what is
// large within strings is judged.
func TestLargeExpressionsAreNotCompiled(t *testing.T) {
	limit := fmt.Sprintf("and the limit is %d", MaxStructure)
	cases := map[string]struct{ expression, want string }{
		"List":      {expression: "2 in [" + strings.Repeat("1,", 49_900) + "1]", want: limit},
		"Or":        {expression: "false" + strings.Repeat("||false", 14_000), want: limit},
		"Map":       {expression: "{" + strings.Repeat("1:1,", 24_900) + "2:1} == {}", want: limit},
		"Plus":      {expression: "1" + strings.Repeat("+1", 49_000) + " == 2", want: limit},
		"Strings":   {expression: "size(" + strings.Repeat("'a'+", 24_900) + "'a') == 2", want: limit},
		"Selects":   {expression: "a" + strings.Repeat(".a", 49_000), want: limit},
		"Messages":  {expression: "[" + strings.Repeat("{},", 33_000) + "{}] == []", want: limit},
		"Garbage":   {expression: strings.Repeat("$ ", 49_000), want: limit},
		"OpenQuote": {expression: "'" + strings.Repeat(" 1+", 33_000), want: "no closing quote"},
		"BadEscape": {expression: `'\q` + strings.Repeat("1+", 49_000) + "'", want: "unknown escape"},
		"Values":    {expression: "'" + strings.Repeat("1+", 49_000) + "' == ''"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ev, err := NewEvaluator()
			if err != nil {
				t.Fatal(err)
			}
			_, err = ev.Holds([]v1.WhenExpression{{CEL: tc.expression}})
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("want it judged, got %.200v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 2*maxProblem):
				t.Errorf("want a short error with %q, got %.200v", tc.want, err)
			}
			allocated := testing.AllocsPerRun(1, func() { ev.answer(tc.expression) })
			if most := 20_000.0; allocated > most {
				t.Errorf("%.0f allocations for an expression that is not to be compiled, want %.0f at most", allocated, most)
			}
		})
	}
}

// TestExpressionIsJudgedOnce: a run that waits brings the same expressions in each pass, and compiling is what costs.
func TestExpressionIsJudgedOnce(t *testing.T) {
	ev, err := NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	expressions := []v1.WhenExpression{expression("'a' in [" + strings.Repeat("'b', ", 500) + "'a']")}
	first := testing.AllocsPerRun(1, func() { ev.remembered = memory{}; _, _ = ev.Holds(expressions) })
	again := testing.AllocsPerRun(10, func() {
		if holds, err := ev.Holds(expressions); !holds || err != nil {
			t.Errorf("want it to hold again, got %t, %v", holds, err)
		}
	})
	if again > 10 || first < 100*max(again, 1) {
		t.Errorf("the second time took %.0f allocations, the first one %.0f", again, first)
	}
	for i := range 5 * maxRemembered {
		if _, err := ev.Holds([]v1.WhenExpression{expression(fmt.Sprintf("%d", i))}); err == nil {
			t.Fatal("a number is neither true nor false")
		}
	}
	if n := len(ev.remembered.young) + len(ev.remembered.old); n > 2*maxRemembered {
		t.Errorf("%d expressions are remembered, want %d at most", n, 2*maxRemembered)
	}
}
