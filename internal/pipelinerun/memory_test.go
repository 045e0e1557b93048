package pipelinerun

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/dag"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
	"github.com/sluice-ci/sluice/internal/when"
)

// loading is a pass over a run whose tasks have ended and whose results are read by a reader of the test's.
type loading struct {
	pr     *v1.PipelineRun
	in     Inputs
	loader *loader
	// plan is the one that was made.
	plan   Plan
	budget *budget.Budget
	// reads counts the TaskRuns that were read, and most is what the pass held after one of them, at most.
	reads, most int
	// reserved is what the pass had of the budget at most while it read.
	reserved int64
}

// newLoading returns a pass in which all tasks but the last have ended, or all but those of finally. combinations says how many
// TaskRuns the tasks with a matrix have.
func newLoading(t *testing.T, pr *v1.PipelineRun, combinations map[string]int, results func(task string) []v1.TaskRunResult) *loading {
	t.Helper()
	validation.DefaultPipelineSpec(pr.Spec.PipelineSpec)
	if errs := validation.PipelineRun(pr); len(errs) > 0 {
		t.Fatal(errs[0])
	}
	pr.Status.StartTime = &metav1.Time{Time: start}
	l := &loading{pr: pr, budget: budget.New(Memory)}
	obs := Observation{Now: start, Config: config.Default(), Spec: pr.Spec.PipelineSpec}
	obs.Timeouts, obs.Vars = timeoutsOf(pr, obs.Config.Defaults), runVariables(pr, obs.Spec, nil)
	var err error
	if obs.Graph, err = dag.Build(obs.Spec.Tasks); err != nil {
		t.Fatal(err)
	}
	obs.Tasks = taskStates(obs.Spec, obs.Vars)
	for i := range obs.Tasks {
		s := &obs.Tasks[i]
		if s.Final || i == len(obs.Tasks)-1 {
			continue
		}
		for n := range max(combinations[s.Task.Name], 1) {
			index := n
			if s.Task.Matrix == nil {
				index = -1
			}
			tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{
				Namespace: "ns",
				Name:      childName(pr, s.Task.Name, index),
				Labels:    map[string]string{v1.LabelPipelineTask: s.Task.Name},
			}}
			tr.Status.SetCondition(done(), metav1.NewTime(start))
			s.Children = append(s.Children, Child{Reference: referenceTo(taskRuns{}, tr.Name, s.Task), Run: taskRun{tr}})
		}
		s.update()
	}
	evaluator, err := when.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	read := func(_ context.Context, child Run) (Run, bool, error) {
		l.reads++
		l.most = max(l.most, l.loader.loaded.held)
		l.reserved = max(l.reserved, l.budget.Held())
		whole := &v1.TaskRun{}
		whole.Status.Results = results(child.GetLabels()[v1.LabelPipelineTask])
		return taskRun{whole}, false, nil
	}
	l.in = Inputs{Run: pr, Obs: obs, Evaluator: evaluator, Builder: newChildBuilder(pr, obs)}
	l.loader = &loader{
		read: read, lease: l.budget.Lease(),
		orphans: func(context.Context) (map[string][]Child, error) { return map[string][]Child{}, nil },
	}
	return l
}

func (l *loading) run(t *testing.T) {
	t.Helper()
	var err error
	if l.plan, err = l.loader.complete(t.Context(), l.in); err != nil {
		t.Fatal(err)
	}
	l.most = max(l.most, l.loader.loaded.held)
}

