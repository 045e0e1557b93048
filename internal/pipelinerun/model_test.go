package pipelinerun

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/dag"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables"
	"github.com/sluice-ci/sluice/internal/when"
)

// world is a run, its TaskRuns, and the time, without an API server.
type world struct {
	pr *v1.PipelineRun
	// children are all TaskRuns that were ever created, by name, and deleted are those that are gone.
	children map[string]*v1.TaskRun
	deleted  map[string]bool
	// hour is the index of the time in hours.
	hour int
	// left is how many disturbances can still happen.
	left int
}

// hours are the times at which something can happen: before all deadlines, after that of the tasks, after that of finally, if
// finally started at the second time, and after that of the run.
func hours() []time.Duration {
	return []time.Duration{0, 31 * time.Minute, 52 * time.Minute, 61 * time.Minute}
}

func (w *world) now() time.Time { return start.Add(hours()[w.hour]) }

func (w *world) clone() *world {
	c := &world{pr: w.pr.DeepCopy(), children: maps.Clone(w.children), deleted: maps.Clone(w.deleted), hour: w.hour, left: w.left}
	for name, tr := range c.children {
		c.children[name] = tr.DeepCopy()
	}
	return c
}

// key distinguishes worlds that can continue in different ways.
func (w *world) key() string {
	var b strings.Builder
	status := &w.pr.Status
	fmt.Fprint(&b, w.pr.Spec.Status, "|", w.hour, "|", w.left, "|", status.StartTime, "|", status.FinallyStartTime, "|")
	for _, c := range status.Conditions {
		fmt.Fprint(&b, c.Type, c.Status, c.Reason, ";")
	}
	for i := range status.ChildReferences {
		fmt.Fprint(&b, status.ChildReferences[i].Name, ";")
	}
	for i := range status.SkippedTasks {
		fmt.Fprint(&b, status.SkippedTasks[i].Name, status.SkippedTasks[i].Reason, ";")
	}
	for _, name := range slices.Sorted(maps.Keys(w.children)) {
		tr := w.children[name]
		fmt.Fprint(&b, "|", name, w.deleted[name], tr.Spec.StatusMessage, len(tr.Status.Results))
		if c := tr.Status.Condition(); c != nil {
			fmt.Fprint(&b, c.Status, c.Reason)
		}
	}
	return b.String()
}

// running returns the names of the TaskRuns that have not ended.
func (w *world) running() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(w.children)) {
		if !w.deleted[name] && !w.children[name].Status.Done() {
			names = append(names, name)
		}
	}
	return names
}

func (w *world) cancel(all []cancellation) {
	for _, c := range all {
		spec := &w.children[c.run.GetName()].Spec
		spec.Status, spec.StatusMessage = v1.TaskRunSpecStatusCancelled, c.stop.Cancel
	}
}

// find is a finder.
func (w *world) find(ref v1.ChildReference) (Child, error) {
	tr := w.children[ref.Name]
	return Child{Reference: ref, Run: taskRun{tr}, Lost: tr == nil || w.deleted[ref.Name]}, nil
}

// fault is what happens to a reconcile that creates TaskRuns.
type fault string

const (
	noFault fault = "reconcile"
	// killed: the controller is killed before it has recorded what it created.
	killed fault = "killed"
	// killedEarly: it is killed when it has created the first TaskRun.
	killedEarly fault = "killed early"
	// refuses: the API server always refuses the first TaskRun, if it does not exist yet.
	refuses fault = "refuses"
	// quota: a quota has no room for it.
	quota fault = "quota"
)

// model is a pipeline, and all the worlds in which a run of it can be.
type model struct {
	*testing.T

	name      string
	evaluator *when.Evaluator
	spec      *v1.PipelineSpec
	graph     *dag.Graph
	config    config.Config

	worlds []*world
	index  map[string]int
	// back are the worlds from which a world follows without a disturbance.
	back     map[int][]int
	ends     []int
	findings []string
}

func newModel(t *testing.T, name string, pr *v1.PipelineRun, disturbances int) *model {
	t.Helper()
	validation.DefaultPipelineSpec(pr.Spec.PipelineSpec)
	if errs := validation.PipelineRun(pr); len(errs) > 0 {
		t.Fatal(errs[0])
	}
	evaluator, err := when.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	m := &model{
		T: t, name: name, evaluator: evaluator, spec: pr.Spec.PipelineSpec, config: config.Default(),
		index: map[string]int{}, back: map[int][]int{},
	}
	if m.graph, err = dag.Build(m.spec.Tasks); err != nil {
		t.Fatal(err)
	}
	first := &world{pr: pr, children: map[string]*v1.TaskRun{}, deleted: map[string]bool{}, left: disturbances}
	m.visit(first, -1)
	return m
}

