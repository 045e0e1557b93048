package name

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"
)

func TestChild(t *testing.T) {
	long := strings.Repeat("x", 70)
	cases := map[string]struct {
		reason         string
		parent, suffix string
		limit          int
		want           string
	}{
		"Fits": {
			reason: "A name that is valid and short enough stays readable.",
			parent: "build", suffix: "-pod", limit: MaxLabel, want: "build-pod",
		},
		"ExactlyTheLimit": {
			reason: "The limit itself is allowed.",
			parent: long[:59], suffix: "-pod", limit: MaxLabel, want: long[:59] + "-pod",
		},
		"OneOver": {
			reason: "A longer name gets the hash, and keeps the suffix for readers.",
			parent: long[:60], suffix: "-pod", limit: MaxLabel, want: long[:45] + "-" + hashOf(long[:60]+"-pod") + "-pod",
		},
		"LongSuffix": {
			reason: "A suffix of half of the name is only part of the hash.",
			parent: "run", suffix: "-" + long, limit: MaxLabel, want: "run-" + hashOf("run-"+long),
		},
		"Subdomain": {
			reason: "Objects can have dots in their names.",
			parent: "a.b", suffix: "-pod", limit: MaxLabel, want: "a.b-pod",
		},
		"CutBeforeDash": {
			reason: "A head that ends with '-' after the cut must not give two of them in a row.",
			parent: strings.Repeat("y", 44) + "-" + long, suffix: "-pod", limit: MaxLabel,
			want: strings.Repeat("y", 44) + "-" + hashOf(strings.Repeat("y", 44)+"-"+long+"-pod") + "-pod",
		},
		"Capitals": {
			reason: "Characters that the API server would reject are replaced, and the hash makes the name unique.",
			parent: "Build", suffix: "-pod", limit: MaxLabel, want: "build-" + hashOf("Build-pod") + "-pod",
		},
		"Empty": {
			reason: "An empty name gives a valid name.",
			parent: "", suffix: "", limit: MaxLabel, want: hashOf(""),
		},
		"TinyLimit": {
			reason: "A limit below the hash cuts the hash.",
			parent: long, suffix: "-pod", limit: 3, want: hashOf(long + "-pod")[:3],
		},
		"NoLimit": {
			reason: "A limit of 0 is the limit of a label.",
			parent: long, suffix: "", limit: 0, want: long[:49] + "-" + hashOf(long),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Child(tc.parent, tc.suffix, tc.limit); got != tc.want {
				t.Errorf("\n%s\nChild(%q, %q, %d): want %q, got %q", tc.reason, tc.parent, tc.suffix, tc.limit, tc.want, got)
			}
		})
	}
}

func TestPodAndLabel(t *testing.T) {
	for retry, want := range []string{"build-pod", "build-pod-retry1", "build-pod-retry2"} {
		if got := Pod("build", retry); got != want {
			t.Errorf("Pod of attempt %d: want %s, got %q", retry, want, got)
		}
	}
	long := strings.Repeat("n", 200)
	if got := Label(long); len(validation.IsValidLabelValue(got)) > 0 {
		t.Errorf("Label of a long name is not a valid value: %q", got)
	}
	if got := Label("a.b"); got != "a.b" {
		t.Errorf("Label of a short name: want it unchanged, got %q", got)
	}
}

func TestClaim(t *testing.T) {
	first := Claim("uid", "source")
	checkName(t, first, MaxLabel)
	if again := Claim("uid", "source"); again != first {
		t.Errorf("want the same name again, got %q, then %q", first, again)
	}
	for _, other := range []string{Claim("uid", "cache"), Claim("other", "source")} {
		if other == first {
			t.Errorf("want another name for another run or workspace, got %q for both", first)
		}
	}
}

func TestChildIsValidDeterministicAndUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.String().Draw(t, "a")
		b := rapid.String().Draw(t, "b")
		suffix := rapid.SampledFrom([]string{"", "-pod", "-task", "-A.B", "-" + strings.Repeat("z", 60)}).Draw(t, "suffix")
		limit := rapid.IntRange(hashLength+len("-pod")+2, 253).Draw(t, "limit")
		first := Child(a, suffix, limit)
		checkName(t, first, limit)
		if again := Child(a, suffix, limit); again != first {
			t.Fatalf("Child(%q, %q, %d) gave %q, then %q", a, suffix, limit, first, again)
		}
		if second := Child(b, suffix, limit); a != b && second == first {
			t.Fatalf("Child gave %q for %q and for %q", first, a, b)
		}
	})
}

func FuzzChild(f *testing.F) {
	f.Add("build", "-pod", 63)
	f.Add("Ünïcode \x00", "…", 20)
	f.Add(strings.Repeat("a-", 200), "-.-", 1)
	f.Add("", "", -1)
	f.Fuzz(func(t *testing.T, parent, suffix string, limit int) {
		got := Child(parent, suffix, limit)
		if limit < 1 {
			limit = MaxLabel
		}
		checkName(t, got, limit)
		if got := Label(parent); len(validation.IsValidLabelValue(got)) > 0 {
			t.Fatalf("Label(%q) = %q is not a valid value of a label", parent, got)
		}
	})
}

func checkName(t interface{ Fatalf(string, ...any) }, got string, limit int) {
	if len(got) > limit {
		t.Fatalf("%q has %d characters, more than %d", got, len(got), limit)
	}
	if msgs := validation.IsDNS1123Subdomain(got); len(got) <= 253 && len(msgs) > 0 {
		t.Fatalf("%q is not a valid name: %v", got, msgs)
	}
}
