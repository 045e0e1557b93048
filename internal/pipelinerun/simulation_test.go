package pipelinerun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"pgregory.net/rapid"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// withResult is a pipeline with a result r.
const withResult = `{"tasks": [{"name": "a", "taskSpec": {"results": [{"name": "r"}], "steps": [{"image": "busybox"}]}}],
	"results": [{"name": "r", "value": "$(tasks.a.results.r)"}]}`

// drawPipeline draws a pipeline in which tasks wait for earlier ones of a drawn order, by runAfter, by params and by
// guards, listed in another order. Some have a matrix, ignore their failure, or are never to run.
func drawPipeline(t *rapid.T) *v1.PipelineRun {
	n := rapid.IntRange(1, 7).Draw(t, "tasks")
	tasks := make([]v1.PipelineTask, n)
	for i := range tasks {
		task := producing(fmt.Sprintf("t%d", i), "r")
		switch rapid.SampledFrom([]string{v1.KindTaskRun, v1beta1.KindCustomRun, v1.KindPipelineRun}).Draw(t, "child") {
		case v1beta1.KindCustomRun:
			task = custom(task.Name)
		case v1.KindPipelineRun:
			task = v1.PipelineTask{Name: task.Name, PipelineSpec: &runtime.RawExtension{Raw: []byte(withResult)}}
		}
		for j := range i {
			result := fmt.Sprintf("$(tasks.t%d.results.r)", j)
			if tasks[j].Matrix != nil {
				result = fmt.Sprintf("$(tasks.t%d.matrix.r.length)", j)
			}
			switch rapid.SampledFrom([]string{"", "", "", "after", "param", "guard"}).Draw(t, "edge") {
			case "after":
				task.RunAfter = append(task.RunAfter, fmt.Sprintf("t%d", j))
			case "param":
				task.Params = append(task.Params, param(fmt.Sprintf("p%d", j), "x"+result))
			case "guard":
				task.When = append(task.When, v1.WhenExpression{Input: result, Operator: v1.WhenNotIn, Values: []string{"no"}})
			}
		}
		decorate(t, &task)
		tasks[i] = task
	}
	pr := run(rapid.Permutation(tasks).Draw(t, "list")...)
	for i := range rapid.IntRange(0, 2).Draw(t, "finally") {
		about := []string{"$(tasks.status)", "$(tasks.t0.status) $(tasks.t0.reason)", "$(tasks.t0.matrix.length)"}
		task := taking(fmt.Sprintf("f%d", i), rapid.SampledFrom(about).Draw(t, "about"))
		if strings.Contains(task.Params[0].Value.String, "matrix") && tasks[0].Matrix == nil {
			task.Params[0].Value = v1.StringValue("$(tasks.t0.results.r)")
		}
		pr.Spec.PipelineSpec.Finally = append(pr.Spec.PipelineSpec.Finally, task)
	}
	return pr
}

func decorate(t *rapid.T, task *v1.PipelineTask) {
	switch rapid.SampledFrom([]string{"", "", "", "never", "goes on", "matrix", "empty matrix"}).Draw(t, "kind") {
	case "never":
		task.When = append(task.When, v1.WhenExpression{Input: "a", Operator: v1.WhenIn, Values: []string{"b"}})
	case "goes on":
		task.OnError = v1.OnErrorContinue
	case "matrix":
		task.Matrix = &v1.Matrix{Params: []v1.Param{array("m", "1", "2", "3")}}
	case "empty matrix":
		task.Matrix = &v1.Matrix{Params: []v1.Param{array("m")}}
	}
}

// simulation plays what happens to a run: the kubelets, its user, the clock, and an API server that fails.
type simulation struct {
	*cluster

	rt *rapid.T
	pr *v1.PipelineRun
	// step counts what has happened; born and ended say when TaskRuns were seen to have been made, and to have ended.
	step        int
	born, ended map[string]int
	// faults that are still to come: writes that fail before they are done, or after.
	faults int
	// user says what the user has asked for.
	user v1.PipelineRunSpecStatus
}

var errKilled = errors.New("the controller was killed")

func simulate(t *testing.T, rt *rapid.T, pr *v1.PipelineRun, faults int) *simulation {
	s := &simulation{rt: rt, pr: pr, born: map[string]int{}, ended: map[string]int{}, faults: faults}
	s.cluster = newCluster(t, interceptor.Funcs{}, pr)
	s.restart(t, s.failing())
	for ; s.step < 500; s.step++ {
		s.pass(t)
		if pr := s.now(t); pr.Status.Done() {
			s.pr = pr
			return s
		}
		s.happen(t)
	}
	rt.Fatalf("the run does not end: %v, skipped %v", s.now(t).Status.Condition(), skipped(s.now(t)))
	return nil
}

