package runner

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sluice-ci/sluice/test/conformance/suite"
)

// fakeCluster has a namespace for each case, and counts them.
type fakeCluster struct {
	conditions map[string]suite.Condition // by the name of the run; a run without one does not end
	refused    map[string]string          // the API server's message, by the name of the object
	broken     error

	mu           sync.Mutex
	created      []string
	open, atOnce int
	explained    int
}

func (f *fakeCluster) Open(context.Context, string) (Namespace, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return nil, f.broken
	}
	f.open++
	f.atOnce = max(f.atOnce, f.open)
	return &fakeNamespace{f}, nil
}

type fakeNamespace struct{ *fakeCluster }

func (f *fakeNamespace) Create(_ context.Context, obj *unstructured.Unstructured) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if message, ok := f.refused[obj.GetName()]; ok {
		return &RefusalError{Message: message}
	}
	f.created = append(f.created, obj.GetName())
	return nil
}

func (f *fakeNamespace) Await(ctx context.Context, run *unstructured.Unstructured) (suite.Condition, error) {
	if c, ok := f.conditions[run.GetName()]; ok {
		return c, nil
	}
	<-ctx.Done()
	return suite.Condition{Status: "Unknown", Reason: "Pending", Message: "image is pulled"}, ctx.Err()
}

func (f *fakeNamespace) Close(_ context.Context, explain bool) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open--
	if !explain {
		return ""
	}
	f.explained++
	return "what happened"
}

func object(kind, name string) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "tekton.dev/v1", "kind": kind}}
	obj.SetName(name)
	return obj
}

func TestRun(t *testing.T) {
	cases := map[string]struct {
		reason string
		given  suite.Case
		flags  map[string]string
		broken error
		want   Result
	}{
		"Passed": {
			reason: "All runs of a file must succeed.",
			given:  suite.Case{Objects: []*unstructured.Unstructured{object("Task", "t"), object("TaskRun", "good"), object("PipelineRun", "good")}},
			want:   Result{Outcome: Passed},
		},
		"SecondFails": {
			reason: "One failed run fails the file; its name and reason are reported.",
			given:  suite.Case{Objects: []*unstructured.Unstructured{object("TaskRun", "good"), object("TaskRun", "bad")}},
			want:   Result{Outcome: Failed, Reason: `TaskRun "bad": Failed: exit 1`, Explanation: "what happened"},
		},
		"AsExpected": {
			reason: "A file with an expected failure passes if it fails.",
			given: suite.Case{
				Objects: []*unstructured.Unstructured{object("TaskRun", "bad")},
				Expect:  []suite.Expectation{{Reason: "Failed", Message: "exit"}},
			},
			want: Result{Outcome: Passed, Reason: "as expected: Failed"},
		},
		"Late": {
			reason: "The condition shows why a run did not end.",
			given:  suite.Case{Objects: []*unstructured.Unstructured{object("TaskRun", "slow")}},
			want:   Result{Outcome: Failed, Reason: `TaskRun "slow" did not end in time: Pending: image is pulled`, Explanation: "what happened"},
		},
		"Refused": {
			reason: "The reason is the message of the API server.",
			given:  suite.Case{Objects: []*unstructured.Unstructured{object("Task", "wrong"), object("TaskRun", "good")}},
			want:   Result{Outcome: Failed, Reason: "spec.steps: required", Explanation: "what happened"},
		},
		"ExpectedElsewhere": {
			reason: "An expectation for other flags does not apply.",
			given: suite.Case{
				Objects: []*unstructured.Unstructured{object("TaskRun", "good")},
				Expect:  []suite.Expectation{{Flags: map[string]string{"a": "b"}, Reason: "Failed"}},
			},
			want: Result{Outcome: Passed},
		},
		"RefusedAsExpected": {
			reason: "A bad object is refused.",
			given: suite.Case{
				Objects: []*unstructured.Unstructured{object("Task", "wrong")},
				Expect:  []suite.Expectation{{Reason: suite.Refused, Message: "steps"}},
			},
			want: Result{Outcome: Passed, Reason: "as expected: refused"},
		},
		"NotRefused": {
			reason: "A bad object that is accepted is a failure, whatever its outcome.",
			given: suite.Case{
				Objects: []*unstructured.Unstructured{object("TaskRun", "bad")},
				Expect:  []suite.Expectation{{Reason: suite.Refused}},
			},
			want: Result{Outcome: Failed, Reason: "should be refused, but was accepted", Explanation: "what happened"},
		},
		"Skipped": {
			reason: "A case whose flags the cluster does not have is skipped, with the reason.",
			given: suite.Case{
				Objects: []*unstructured.Unstructured{object("TaskRun", "bad")},
				Needs:   map[string]string{"results-from": "sidecar-logs"},
			},
			flags: map[string]string{"results-from": "termination-message"},
			want:  Result{Outcome: Skipped, Reason: `needs results-from=sidecar-logs, the cluster has "termination-message"`},
		},
		"NoNamespace": {
			reason: "An error of the cluster is a failure.",
			given:  suite.Case{Objects: []*unstructured.Unstructured{object("TaskRun", "good")}},
			broken: errors.New("no more namespaces"),
			want:   Result{Outcome: Failed, Reason: "no more namespaces"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cluster := &fakeCluster{
				conditions: map[string]suite.Condition{
					"good": {Status: "True", Reason: "Succeeded"},
					"bad":  {Status: "False", Reason: "Failed", Message: "exit 1"},
				},
				refused: map[string]string{"wrong": "spec.steps: required"},
				broken:  tc.broken,
			}
			var reported []Result
			done := func(r Result) { reported = append(reported, r) }
			r := &Runner{Cluster: cluster, Parallel: 1, Timeout: time.Second, Flags: tc.flags, Done: done}
			if tc.want.Outcome == Failed && strings.Contains(tc.want.Reason, "in time") {
				r.Timeout = time.Millisecond
			}
			got := r.Run(t.Context(), []suite.Case{tc.given})
			if diff := cmp.Diff([]Result{tc.want}, got, cmpopts.IgnoreFields(Result{}, "Took")); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(got, reported); diff != "" {
				t.Errorf("reported results: -want +got:\n%s", diff)
			}
			if cluster.open != 0 {
				t.Errorf("%d namespaces were left open", cluster.open)
			}
		})
	}
}

