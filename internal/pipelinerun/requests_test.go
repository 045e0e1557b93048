package pipelinerun

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestRequests counts the requests of a run of three tasks in a row: for each task one TaskRun and one status, one read of
// each task whose result is passed on, and a status for the end.
func TestRequests(t *testing.T) {
	pr := chain()
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	text := v1.TaskRunResult{Name: "text", Type: v1.TypeString, Value: v1.StringValue("x")}
	list := v1.TaskRunResult{Name: "list", Type: v1.TypeArray, Value: v1.ArrayValue("x")}
	object := v1.TaskRunResult{Name: "map", Type: v1.TypeObject, Value: v1.ObjectValue(map[string]string{"k": "v"})}
	c.end(t, pr, "make", v1.Succeeded("done"), text, list, object)
	pr = c.settle(t, pr)
	c.end(t, pr, "use", v1.Succeeded("done"), v1.TaskRunResult{Name: "count", Type: v1.TypeString, Value: v1.StringValue("2")})
	pr = c.settle(t, pr)
	c.end(t, pr, "last", v1.Succeeded("done"))
	c.settle(t, pr)
	// Three reads: the result for the second task, and those of two tasks for the results of the pipeline.
	if diff := cmp.Diff(map[string]int{"create": 3, "status": 4, "get": 3}, c.calls); diff != "" {
		t.Errorf("requests: -want +got:\n%s", diff)
	}
}

// TestAllocationsOfPass holds that a pass over a large run that finds nothing new does little: a run of a thousand tasks has
// as many passes.
func TestAllocationsOfPass(t *testing.T) {
	var tasks []v1.PipelineTask
	for i := range 100 {
		tasks = append(tasks, plain("t"+string(rune('a'+i/26))+string(rune('a'+i%26))))
	}
	pr := run(tasks...)
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	before := c.total()
	// The client of the test copies what it reads; that of the cluster does not.
	const perTask = 200
	if got := testing.AllocsPerRun(5, func() { c.pass(t, pr) }); got > perTask*100 {
		t.Errorf("a pass over 100 tasks: want at most %d allocations for each, got %.0f in all", perTask, got)
	}
	if c.total() != before {
		t.Errorf("nothing new is to be found: want no request, got %d", c.total()-before)
	}
}