// wideRun is a matrix of 256 combinations, each with 360 results of 4096 bytes, and a task that takes all of them.
func wideRun(t *testing.T) *loading {
	t.Helper()
	const combinations, count = 256, 360
	wide, takes := producing("wide"), embedded("takes", v1.TaskSpec{})
	wide.TaskSpec.Params = []v1.ParamSpec{{Name: "n"}}
	values := make([]string, combinations)
	for i := range values {
		values[i] = fmt.Sprint(i)
	}
	wide.Matrix = &v1.Matrix{Params: []v1.Param{array("n", values...)}}
	for r := range count {
		name := fmt.Sprintf("r%d", r)
		wide.TaskSpec.Results = append(wide.TaskSpec.Results, v1.TaskResult{Name: name})
		takes.TaskSpec.Params = append(takes.TaskSpec.Params, v1.ParamSpec{Name: name, Type: v1.TypeArray})
		takes.Params = append(takes.Params, param(name, "$(tasks.wide.results."+name+"[*])"))
	}
	return newLoading(t, run(wide, takes), map[string]int{"wide": combinations}, func(string) []v1.TaskRunResult {
		all := make([]v1.TaskRunResult, count)
		for r := range all {
			all[r] = text(fmt.Sprintf("r%d", r), strings.Repeat("x", 4096))
		}
		return all
	})
}

// manyLists is 100 tasks, each with an array of 350 texts of 4000 bytes, and a task that takes one text of each.
func manyLists(t *testing.T) *loading {
	t.Helper()
	var tasks []v1.PipelineTask
	takes := embedded("takes", v1.TaskSpec{})
	for i := range 100 {
		name := fmt.Sprintf("t%d", i)
		task := producing(name)
		task.TaskSpec.Results = []v1.TaskResult{{Name: "r", Type: v1.TypeArray}}
		tasks = append(tasks, task)
		takes.TaskSpec.Params = append(takes.TaskSpec.Params, v1.ParamSpec{Name: name})
		takes.Params = append(takes.Params, param(name, "$(tasks."+name+".results.r[3])"))
	}
	return newLoading(t, run(append(tasks, takes)...), nil, func(string) []v1.TaskRunResult {
		list := make([]string, 350)
		for i := range list {
			list[i] = strings.Repeat("x", 4000)
		}
		return []v1.TaskRunResult{{Name: "r", Type: v1.TypeArray, Value: v1.ArrayValue(list...)}}
	})
}

// manyRuns is 350 tasks with a result of 1.4 MB each, and a task that takes all of them.
func manyRuns(t *testing.T) *loading {
	t.Helper()
	var tasks []v1.PipelineTask
	takes := embedded("takes", v1.TaskSpec{})
	for i := range 350 {
		name := fmt.Sprintf("t%d", i)
		tasks = append(tasks, producing(name, "r"))
		takes.TaskSpec.Params = append(takes.TaskSpec.Params, v1.ParamSpec{Name: name})
		takes.Params = append(takes.Params, param(name, "$(tasks."+name+".results.r)"))
	}
	return newLoading(t, run(append(tasks, takes)...), nil, func(string) []v1.TaskRunResult {
		return []v1.TaskRunResult{text("r", strings.Repeat("x", 1_400_000))}
	})
}

// TestOnePassHoldsAConstant: what a pass holds of results does not grow with how many there are. It stops reading as soon as
// they are more than one task can take.
func TestOnePassHoldsAConstant(t *testing.T) {
	cases := map[string]struct {
		reason string
		pass   func(*testing.T) *loading
		reads  int
	}{
		"Matrix": {reason: "256 × 360 results of 4096 bytes are 377 MB; six TaskRuns have more than 8 MiB of them.", pass: wideRun, reads: 6},
		"Tasks":  {reason: "350 results of 1.4 MB are 490 MB; six of them are more than 8 MiB.", pass: manyRuns, reads: 6},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := tc.pass(t)
			l.run(t)
			if l.reads != tc.reads || l.most > maxWanted {
				t.Errorf("%s: want %d reads and at most %d bytes held, got %d and %d", tc.reason, tc.reads, maxWanted, l.reads, l.most)
			}
			problem := l.plan.Problem
			if problem == nil || problem.Reason != v1.PipelineRunReasonResultTooLarge || !strings.Contains(problem.Message, "the limit is 8388608") {
				t.Errorf("%s: want a problem that names the limit, got %+v", tc.reason, problem)
			}
			if l.reserved < int64(l.most) || l.reserved > heavy {
				t.Errorf("%s: want the budget to cover %d bytes, got %d", tc.reason, l.most, l.reserved)
			}
		})
	}
}

