package results

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/resultview"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

func run(names ...string) runs.Run {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "make"}}
	for _, name := range names {
		tr.Status.Results = append(tr.Status.Results, v1.TaskRunResult{Name: name, Value: v1.StringValue(name)})
	}
	return runs.OfTask(tr)
}

func of(r runs.Run) []resultview.Result {
	return resultview.Of(runs.Snapshot{Run: r, Tasks: []*v1.TaskRun{r.TaskRun}})
}

func TestPick(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		there  []string
		name   string
		want   string
		bad    string
	}{
		"By name": {
			reason: "A name is a name.",
			there:  []string{"a", "b"},
			name:   "b",
			want:   "b",
		},
		"The only": {
			reason: "Of one nobody has to say which.",
			there:  []string{"a"},
			want:   "a",
		},
		"Which": {
			reason: "Of two somebody has to.",
			there:  []string{"a", "b"},
			bad:    "none is selected",
		},
		"Not there": {
			reason: "A name that there is not is an error, also where there is only one.",
			there:  []string{"a"},
			name:   "x",
			bad:    `no result "x"`,
		},
		"None": {
			reason: "None is told with why.",
			name:   "x",
			bad:    "has no results yet",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(tc.there...)
			got, err := pick(of(r), tc.name, r, &cluster.Cluster{})
			if tc.bad != "" {
				if err == nil || !strings.Contains(err.Error(), tc.bad) {
					t.Errorf("%s got %v, want %q", tc.reason, err, tc.bad)
				}
				return
			}
			if err != nil || got.Name != tc.want {
				t.Errorf("%s got %q, %v, want %q", tc.reason, got.Name, err, tc.want)
			}
		})
	}
}

func TestADifferentValueIsNotWritten(t *testing.T) {
	r := of(run("a"))[0]
	r.Check = resultview.Check{Outcome: resultview.Different, Detail: "another"}
	o := &GetOptions{}
	for _, o.JSON = range []bool{false, true} {
		if data, err := o.bytes(r, "taskrun/make"); err == nil || data != nil {
			t.Errorf("a value that is not what the step wrote must not be handed on: got %q, %v", data, err)
		}
	}
	if err := o.getAll([]resultview.Result{r}, "taskrun/make"); err == nil {
		t.Error("nor with others")
	}
}

func TestWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	for _, data := range []string{"a longer text", "short"} {
		o := &GetOptions{Terminal: terminal.Plain(nil, nil, nil), File: file}
		if err := o.write([]byte(data)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != data {
			t.Errorf("the file holds the value and nothing else: got %q, %v", got, err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Errorf("nothing is left beside it: %v, %v", entries, err)
	}
	for interactive, want := range map[bool]string{false: "x", true: "x\n"} {
		var b bytes.Buffer
		term := terminal.Plain(nil, &b, nil)
		term.Interactive = interactive
		if err := (&GetOptions{Terminal: term}).write([]byte("x")); err != nil || b.String() != want {
			t.Errorf("only a person gets a line feed: interactive %v: got %q, %v", interactive, b.String(), err)
		}
	}
}
