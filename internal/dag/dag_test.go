package dag

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

func task(name string, after ...string) v1.PipelineTask {
	return v1.PipelineTask{Name: name, RunAfter: after}
}

func withParam(t v1.PipelineTask, value v1.Value) v1.PipelineTask {
	t.Params = append(t.Params, v1.Param{Name: "p", Value: value})
	return t
}

func TestBuildRefuses(t *testing.T) {
	cases := map[string]struct {
		reason string
		tasks  []v1.PipelineTask
		want   string
	}{
		"UnknownRunAfter": {
			reason: "The message names both tasks and the field.",
			tasks:  []v1.PipelineTask{task("a"), task("b", "a", "c")},
			want:   `cannot find task "c", which task "b" refers to in runAfter[1]`,
		},
		"UnknownResultReference": {
			reason: "A reference in an array counts as much as one in a string.",
			tasks:  []v1.PipelineTask{withParam(task("b"), v1.ArrayValue("x", "$(tasks.c.results.r[*])"))},
			want:   `cannot find task "c", which task "b" refers to in params[0].value`,
		},
		"Itself": {
			reason: "A task cannot wait for itself.",
			tasks:  []v1.PipelineTask{task("a"), task("b", "b")},
			want:   "cannot order the tasks: they wait for each other: b → b",
		},
		"ItsOwnResult": {
			reason: "Nor can it use its own result.",
			tasks:  []v1.PipelineTask{withParam(task("b"), v1.StringValue("$(tasks.b.results.r)"))},
			want:   "cannot order the tasks: they wait for each other: b → b",
		},
		"CycleOfTwo": {
			reason: "The path is told in the order in which they would run, from the first in the list.",
			tasks:  []v1.PipelineTask{task("a", "b"), task("b", "a")},
			want:   "cannot order the tasks: they wait for each other: a → b → a",
		},
		"CycleBehindOthers": {
			reason: "Only the cycle is told, not what leads to it or waits for it.",
			tasks: []v1.PipelineTask{
				task("start"), task("last", "d"), task("d", "c"), task("b", "start", "d"),
				withParam(task("c"), v1.ObjectValue(map[string]string{"k": "$(tasks.b.results.r.key)"})),
			},
			want: "cannot order the tasks: they wait for each other: d → b → c → d",
		},
		"SameName": {
			reason: "Two tasks of one name could not be told apart.",
			tasks:  []v1.PipelineTask{task("a"), task("a")},
			want:   `cannot use task name "a": two tasks have it`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Build(tc.tasks)
			if err == nil || err.Error() != tc.want {
				t.Errorf("\n%s\nBuild: want error %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

// Every place in which a result can stand makes a task wait for the one that produces it.
func TestWhatATaskWaitsFor(t *testing.T) {
	a, b := "$(tasks.a.results.r)", "$(tasks.b.results.r[*])"
	cases := map[string]struct {
		reason string
		task   v1.PipelineTask
		want   []string
	}{
		"Nothing": {reason: "A task that names no other waits for none."},
		"RunAfter": {
			reason: "It waits for those in runAfter.",
			task:   v1.PipelineTask{RunAfter: []string{"b", "a"}},
			want:   []string{"b", "a"},
		},
		"Once": {
			reason: "However often it names one, it waits for it once.",
			task:   withParam(v1.PipelineTask{RunAfter: []string{"a", "a"}}, v1.StringValue(a+a)),
			want:   []string{"a"},
		},
		"WhenInput": {
			reason: "A guard is judged when the result is there.",
			task:   v1.PipelineTask{When: []v1.WhenExpression{{Input: a}}},
			want:   []string{"a"},
		},
		"WhenValues": {
			reason: "So are the values that it is compared with.",
			task:   v1.PipelineTask{When: []v1.WhenExpression{{Values: []string{"x", b}}}},
			want:   []string{"b"},
		},
		"WhenCEL": {
			reason: "And an expression.",
			task:   v1.PipelineTask{When: []v1.WhenExpression{{CEL: "'" + a + "' == 'x'"}}},
			want:   []string{"a"},
		},
		"Matrix": {
			reason: "A matrix can be made of a result.",
			task:   v1.PipelineTask{Matrix: &v1.Matrix{Params: []v1.Param{{Value: v1.StringValue(b)}}}},
			want:   []string{"b"},
		},
		"Include": {
			reason: "So can what it includes.",
			task:   v1.PipelineTask{Matrix: &v1.Matrix{Include: []v1.MatrixInclude{{Params: []v1.Param{{Value: v1.StringValue(a)}}}}}},
			want:   []string{"a"},
		},
		"Length": {
			reason: "How many results there are is known when all have ended.",
			task:   withParam(v1.PipelineTask{}, v1.StringValue("$(tasks.a.matrix.r.length)")),
			want:   []string{"a"},
		},
		"Size": {
			reason: "How many runs a matrix makes can depend on results, too.",
			task:   withParam(v1.PipelineTask{}, v1.StringValue("$(tasks.a.matrix.length)")),
			want:   []string{"a"},
		},
		"SubPath": {
			reason: "A folder can be named by a result.",
			task:   v1.PipelineTask{Workspaces: []v1.WorkspacePipelineTaskBinding{{SubPath: a}}},
			want:   []string{"a"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g, err := Build([]v1.PipelineTask{task("a"), task("b"), tc.task})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, i := range g.Before(2) {
				got = append(got, g.names[i])
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\nBefore: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestOrderFollowsTheListWhereItCan(t *testing.T) {
	g, err := Build([]v1.PipelineTask{
		task("e", "c"), task("a"), task("b"), task("c", "a", "b"), task("d"),
		withParam(task("f"), v1.StringValue("$(tasks.d.results.r)")),
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "d", "c", "f", "e"}, names(g)); diff != "" {
		t.Errorf("Order: -want, +got:\n%s", diff)
	}
}

func names(g *Graph) []string {
	var out []string
	for _, i := range g.Order() {
		out = append(out, g.names[i])
	}
	return out
}

// drawTasks draws a pipeline in which tasks wait only for earlier ones of a drawn order, listed in another order.
func drawTasks(t *rapid.T) []v1.PipelineTask {
	n := rapid.IntRange(1, 12).Draw(t, "tasks")
	tasks := make([]v1.PipelineTask, n)
	for i := range tasks {
		tasks[i] = task(fmt.Sprintf("t%d", i))
		for j := range i {
			switch rapid.IntRange(0, 5).Draw(t, "edge") {
			case 0:
				tasks[i].RunAfter = append(tasks[i].RunAfter, tasks[j].Name)
			case 1:
				tasks[i] = withParam(tasks[i], v1.StringValue("x$(tasks."+tasks[j].Name+".results.r)"))
			}
		}
	}
	return rapid.Permutation(tasks).Draw(t, "list")
}

func TestEachTaskComesOnceAndBehindThoseItWaitsFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, err := Build(drawTasks(t))
		if err != nil {
			t.Fatalf("Build refuses a graph without a cycle: %v", err)
		}
		seen := map[int]bool{}
		for _, i := range g.Order() {
			for _, before := range g.Before(i) {
				if !seen[before] {
					t.Fatalf("%s comes before %s, which it waits for", g.names[i], g.names[before])
				}
			}
			if seen[i] {
				t.Fatalf("%s comes twice", g.names[i])
			}
			seen[i] = true
		}
		if len(seen) != len(g.names) {
			t.Fatalf("%d of %d tasks come", len(seen), len(g.names))
		}
	})
}

func TestCyclesAreAlwaysFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks := drawTasks(t)
		g, err := Build(tasks)
		if err != nil {
			t.Fatal(err)
		}
		order := names(g)
		from := rapid.IntRange(0, len(order)-1).Draw(t, "from")
		to := rapid.IntRange(0, from).Draw(t, "to")
		for i := range tasks {
			// Both ways between two tasks, which may be the same one, are a cycle.
			switch tasks[i].Name {
			case order[to]:
				tasks[i].RunAfter = append(tasks[i].RunAfter, order[from])
			case order[from]:
				tasks[i].RunAfter = append(tasks[i].RunAfter, order[to])
			}
		}
		_, err = Build(tasks)
		var cycle *CycleError
		if !errors.As(err, &cycle) {
			t.Fatalf("Build does not find the cycle of %s and %s: %v", order[to], order[from], err)
		}
		checkCycle(t, tasks, cycle.Path)
	})
}

func checkCycle(t *rapid.T, tasks []v1.PipelineTask, path []string) {
	waits := map[string]map[string]bool{}
	for i := range tasks {
		waits[tasks[i].Name] = map[string]bool{}
		for _, name := range tasks[i].RunAfter {
			waits[tasks[i].Name][name] = true
		}
		for _, param := range tasks[i].Params {
			for _, ref := range variables.ResultRefs(param.Value) {
				waits[tasks[i].Name][ref.Task] = true
			}
		}
	}
	if len(path) < 2 || path[0] != path[len(path)-1] {
		t.Fatalf("%v is no cycle", path)
	}
	for i := 1; i < len(path); i++ {
		if !waits[path[i]][path[i-1]] {
			t.Fatalf("%v is no cycle: %s does not wait for %s", path, path[i], path[i-1])
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	const n = 1000
	tasks := make([]v1.PipelineTask, n)
	for i := range tasks {
		tasks[i] = task(fmt.Sprintf("t%d", i))
		if i > 0 {
			tasks[i] = withParam(tasks[i], v1.StringValue(fmt.Sprintf("$(tasks.t%d.results.r)", i-1)))
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Build(tasks); err != nil {
			b.Fatal(err)
		}
	}
}

// TestLongCycleIsCut: a message names some tasks of a cycle, and ends with the one that it begins with.
func TestLongCycleIsCut(t *testing.T) {
	const n = 10_000
	tasks := make([]v1.PipelineTask, n)
	for i := range tasks {
		tasks[i] = v1.PipelineTask{Name: fmt.Sprintf("t%d", i), RunAfter: []string{fmt.Sprintf("t%d", (i+n-1)%n)}}
	}
	_, err := Build(tasks)
	if err == nil || len(err.Error()) > 500 || !strings.HasSuffix(err.Error(), "→ t18 → … (9981 more) → t0") {
		t.Errorf("want a short message, got %.1000v", err)
	}
}