// TestPartsOfResults: a task that takes one element of each result is no reason to hold all of them.
func TestPartsOfResults(t *testing.T) {
	l := manyLists(t)
	l.run(t)
	if len(l.plan.Wanted) != 1 || l.plan.Problem != nil {
		t.Fatalf("want the task to start, got %+v", l.plan.Problem)
	}
	for _, p := range paramsOf(l.plan.Wanted[0].Runs[0]) {
		if p.Value.String != strings.Repeat("x", 4000) {
			t.Fatalf("param %q has %d bytes", p.Name, len(p.Value.String))
		}
	}
	if limit := 100*4000 + 100*350*elementBytes; l.reads != 100 || l.most > limit {
		t.Errorf("want 100 reads and at most %d bytes held, got %d and %d", limit, l.reads, l.most)
	}
}

// TestPartOfAMatrixIsNoList: where one task of finally needs more results than it can take, another one still gets all results
// of a matrix, and not those that were read before the limit was met.
func TestPartOfAMatrixIsNoList(t *testing.T) {
	const others, large, combinations, small = 6, 1_300_000, 3, 300_000 // the limit is between the second and the third of m
	var tasks []v1.PipelineTask
	tooMuch, list := embedded("a", v1.TaskSpec{}), embedded("b", v1.TaskSpec{})
	for i := range others {
		name := fmt.Sprint("big", i)
		tasks = append(tasks, producing(name, "r"))
		tooMuch.TaskSpec.Params = append(tooMuch.TaskSpec.Params, v1.ParamSpec{Name: name})
		tooMuch.Params = append(tooMuch.Params, param(name, "$(tasks."+name+".results.r)"))
	}
	m := producing("m", "r")
	m.TaskSpec.Params = []v1.ParamSpec{{Name: "n"}}
	m.Matrix = &v1.Matrix{Params: []v1.Param{array("n", "0", "1", "2")}}
	for _, task := range []*v1.PipelineTask{&tooMuch, &list} {
		task.TaskSpec.Params = append(task.TaskSpec.Params, v1.ParamSpec{Name: "list", Type: v1.TypeArray})
		task.Params = append(task.Params, param("list", "$(tasks.m.results.r[*])"))
	}
	pr := finally(run(append(tasks, m)...), tooMuch, list)
	l := newLoading(t, pr, map[string]int{"m": combinations}, func(task string) []v1.TaskRunResult {
		if task == "m" {
			return []v1.TaskRunResult{text("r", strings.Repeat("x", small))}
		}
		return []v1.TaskRunResult{text("r", strings.Repeat("x", large))}
	})
	l.run(t)
	if problem := l.plan.Problem; problem == nil || problem.Task != "a" || problem.Reason != v1.PipelineRunReasonResultTooLarge {
		t.Errorf("want task a to need too much, got %+v", problem)
	}
	if len(l.plan.Wanted) != 1 {
		t.Fatalf("want task b to start, got %+v", l.plan.Tasks)
	}
	for _, p := range paramsOf(l.plan.Wanted[0].Runs[0]) {
		if p.Name == "list" && len(p.Value.Array) != combinations {
			t.Errorf("want a list of %d results, got %d", combinations, len(p.Value.Array))
		}
	}
}

