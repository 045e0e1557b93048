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
		"Empty":      {"Nothing is nothing.", "", 0, true},
		"Code":       {"All of it counts.", "a + 1", 5, true},
		"String":     {"A string counts as one, whatever its length.", "'abc' == \"def\"", 6, true},
		"Prefix":     {"What says how to read a string belongs to it.", "rb'\\' + B\"\"\"a\nb\"\"\"", 5, true},
		"Word":       {"The end of a word says nothing about the string behind it.", "bar'x'", 4, true},
		"Escaped":    {"A quote that is escaped ends nothing.", `'a\'b' + '\x41\u0041\U00000041\101\n'`, 5, true},
		"Three":      {"Three quotes hold one and two, and line breaks.", "'''a'b''c\n'''", 1, true},
		"Comment":    {"A quote in a comment opens nothing.", "1 // it's\n+ 1", 13, true},
		"Open":       {"A string that does not end.", "1 + 'abc", 4, false},
		"LineBreak":  {"A line break ends it, too.", "'a\n1+1'", 0, false},
		"BadEscape":  {"An escape that CEL does not know makes it go on within the string.", `'\q1+1+1'`, 0, false},
		"ShortHex":   {"As does one that is cut.", `'\x4' + 'a'`, 0, false},
		"LastEscape": {"And one at the end.", `'\`, 0, false},
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
		"List":      {"2 in [" + strings.Repeat("1,", 49_900) + "1]", limit},
		"Or":        {"false" + strings.Repeat("||false", 14_000), limit},
		"Map":       {"{" + strings.Repeat("1:1,", 24_900) + "2:1} == {}", limit},
		"Plus":      {"1" + strings.Repeat("+1", 49_000) + " == 2", limit},
		"Strings":   {"size(" + strings.Repeat("'a'+", 24_900) + "'a') == 2", limit},
		"Selects":   {"a" + strings.Repeat(".a", 49_000), limit},
		"Messages":  {"[" + strings.Repeat("{},", 33_000) + "{}] == []", limit},
		"Garbage":   {strings.Repeat("$ ", 49_000), limit},
		"OpenQuote": {"'" + strings.Repeat(" 1+", 33_000), "does not end"},
		"BadEscape": {`'\q` + strings.Repeat("1+", 49_000) + "'", "unknown escape"},
		"Values":    {"'" + strings.Repeat("1+", 49_000) + "' == ''", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			j, err := NewJudge()
			if err != nil {
				t.Fatal(err)
			}
			_, err = j.Holds([]v1.WhenExpression{{CEL: tc.expression}})
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("want it judged, got %.200v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 2*maxProblem):
				t.Errorf("want a short error with %q, got %.200v", tc.want, err)
			}
			allocated := testing.AllocsPerRun(1, func() { j.verdict(tc.expression) })
			if most := 20_000.0; allocated > most {
				t.Errorf("%.0f allocations for an expression that is not to be compiled, want %.0f at most", allocated, most)
			}
		})
	}
}

// TestExpressionIsJudgedOnce: a run that waits brings the same expressions in each pass, and compiling is what costs.
func TestExpressionIsJudgedOnce(t *testing.T) {
	j, err := NewJudge()
	if err != nil {
		t.Fatal(err)
	}
	expressions := []v1.WhenExpression{expression("'a' in [" + strings.Repeat("'b', ", 500) + "'a']")}
	first := testing.AllocsPerRun(1, func() { j.judged = memory{}; _, _ = j.Holds(expressions) })
	again := testing.AllocsPerRun(10, func() {
		if holds, err := j.Holds(expressions); !holds || err != nil {
			t.Errorf("want it to hold again, got %t, %v", holds, err)
		}
	})
	if again > 10 || first < 100*max(again, 1) {
		t.Errorf("the second time took %.0f allocations, the first one %.0f", again, first)
	}
	for i := range 5 * maxRemembered {
		if _, err := j.Holds([]v1.WhenExpression{expression(fmt.Sprintf("%d", i))}); err == nil {
			t.Fatal("a number is neither true nor false")
		}
	}
	if n := len(j.judged.young) + len(j.judged.old); n > 2*maxRemembered {
		t.Errorf("%d expressions are remembered, want %d at most", n, 2*maxRemembered)
	}
}