// failing makes writes fail, before or after they are done. In the latter case the controller does not know that they
// succeeded.
func (s *simulation) failing() interceptor.Funcs {
	write := func(do func() error) error {
		if s.faults <= 0 {
			return do()
		}
		switch rapid.SampledFrom([]string{"", "", "before", "after"}).Draw(s.rt, "fault") {
		case "before":
			s.faults--
			return errKilled
		case "after":
			s.faults--
			return errors.Join(do(), errKilled)
		}
		return do()
	}
	return interceptor.Funcs{
		Create: func(ctx context.Context, under client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			s.mu.Lock() // rapid draws for one at a time
			defer s.mu.Unlock()
			return write(func() error { return under.Create(ctx, o, opts...) })
		},
		Patch: func(ctx context.Context, under client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			return write(func() error { return under.Patch(ctx, o, patch, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, under client.Client, sub string, o client.Object,
			patch client.Patch, opts ...client.SubResourcePatchOption) error {
			return write(func() error { return under.SubResource(sub).Patch(ctx, o, patch, opts...) })
		},
	}
}

func (s *simulation) now(t *testing.T) *v1.PipelineRun {
	return get(t, s.cluster, client.ObjectKeyFromObject(s.pr), &v1.PipelineRun{})
}

// pass reconciles once. When it was killed, another controller takes over.
func (s *simulation) pass(t *testing.T) {
	before, calls := s.now(t), s.total()
	_, err := s.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(s.pr)})
	switch {
	case errors.Is(err, errKilled):
		s.restart(t, s.failing())
	case err != nil:
		s.rt.Fatal(err)
	case s.now(t).ResourceVersion == before.ResourceVersion && s.total() != calls:
		// Cancelling is the exception: the TaskRuns are patched, and the status says already that they are to be.
		if s.user == "" {
			s.rt.Fatalf("a pass that changed nothing made %d calls: %v", s.total()-calls, s.calls)
		}
	}
	for _, child := range s.runs(t) {
		if _, known := s.born[child.GetName()]; !known {
			s.born[child.GetName()] = s.step
		}
	}
}

// runs returns the children of all kinds.
func (s *simulation) runs(t *testing.T) []Run {
	list, customs, pipelines := &v1.TaskRunList{}, &v1beta1.CustomRunList{}, &v1.PipelineRunList{}
	if err := errors.Join(s.List(t.Context(), list), s.List(t.Context(), customs), s.List(t.Context(), pipelines)); err != nil {
		s.rt.Fatal(err)
	}
	var all []Run
	for i := range list.Items {
		all = append(all, taskRun{&list.Items[i]})
	}
	for i := range customs.Items {
		all = append(all, customRun{&customs.Items[i]})
	}
	for i := range pipelines.Items {
		if pipelines.Items[i].Name != s.pr.Name {
			all = append(all, pipelineRun{&pipelines.Items[i]})
		}
	}
	return all
}

// happen lets a child end, or the user ask for something.
func (s *simulation) happen(t *testing.T) {
	var running []Run
	for _, child := range s.runs(t) {
		if !child.Progress().Done() {
			running = append(running, child)
		}
	}
	if s.user == "" && rapid.IntRange(0, 40).Draw(s.rt, "user") == 0 {
		s.user = rapid.SampledFrom(v1.PipelineRunSpecStatuses()[:3]).Draw(s.rt, "asks for")
		s.update(t, s.pr, func(pr *v1.PipelineRun) { pr.Spec.Status = s.user })
	}
	if len(running) == 0 {
		return
	}
	child := running[rapid.IntRange(0, len(running)-1).Draw(s.rt, "ends")]
	s.ended[child.GetName()] = s.step
	_, nested := child.Object().(*v1.PipelineRun)
	asked := child.Progress().Asked
	switch {
	case asked == EndsAll, nested && asked > Unasked && rapid.Bool().Draw(s.rt, "stops"):
		s.endRun(t, child, stopped())
	case rapid.IntRange(0, 7).Draw(s.rt, "outcome") == 0:
		s.endRun(t, child, broken())
	case rapid.IntRange(0, 7).Draw(s.rt, "written") == 0:
		s.endRun(t, child, done())
	default:
		s.endRun(t, child, done(), text("r", rapid.SampledFrom([]string{"yes", "yes", "no"}).Draw(s.rt, "result")))
	}
}

// check holds the run against what must be true of any.
func (s *simulation) check(t *testing.T) {
	s.checkChildren(t)
	if s.pr.Status.StartTime == nil {
		return // cancelled before it started
	}
	spec := s.pr.Spec.PipelineSpec
	children := map[string][]string{}
	for _, ref := range s.pr.Status.ChildReferences {
		children[ref.PipelineTaskName] = append(children[ref.PipelineTaskName], ref.Name)
	}
	given := map[string]string{}
	for _, skip := range s.pr.Status.SkippedTasks {
		given[skip.Name] = skip.Reason
	}
	all := slices.Concat(spec.Tasks, spec.Finally)
	for i := range all {
		ran, skip := children[all[i].Name], given[all[i].Name]
		if (len(ran) > 0) == (skip != "") {
			s.rt.Fatalf("task %s has the TaskRuns %v, and was skipped for %q: it must be one of both", all[i].Name, ran, skip)
		}
	}
	for i := range spec.Tasks {
		for _, before := range variables.Dependencies(&spec.Tasks[i]) {
			s.checkOrder(children[before], children[spec.Tasks[i].Name])
		}
		for j := range spec.Finally {
			s.checkOrder(children[spec.Tasks[i].Name], children[spec.Finally[j].Name])
		}
	}
	if s.user == v1.PipelineRunSpecStatusCancelled {
		return
	}
	for i := range spec.Finally {
		if reason := given[spec.Finally[i].Name]; reason != "" && reason != v1.SkipReasonMissingResults {
			s.rt.Fatalf("task %s of finally was skipped: %s", spec.Finally[i].Name, reason)
		}
	}
}

// checkOrder fails where a TaskRun of after was made before one of before had ended.
func (s *simulation) checkOrder(before, after []string) {
	for _, b := range before {
		for _, a := range after {
			if s.born[a] <= s.ended[b] {
				s.rt.Fatalf("TaskRun %s was made at %d, and %s ended at %d", a, s.born[a], b, s.ended[b])
			}
		}
	}
}

// checkChildren holds the TaskRuns that there are against those that the status refers to.
func (s *simulation) checkChildren(t *testing.T) {
	recorded := sets.New[string]()
	for _, ref := range s.pr.Status.ChildReferences {
		if recorded.Has(ref.Name) {
			s.rt.Fatalf("TaskRun %s is recorded twice", ref.Name)
		}
		recorded.Insert(ref.Name)
	}
	failed := false
	for _, child := range s.runs(t) {
		name := child.GetName()
		if !recorded.Has(name) {
			s.rt.Fatalf("%s %s is not recorded; the status has %v", child.Kind().Name(), name, sets.List(recorded))
		}
		recorded.Delete(name)
		if p := child.Progress(); p.unanswered(s.clock.Now()) {
			failed = true
			continue
		}
		if !child.Progress().Done() {
			s.rt.Fatalf("%s %s still runs", child.Kind().Name(), name)
		}
		task := child.GetLabels()[v1.LabelPipelineTask]
		ignored := slices.ContainsFunc(s.pr.Spec.PipelineSpec.Tasks, func(p v1.PipelineTask) bool {
			return p.Name == task && p.OnError == v1.OnErrorContinue
		})
		failed = failed || child.Progress().Condition.Status == metav1.ConditionFalse && !ignored
	}
	if recorded.Len() > 0 {
		s.rt.Fatalf("there are no TaskRuns %v, which are recorded", sets.List(recorded))
	}
	if succeeded := s.pr.Status.Condition().Status == metav1.ConditionTrue; succeeded && failed {
		s.rt.Fatalf("a child failed, and the run did not: %v", s.pr.Status.Condition())
	}
}

func TestEveryTaskRunsOrIsSkippedOnceInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		simulate(t, rt, drawPipeline(rt), 0).check(t)
	})
}

