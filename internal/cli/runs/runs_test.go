package runs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestParse(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		text   string
		want   FullName
		bad    bool
	}{
		"Bare": {
			reason: "A bare name is of either kind.",
			text:   "build-1",
			want:   FullName{Name: "build-1"},
		},
		"Short": {
			reason: "Short names are those of kubectl.",
			text:   "tr/a",
			want:   FullName{Kind: v1.KindTaskRun, Name: "a"},
		},
		"Plural": {
			reason: "Plurals, too.",
			text:   "pipelineruns/a",
			want:   FullName{Kind: v1.KindPipelineRun, Name: "a"},
		},
		"Group": {
			reason: "kubectl create -o name prints the group.",
			text:   "pipelinerun.tekton.dev/a",
			want:   FullName{Kind: v1.KindPipelineRun, Name: "a"},
		},
		"Case": {
			reason: "Kinds as YAML spells them are taken.",
			text:   "TaskRun/a",
			want:   FullName{Kind: v1.KindTaskRun, Name: "a"},
		},
		"OtherKind": {
			reason: "A pod is not a run.",
			text:   "pod/a",
			bad:    true,
		},
		"Empty": {
			reason: "Nothing is not a name.",
			text:   "",
			bad:    true,
		},
		"NoName": {
			reason: "A kind is not a run.",
			text:   "tr/",
			bad:    true,
		},
		"TooDeep": {
			reason: "There are no namespaces in it.",
			text:   "tr/ns/a",
			bad:    true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(tc.text)
			if (err != nil) != tc.bad {
				t.Fatalf("%s Parse(%q): error %v, want error %v", tc.reason, tc.text, err, tc.bad)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s Parse(%q) (-want +got):\n%s", tc.reason, tc.text, diff)
			}
		})
	}
}

func TestNear(t *testing.T) {
	names := []string{"build-x7k2p", "build-99zzz", "deploy-1", "release"}
	for name, tc := range map[string]struct {
		reason string
		typed  string
		want   []string
	}{
		"Letter":  {reason: "One letter is wrong.", typed: "build-x7k3p", want: []string{"build-x7k2p"}},
		"Prefix":  {reason: "The generated end was left out.", typed: "build", want: []string{"build-99zzz", "build-x7k2p"}},
		"Swapped": {reason: "Two letters are the wrong way round.", typed: "relaese", want: []string{"release"}},
		"Changed": {reason: "Two letters of seven are others.", typed: "rexeaxe", want: []string{"release"}},
		"Nothing": {reason: "What is not alike is not proposed.", typed: "zebra-crossing"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Near(tc.typed, names)); diff != "" {
				t.Errorf("%s Near(%q) (-want +got):\n%s", tc.reason, tc.typed, diff)
			}
		})
	}
}

func TestSpoken(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"": 0, "0s": 400 * time.Millisecond, "12s": 12 * time.Second, "3m05s": 185 * time.Second,
		"2h10m": 130 * time.Minute, "4d3h": 99 * time.Hour,
	} {
		if got := Spoken(d); got != want {
			t.Errorf("Spoken(%v): got %q, want %q", d, got, want)
		}
	}
}
