package load

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

func TestPlan(t *testing.T) {
	single := Row{Name: "one", Modes: []string{SidecarLogs, TerminationMessage}}
	bare := Row{Name: "pod", Modes: []string{BarePods}}
	burst := Row{Name: "burst", Count: 20, Modes: []string{SidecarLogs, TerminationMessage}}
	held := Row{Name: "held", Held: true, Modes: []string{SidecarLogs}}
	cases := map[string]struct {
		reason string
		rows   []Row
		modes  []string
		n      int
		rounds int
		want   string
	}{
		"rounds": {
			reason: "each round has the opposite order of the previous one, and all rounds together have n runs",
			rows:   []Row{bare, single}, n: 5, rounds: 2,
			want: "pod bare-pods 3, one sidecar-logs 3, one termination-message 3, one termination-message 2, one sidecar-logs 2, pod bare-pods 2",
		},
		"order": {
			reason: "held rows come last, rows that run at once come before them with their own count",
			rows:   []Row{held, burst, bare}, n: 1, rounds: 1,
			want: "pod bare-pods 1, burst sidecar-logs 20, burst termination-message 20, held sidecar-logs 7",
		},
		"modes": {
			reason: "a mode that is not requested is omitted; bare pods are always measured",
			rows:   []Row{single, bare}, modes: []string{TerminationMessage}, n: 1, rounds: 1,
			want: "one termination-message 1, pod bare-pods 1",
		},
		"few": {
			reason: "there are no more rounds than runs",
			rows:   []Row{bare}, n: 2, rounds: 9,
			want: "pod bare-pods 1, pod bare-pods 1",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, b := range Plan(tc.rows, tc.modes, tc.n, tc.rounds, 7) {
				got = append(got, fmt.Sprintf("%s %s %d", b.Name, b.Mode, b.N))
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, ", ")); diff != "" {
				t.Errorf("Plan: %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestSelect(t *testing.T) {
	all, err := Select("")
	if err != nil || len(all) != len(Rows()) {
		t.Errorf("an empty selection selects all rows: got %d rows, %v", len(all), err)
	}
	some, err := Select("burst20,seq")
	if err != nil || len(some) != 2 || some[0].Name != "seq" {
		t.Errorf("rows must be in the order of Rows: got %v, %v", some, err)
	}
	if _, err := Select("seq,fast"); err == nil || !strings.Contains(err.Error(), `"fast"`) {
		t.Errorf("the error must name the unknown row: got %v", err)
	}
}

func TestObjectIsValid(t *testing.T) {
	for _, row := range Rows() {
		t.Run(row.Name, func(t *testing.T) {
			switch o := row.Object("test", "name", "busybox").(type) {
			case *v1.TaskRun:
				if problems := validation.TaskRun(o); len(problems) > 0 {
					t.Errorf("the run would be refused: %v", problems)
				}
			case *v1.PipelineRun:
				if problems := validation.PipelineRun(o); len(problems) > 0 {
					t.Errorf("the run would be refused: %v", problems)
				}
			}
		})
	}
}

func TestWhole(t *testing.T) {
	status := func(values ...string) *v1.TaskRunStatus {
		s := &v1.TaskRunStatus{}
		for _, value := range values {
			s.Results = append(s.Results, v1.TaskRunResult{Name: Result, Value: v1.Value{Type: v1.TypeString, String: value}})
		}
		return s
	}
	cases := map[string]struct {
		reason string
		shape  Shape
		status *v1.TaskRunStatus
		whole  bool
	}{
		"none":    {reason: "a task without results is complete", shape: Shape{}, status: status(), whole: true},
		"lost":    {reason: "a green and empty run is refused", shape: Shape{Size: 3}, status: status()},
		"twice":   {reason: "there is one result", shape: Shape{Size: 3}, status: status("xxx", "xxx")},
		"right":   {reason: "it is what the step wrote", shape: Shape{Size: 3}, status: status("xxx"), whole: true},
		"short":   {reason: "a byte is missing", shape: Shape{Size: 3}, status: status("xx")},
		"other":   {reason: "a byte differs", shape: Shape{Size: 3}, status: status("xyx")},
		"random":  {reason: "the length of a random one is right", shape: Shape{Size: 3, Random: true}, status: status("abc"), whole: true},
		"shorter": {reason: "the length of a random one is wrong", shape: Shape{Size: 3, Random: true}, status: status("ab")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.shape.Whole(tc.status); (got == "") != tc.whole {
				t.Errorf("Whole: %s: got %q", tc.reason, got)
			}
		})
	}
}

// TestWritten: a written status passes as the result of a step, and no controller runs such a TaskRun.
func TestWritten(t *testing.T) {
	shape := Shape{Steps: 2, Size: 1000, Written: true}
	status := shape.Status()
	if problem := shape.Whole(&status); problem != "" || !status.Done() || shape.Pods() != 0 {
		t.Errorf("%q; done: %t, pods: %d", problem, status.Done(), shape.Pods())
	}
	run, ok := shape.Object("n", "run", "image").(*v1.TaskRun)
	if !ok || run.Spec.ManagedBy == nil || *run.Spec.ManagedBy == v1.ManagedBy {
		t.Errorf("want a TaskRun that no controller runs, got %+v", run)
	}
}