func TestRunIsParallelAndInOrder(t *testing.T) {
	cluster := &fakeCluster{conditions: map[string]suite.Condition{"good": {Status: "True"}}}
	given := make([]suite.Case, 20)
	for i := range given {
		given[i] = suite.Case{Name: string(rune('a' + i)), Objects: []*unstructured.Unstructured{object("TaskRun", "good")}}
	}
	r := &Runner{Cluster: cluster, Parallel: 3, Timeout: time.Minute, Done: func(Result) {}}
	for i, result := range r.Run(t.Context(), given) {
		if result.Name != given[i].Name || result.Outcome != Passed {
			t.Errorf("result %d is %+v", i, result)
		}
	}
	if cluster.atOnce > 3 {
		t.Errorf("%d namespaces were open at once", cluster.atOnce)
	}
}

func TestInterrupted(t *testing.T) {
	cluster := &fakeCluster{}
	ctx, cancel := context.WithCancel(t.Context())
	given := []suite.Case{
		{Name: "begun", Objects: []*unstructured.Unstructured{object("TaskRun", "slow")}},
		{Name: "not begun", Objects: []*unstructured.Unstructured{object("TaskRun", "slow")}},
	}
	r := &Runner{Cluster: &interrupting{Cluster: cluster, cancel: cancel}, Parallel: 1, Timeout: time.Minute, Done: func(Result) {}}
	got := r.Run(ctx, given)
	want := []Result{{Name: "begun", Outcome: Interrupted}, {Name: "not begun", Outcome: Interrupted}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Result{}, "Took")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if cluster.open != 0 || cluster.explained != 0 {
		t.Errorf("%d namespaces were left open, %d explained", cluster.open, cluster.explained)
	}
}

// interrupting ends the context when the first case has its namespace.
type interrupting struct {
	Cluster

	cancel context.CancelFunc
}

func (i *interrupting) Open(ctx context.Context, name string) (Namespace, error) {
	defer i.cancel()
	return i.Cluster.Open(ctx, name)
}
