package dag

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
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
			want:   `cannot find task "c", which task "b" refers to in params[0]`,
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
			want:   `cannot tell two tasks apart: both are called "a"`,
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

func TestReadyAndUnreachable(t *testing.T) {
	//  a → c → e
	//  b → c     d → f(result of d)
	tasks := []v1.PipelineTask{
		task("e", "c"), task("a"), task("b"), task("c", "a", "b"), task("d"),
		withParam(task("f"), v1.StringValue("$(tasks.d.results.r)")),
	}
	cases := map[string]struct {
		reason             string
		states             map[string]NodeState
		ready, unreachable []string
	}{
		"Beginning":   {"Those that wait for nothing start, in the order of the list.", nil, []string{"a", "b", "d"}, nil},
		"OneIsDone":   {"A task waits for all of its predecessors.", map[string]NodeState{"a": Succeeded, "b": Started, "d": Started}, nil, nil},
		"BothAreDone": {"Then it starts.", map[string]NodeState{"a": Succeeded, "b": Succeeded, "d": Succeeded}, []string{"c", "f"}, nil},
		"OneFailed":   {"What waits for a failed one is lost, however far down.", map[string]NodeState{"a": Failed, "b": Succeeded, "d": Started}, nil, []string{"e", "c"}},
		"End":         {"Nothing starts twice.", map[string]NodeState{"a": Succeeded, "b": Succeeded, "c": Succeeded, "d": Succeeded, "e": Succeeded, "f": Failed}, nil, nil},
	}
	g, err := Build(tasks)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			state := func(task string) NodeState { return tc.states[task] }
			if diff := cmp.Diff(tc.ready, g.Ready(state)); diff != "" {
				t.Errorf("\n%s\nReady: -want, +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.unreachable, g.Unreachable(state)); diff != "" {
				t.Errorf("\n%s\nUnreachable: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
	if diff := cmp.Diff([]string{"a", "b", "d", "c", "f", "e"}, g.Tasks()); diff != "" {
		t.Errorf("Tasks: -want, +got:\n%s", diff)
	}
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

func TestEveryTaskRunsOnceAndBehindThoseItWaitsFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, err := Build(drawTasks(t))
		if err != nil {
			t.Fatalf("Build refuses a graph without a cycle: %v", err)
		}
		states := map[string]NodeState{}
		state := func(task string) NodeState { return states[task] }
		var running []string
		for {
			for _, name := range g.Ready(state) {
				if states[name] != Waiting {
					t.Fatalf("%s is ready although it is not waiting", name)
				}
				for _, before := range g.before[g.index[name]] {
					if states[g.names[before]] != Succeeded {
						t.Fatalf("%s is ready before %s has succeeded", name, g.names[before])
					}
				}
				states[name] = Started
				running = append(running, name)
			}
			if len(running) == 0 {
				break
			}
			i := rapid.IntRange(0, len(running)-1).Draw(t, "ends")
			states[running[i]] = rapid.SampledFrom([]NodeState{Succeeded, Succeeded, Succeeded, Failed}).Draw(t, "outcome")
			running = append(running[:i], running[i+1:]...)
		}
		lost := map[string]bool{}
		for _, name := range g.Unreachable(state) {
			lost[name] = true
		}
		for _, name := range g.names {
			if waiting := states[name] == Waiting; waiting != lost[name] {
				t.Fatalf("%s: waiting %v at the end, unreachable %v", name, waiting, lost[name])
			}
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
		order := g.Tasks()
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
			for _, ref := range param.Value.ResultRefs() {
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

func BenchmarkBuildAndReady(b *testing.B) {
	const n = 1000
	tasks := make([]v1.PipelineTask, n)
	for i := range tasks {
		tasks[i] = task(fmt.Sprintf("t%d", i))
		if i > 0 {
			tasks[i] = withParam(tasks[i], v1.StringValue(fmt.Sprintf("$(tasks.t%d.results.r)", i-1)))
		}
	}
	state := func(string) NodeState { return Succeeded }
	b.ReportAllocs()
	for b.Loop() {
		g, err := Build(tasks)
		if err != nil {
			b.Fatal(err)
		}
		g.Ready(state)
		g.Unreachable(state)
	}
}
