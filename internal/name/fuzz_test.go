package name

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

// FuzzNames: for any names of runs and workspaces, the names of their pods and claims are valid, deterministic, and different
// for each attempt, run and workspace.
func FuzzNames(f *testing.F) {
	f.Add("build", 0, "build", 1)
	f.Add("build", 1, "build-pod-retry1", 0)
	f.Add("build-pod", 0, "build", 0)
	f.Add(strings.Repeat("a", 59), 0, strings.Repeat("a", 60), 0)
	f.Add("Ünïcode \x00", -1, "a.b", 1<<31)
	f.Fuzz(func(t *testing.T, a string, i int, b string, j int) {
		i, j = max(i, 0), max(j, 0)
		first, second := Pod(a, i), Pod(b, j)
		checkName(t, first, MaxLabel)
		if again := Pod(a, i); again != first {
			t.Errorf("Pod(%q, %d) gave %q, then %q", a, i, first, again)
		}
		if (a != b || i != j) && first == second {
			t.Errorf("the pods of %q, attempt %d, and of %q, attempt %d, are both called %q", a, i, b, j, first)
		}
		claim := Claim(a, b)
		if problems := validation.IsDNS1123Label(claim); len(problems) > 0 || claim != Claim(a, b) {
			t.Errorf("Claim(%q, %q) = %q, then %q: %v", a, b, claim, Claim(a, b), problems)
		}
		// Neither a UID nor the name of a workspace contains a slash.
		if !strings.Contains(a+b, "/") && a != b && claim == Claim(b, a) {
			t.Errorf("Claim(%q, %q) and Claim(%[2]q, %[1]q) are both %q", a, b, claim)
		}
		if a != b && Label(a) == Label(b) {
			t.Errorf("the labels of %q and %q are both %q", a, b, Label(a))
		}
	})
}