// visit adds a world that follows from another one; from is -1 if a disturbance led to it.
func (m *model) visit(w *world, from int) {
	key := w.key()
	i, known := m.index[key]
	if !known {
		i = len(m.worlds)
		m.worlds, m.index[key] = append(m.worlds, w), i
	}
	if from >= 0 {
		m.back[i] = append(m.back[i], from)
	}
}

func (m *model) findf(w *world, format string, args ...any) {
	m.findings = append(m.findings, m.name+": "+fmt.Sprintf(format, args...)+"\n  "+w.key())
}

// explore visits all worlds.
func (m *model) explore() {
	for i := 0; i < len(m.worlds); i++ { //nolint:intrange // visits add worlds
		w := m.worlds[i]
		if w.pr.Status.Done() {
			m.ends = append(m.ends, i)
			m.checkEnd(w)
			continue
		}
		after, plan := m.reconcile(w, noFault)
		m.visit(after, i)
		for _, name := range w.running() {
			for _, end := range outcomes(w.children[name]) {
				next := w.clone()
				end(next.children[name])
				m.visit(next, i)
			}
		}
		m.disturb(w, plan)
	}
}

// outcomes are the ways in which a TaskRun can end.
func outcomes(tr *v1.TaskRun) []func(*v1.TaskRun) {
	end := func(c metav1.Condition, results ...v1.TaskRunResult) func(*v1.TaskRun) {
		return func(tr *v1.TaskRun) {
			tr.Status.SetCondition(c, metav1.NewTime(start))
			tr.Status.Results = results
		}
	}
	if tr.Spec.Status == v1.TaskRunSpecStatusCancelled {
		return []func(*v1.TaskRun){end(stopped()), end(done(), text("r", "v"))}
	}
	return []func(*v1.TaskRun){end(done(), text("r", "v")), end(done()), end(broken())}
}

// disturb visits what can follow from a world through unexpected events.
func (m *model) disturb(w *world, plan Plan) {
	if w.hour < len(hours())-1 && w.pr.Status.StartTime != nil {
		next := w.clone()
		next.hour++
		m.visit(next, -1)
	}
	if w.left == 0 {
		return
	}
	less := func(change func(*world)) {
		next := w.clone()
		next.left--
		change(next)
		m.visit(next, -1)
	}
	if w.pr.Spec.Status == "" {
		for _, status := range v1.PipelineRunSpecStatuses()[:3] {
			less(func(next *world) { next.pr.Spec.Status = status })
		}
	}
	for i := range w.pr.Status.ChildReferences {
		if name := w.pr.Status.ChildReferences[i].Name; !w.deleted[name] {
			less(func(next *world) { next.deleted[name] = true })
		}
	}
	if len(plan.Wanted) == 0 {
		return
	}
	for _, f := range []fault{killed, killedEarly, refuses, quota} {
		next, _ := m.reconcile(w, f)
		next.left--
		m.visit(next, -1)
	}
}

// observe returns what a reconcile observes.
func (m *model) observe(w *world) Observation {
	obs := Observation{Now: w.now(), Config: m.config, Spec: m.spec, Graph: m.graph, Vars: runVariables(w.pr, m.spec, nil)}
	obs.Timeouts = timeoutsOf(w.pr, m.config.Defaults)
	if w.pr.Spec.Status == v1.PipelineRunSpecStatusCancelled && w.pr.Status.StartTime == nil && len(w.children) == 0 {
		obs.CancelledBeforeStart = true
		return obs
	}
	obs.Tasks, _ = recordedTasks(w.pr, m.spec, obs.Vars, w.find)
	return obs
}

// planOf returns the plan for a world.
func (m *model) planOf(w *world, obs Observation) Plan {
	if obs.CancelledBeforeStart {
		return Plan{}
	}
	byTask := map[string][]v1.ChildReference{}
	for name, tr := range w.children {
		if task := tr.Labels[v1.LabelPipelineTask]; !w.deleted[name] {
			byTask[task] = append(byTask[task], referenceTo(taskRuns{}, name, &v1.PipelineTask{Name: task}))
		}
	}
	l := &loader{
		read: func(_ context.Context, child Run) (Run, bool, error) {
			return child, w.deleted[child.GetName()], nil
		},
		orphans: func(context.Context) (map[string][]Child, error) { return orphansOf(byTask, obs.Tasks, w.find) },
	}
	plan, err := l.complete(m.Context(), Inputs{Run: w.pr, Obs: obs, Evaluator: m.evaluator, Builder: newChildBuilder(w.pr, obs)})
	if err != nil {
		m.Fatal(err)
	}
	return plan
}