// TestHeapOfOnePass: the same by what the runtime has allocated, and a pass may take at most a tenth of the container's
// 512 MiB.
func TestHeapOfOnePass(t *testing.T) {
	l := manyRuns(t)
	read, most := l.loader.read, uint64(0)
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l.loader.read = func(ctx context.Context, child Run) (Run, bool, error) {
		runtime.GC()
		runtime.ReadMemStats(&now)
		most = max(most, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
		return read(ctx, child)
	}
	l.run(t)
	if most > heavy {
		t.Errorf("want at most %d bytes of heap, got %d", heavy, most)
	}
}

// TestPartsAreAsTheWhole: whatever a text refers to, it becomes the same from what is kept as from everything.
func TestPartsAreAsTheWhole(t *testing.T) {
	texts := []string{
		"$(tasks.a.results.s)", "x$(tasks.a.results.l[0])$(tasks.a.results.l[2])", "$(tasks.a.results.o.k)", "$(tasks.a.results.l[9])",
		"$(tasks.m.results.s[1])", "$(tasks.m.results.s[*])", "$(tasks.m.matrix.s.length)", "$(tasks.m.matrix.length)", "$(tasks.a.results.l[*])",
		"$(tasks.a.results.o[*])", "$(tasks.a.results.o.none)", "$(tasks.a.results.s[0])", "$(tasks.a.results.none)", "$(tasks.m.results.s[7])",
	}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]string{"", "v", "$(tasks.a.results.s)", "long value"})
		one := []v1.TaskRunResult{
			text("s", value.Draw(t, "s")),
			{Name: "l", Type: v1.TypeArray, Value: v1.ArrayValue(rapid.SliceOfN(value, 0, 4).Draw(t, "l")...)},
			{Name: "o", Type: v1.TypeObject, Value: v1.ObjectValue(map[string]string{"k": value.Draw(t, "k"), "other": value.Draw(t, "other")})},
		}
		var runs [][]v1.TaskRunResult
		for range rapid.IntRange(1, 4).Draw(t, "combinations") {
			runs = append(runs, rapid.SampledFrom([][]v1.TaskRunResult{{text("s", value.Draw(t, "of matrix"))}, nil}).Draw(t, "run"))
		}
		tasks, reader := ofTasks(one, runs)
		kept, whole := newResults(nil), newResults(nil)
		everything := needs{}
		for _, result := range []string{"s", "l", "o"} {
			everything.result("a", result).whole = true
		}
		everything.result("m", "s").whole = true
		if err := whole.load(context.Background(), reader, everything, tasks); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 4).Draw(t, "tasks") { // each needs more, or something else
			task := &v1.PipelineTask{}
			for i := range rapid.IntRange(1, 3).Draw(t, "params") {
				task.Params = append(task.Params, param(fmt.Sprint("p", i), rapid.SampledFrom(texts).Draw(t, "text")))
			}
			if err := kept.load(context.Background(), reader, neededBy(task), tasks); err != nil {
				t.Fatal(err)
			}
			got, gotErr := substitute.PipelineTask(task, substitute.Variables{}, resultsOf(tasks, kept))
			want, wantErr := substitute.PipelineTask(task, substitute.Variables{}, resultsOf(tasks, whole))
			if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || gotErr == nil && fmt.Sprint(got.Params) != fmt.Sprint(want.Params) {
				t.Fatalf("from what is kept %v, %v; from everything %v, %v", got.Params, gotErr, want.Params, wantErr)
			}
		}
	})
}

// ofTasks are the results of a task "a", and of a task "m" with a matrix.
func ofTasks(one []v1.TaskRunResult, runs [][]v1.TaskRunResult) (map[string]*TaskState, reader) {
	byName := map[string][]v1.TaskRunResult{"a": one}
	child := func(name string) Child {
		tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: name}}
		tr.Status.SetCondition(done(), metav1.NewTime(start))
		return Child{Run: taskRun{tr}}
	}
	a, m := producing("a"), producing("m")
	m.Matrix = &v1.Matrix{}
	taskStates := map[string]*TaskState{"a": {Task: &a, Children: []Child{child("a")}}, "m": {Task: &m}}
	for i, results := range runs {
		name := fmt.Sprint("m", i)
		byName[name] = results
		taskStates["m"].Children = append(taskStates["m"].Children, child(name))
	}
	for _, s := range taskStates {
		s.update()
	}
	return taskStates, func(_ context.Context, child Run) (Run, bool, error) {
		return taskRun{&v1.TaskRun{Status: v1.TaskRunStatus{Results: byName[child.GetName()]}}}, false, nil
	}
}