// A controller can be killed at every write, before it reached the API server or before its answer came back.
func TestKilledAtAnyWrite(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		simulate(t, rt, drawPipeline(rt), rapid.IntRange(1, 6).Draw(rt, "faults")).check(t)
	})
}

// Time can run out at any moment, in each part of the run.
func TestTimeRunsOut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pr := drawPipeline(rt)
		minutes := func(name string, least int) *metav1.Duration {
			return &metav1.Duration{Duration: time.Duration(rapid.IntRange(least, 10).Draw(rt, name)) * time.Minute}
		}
		pr.Spec.Timeouts = &v1.Timeouts{
			Pipeline: &metav1.Duration{Duration: 20 * time.Minute},
			Tasks:    minutes("tasks", 1),
			Finally:  minutes("finally", 1),
		}
		s := &simulation{rt: rt, pr: pr, born: map[string]int{}, ended: map[string]int{}, user: "the clock"}
		s.cluster = newCluster(t, interceptor.Funcs{}, pr)
		for ; s.step < 500; s.step++ {
			s.pass(t)
			if s.pr = s.now(t); s.pr.Status.Done() {
				s.checkChildren(t)
				return
			}
			s.clock.SetTime(s.clock.Now().Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "minutes")) * time.Minute))
			s.happen(t)
		}
		rt.Fatal("the run does not end")
	})
}