// reconcile returns the world after a reconcile, and its plan.
func (m *model) reconcile(w *world, f fault) (*world, Plan) {
	obs, after := m.observe(w), w.clone()
	plan := m.planOf(w, obs)
	state := stateOf(w.pr, obs, plan)
	var effect Effect
	switch next(state) {
	case StartTasks:
		all := m.create(w, after, plan, f)
		if f == killed || f == killedEarly {
			return after, plan
		}
		var err error
		if effect, err = effectOf(plan, all); err != nil {
			m.Fatal(err)
		}
		after.cancel(effect.Abandoned)
	case CancelChildren:
		after.cancel(toCancel(plan))
	case CancelUnrecorded:
		for _, name := range w.running() {
			after.cancel([]cancellation{{taskRun{w.children[name]}, givenUp()}})
		}
	case DoNothing:
	}
	after.pr.Status, _ = statusFor(w.pr.DeepCopy(), state, obs, plan, effect)
	wake := wakeAfter(after.pr.Status, obs, plan, effect)
	if !after.pr.Status.Done() && after.key() == w.key() && wake == 0 && len(w.running()) == 0 {
		m.findf(w, "state %s has no action, nothing that wakes it, and no end", state)
	}
	return after, plan
}

// create plays what the API server does with the TaskRuns that a plan starts.
func (m *model) create(before, after *world, plan Plan, f fault) []createResult {
	var all []createResult
	for i := range plan.Wanted {
		for _, run := range plan.Wanted[i].Runs {
			planned, ok := run.Object().(*v1.TaskRun)
			if !ok {
				m.Fatalf("the plan starts a %T", run.Object())
			}
			if f == killedEarly && len(after.children) > len(before.children) {
				return all
			}
			existing, exists := before.children[planned.Name]
			switch {
			case f == refuses && len(all) == 0 && !exists:
				all = append(all, createResult{refused: "policy"})
				continue
			case f == quota && len(all) == 0 && !exists:
				all = append(all, createResult{waiting: "exceeded quota"})
				continue
			case exists && before.deleted[planned.Name]:
				m.findf(before, "TaskRun %s was recorded, and is created again", planned.Name)
			case exists:
				all = append(all, createResult{run: taskRun{existing}})
				continue
			}
			m.checkOrder(before, plan, plan.Wanted[i].Task, planned)
			after.children[planned.Name] = planned.DeepCopy()
			all = append(all, createResult{run: run})
		}
	}
	return all
}

// checkOrder holds the start of a TaskRun against what has to be done before.
func (m *model) checkOrder(w *world, plan Plan, i int, planned *v1.TaskRun) {
	s := &plan.Tasks[i]
	for _, other := range w.running() {
		task := w.children[other].Labels[v1.LabelPipelineTask]
		parent := slices.ContainsFunc(plan.Tasks, func(p TaskState) bool {
			return p.Task.Name == task && (s.Final && !p.Final || slices.Contains(variables.Dependencies(s.Task), task))
		})
		if parent {
			m.findf(w, "TaskRun %s starts while %s runs", planned.Name, other)
		}
	}
	for _, p := range planned.Spec.Params {
		if p.Name == "p" && !reflect.DeepEqual(p.Value, m.wants(w, s.Task.Name)) {
			m.findf(w, "TaskRun %s starts with %+v", planned.Name, p.Value)
		}
	}
}

// wants is the value of the param of a task that takes results: each result is "v".
func (m *model) wants(w *world, task string) v1.Value {
	if task != "list" {
		return v1.StringValue("v")
	}
	if made, all := w.madeFor("m"), m.combinations("m"); made != all {
		m.findf(w, "task %s takes results of %d of %d combinations", task, made, all)
	}
	list := v1.ArrayValue()
	for _, tr := range w.children {
		if len(tr.Status.Results) > 0 && tr.Labels[v1.LabelPipelineTask] == "m" {
			list.Array = append(list.Array, "v")
		}
	}
	return list
}

// combinations is how many TaskRuns a task must have: the pipelines of the model have matrices of one param.
func (m *model) combinations(task string) int {
	for _, p := range slices.Concat(m.spec.Tasks, m.spec.Finally) {
		if p.Name == task && p.Matrix != nil {
			return len(p.Matrix.Params[0].Value.Array)
		}
	}
	return 1
}

// madeFor returns how many TaskRuns of a task were created.
func (w *world) madeFor(task string) int {
	n := 0
	for _, tr := range w.children {
		if tr.Labels[v1.LabelPipelineTask] == task {
			n++
		}
	}
	return n
}