// TestHeavyPassesLeaveRoom: runs that load many results keep neither each other's namespaces nor runs with few results out.
func TestHeavyPassesLeaveRoom(t *testing.T) {
	memory := NewMemory()
	grow := func(namespace string, bytes int64) bool { return memory.LeaseFor(namespace).Grow(bytes) }
	cases := []struct {
		reason    string
		namespace string
		bytes     int64
		want      bool
	}{
		{reason: "the first", namespace: "a", bytes: heavy, want: true},
		{reason: "a second one of its namespace", namespace: "a", bytes: heavy},
		{reason: "one of another namespace", namespace: "b", bytes: heavy, want: true},
		{reason: "a third one, which would take the last third", namespace: "c", bytes: heavy},
		{reason: "one with few results", namespace: "c", bytes: light, want: true},
		{reason: "one with few results beside its own heavy one", namespace: "a", bytes: light, want: true},
	}
	for _, tc := range cases {
		if got := grow(tc.namespace, tc.bytes); got != tc.want {
			t.Errorf("%s: want room %v, got %v", tc.reason, tc.want, got)
		}
	}
}

// TestMemoryIsGivenBackBeforeActing: what a pass has loaded only to decide is not reserved while it calls the API server.
func TestMemoryIsGivenBackBeforeActing(t *testing.T) {
	var tasks []v1.PipelineTask
	use := taking("use", "$(tasks.t0.results.small)")
	for i := range 5 {
		name := fmt.Sprint("t", i)
		tasks = append(tasks, producing(name, "large", "small"))
		use.When = append(use.When, v1.WhenExpression{
			Input:    fmt.Sprintf("$(tasks.%s.results.large)", name),
			Operator: "notin",
			Values:   []string{"x"},
		})
	}
	l := newLoading(t, run(append(tasks, use)...), nil, func(string) []v1.TaskRunResult {
		return []v1.TaskRunResult{text("large", strings.Repeat("x", 1<<20)), text("small", "s")}
	})
	l.run(t)
	if len(l.plan.Wanted) != 1 {
		t.Fatalf("want one task to start, got %+v", l.plan.Problem)
	}
	if l.reserved != heavy || l.budget.Held() != light {
		t.Errorf("want %d bytes reserved while results are loaded and %d after that, got %d and %d", heavy, light, l.reserved, l.budget.Held())
	}
}

// TestManyPassesShareTheMemory: a run that finds no memory for its results comes again, and holds no worker meanwhile; what a
// pass has taken is given back.
func TestManyPassesShareTheMemory(t *testing.T) {
	pr := run(producing("make", "r"), taking("use", "$(tasks.make.results.r)"))
	c := newCluster(t, interceptor.Funcs{}, pr)
	c.reconciler.Memory = budget.New(Memory)
	pr = c.settle(t, pr)
	c.end(t, pr, "make", done(), text("r", "value"))

	others := c.reconciler.Memory.Lease()
	if !others.Grow(Memory) {
		t.Fatal("want the whole budget")
	}
	again, result := c.pass(t, pr)
	if result.RequeueAfter < busyPause || result.RequeueAfter > 2*busyPause || again.ResourceVersion != pr.ResourceVersion {
		t.Errorf("want the run to come again within %v, got %v", 2*busyPause, result.RequeueAfter)
	}
	others.End()
	pr = c.settle(t, pr)
	if p := c.child(t, pr, "use", -1).Spec.Params; len(p) != 1 || p[0].Value.String != "value" {
		t.Errorf("want the task started with its value, got %+v", p)
	}
	if held := c.reconciler.Memory.Held(); held != 0 {
		t.Errorf("want everything given back, got %d bytes", held)
	}
}

func paramsOf(child Run) []v1.Param {
	params, _ := child.Given()
	return params
}
