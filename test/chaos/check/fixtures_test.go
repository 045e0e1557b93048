package check

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/disturb"
	"github.com/sluice-ci/sluice/test/chaos/ledger"
	"github.com/sluice-ci/sluice/test/chaos/plan"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const here = "here"

// at returns a time of the case, in seconds after its run was created.
func at(seconds int) time.Time {
	return time.Date(2026, 1, 2, 3, 4, seconds, 0, time.UTC)
}

// task returns a planned task of two steps that have only the results of every task.
func task(name string) plan.Task {
	return plan.Task{Name: name, Answer: "yes", Steps: make([]plan.Step, 2)}
}

// fixture is a case without findings, which a test changes.
type fixture struct{ *Case }

// spoilt is a changed case: it violates rules, or is close to a violation.
type spoilt struct {
	reason string
	change func(f fixture)
	// want are the rules that it violates.
	want []string
}

// judge checks each case, which starts as a fixture, against all rules.
func judge(t *testing.T, begin func() fixture, cases map[string]spoilt) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := begin()
			tc.change(f)
			if diff := cmp.Diff(tc.want, rules(f.Case)); diff != "" {
				t.Errorf("%s (-want +got):\n%s\n%v", tc.reason, diff, Run(f.Case))
			}
		})
	}
}

// single returns a run of one task, which succeeds.
func single(t plan.Task) fixture {
	f := fixture{&Case{
		Plan: plan.Run{Number: 7, From: kube.SidecarLogs, Tasks: []plan.Task{t}}, Created: at(0), Ended: at(30),
		Histories: map[string]*History{}, Ledger: map[string]ledger.Pod{},
	}}
	f.Histories["chaos-7"] = &History{Seen: at(0)}
	f.add("chaos-7", &t, 10)
	return f
}

// pipeline returns a run of several tasks, one after the other.
func pipeline(tasks []plan.Task, finally ...plan.Task) fixture {
	f := fixture{&Case{
		Plan: plan.Run{Number: 7, Pipeline: true, From: kube.SidecarLogs, Tasks: tasks, Finally: finally}, Created: at(0), Ended: at(50),
		Histories: map[string]*History{}, Ledger: map[string]ledger.Pod{}, PipelineRun: &v1.PipelineRun{},
	}}
	f.PipelineRun.Name, f.PipelineRun.Namespace = "chaos-7", here
	f.PipelineRun.Status.SetCondition(v1.Succeeded("all"), metav1.NewTime(at(50)))
	for i, t := range f.Plan.All() {
		f.add("chaos-7-"+t.Name, &t, 10*i)
	}
	return f
}

// add adds a TaskRun that has succeeded, with all observations of it. Its steps started at that second.
func (f fixture) add(name string, t *plan.Task, second int) {
	uid, pod := "uid-"+name, name+"-pod"
	tr := &v1.TaskRun{}
	tr.Name, tr.Namespace, tr.Labels = name, here, map[string]string{v1.LabelPipelineTask: t.Name}
	tr.Status.PodName = pod
	tr.Status.SetCondition(v1.Succeeded("all"), metav1.NewTime(at(second+5)))
	book := ledger.Pod{}
	for i := range t.Steps {
		entries := []ledger.Entry{{Event: ledger.Started, Time: at(second + 2*i)}}
		if i == 0 {
			attempt := v1.StringValue(fmt.Sprintf("%s/0", uid))
			for result, value := range map[string]v1.Value{plan.AttemptResult: attempt, plan.AnswerResult: v1.StringValue(t.Answer)} {
				tr.Status.Results = append(tr.Status.Results, v1.TaskRunResult{Name: result, Value: value})
				for _, event := range []string{ledger.Writing, ledger.Wrote} {
					e := ledger.Of(event, result, value)
					e.Time = at(second)
					entries = append(entries, e)
				}
			}
		}
		book[plan.StepName(i)] = append(entries, ledger.Entry{Event: ledger.Ended, Time: at(second + 2*i + 1)})
	}
	f.Ledger[uid] = book
	f.Histories[name] = &History{
		Seen: at(second), Outcomes: []Outcome{{Status: metav1.ConditionTrue, Reason: "Succeeded"}},
		Pods: []Pod{{Name: pod, UID: uid, Seen: at(second), Running: at(second + 1)}},
	}
	f.TaskRuns = append(f.TaskRuns, tr)
	if f.PipelineRun != nil {
		f.PipelineRun.Status.ChildReferences = append(f.PipelineRun.Status.ChildReferences, v1.ChildReference{
			Name:             name,
			PipelineTaskName: t.Name,
		})
	}
}

// run returns the TaskRun with that number.
func (f fixture) run(i int) *v1.TaskRun { return f.TaskRuns[i] }

// book returns the records of the pod of the TaskRun with that number.
func (f fixture) book(i int) ledger.Pod { return f.Ledger["uid-"+f.TaskRuns[i].Name] }

// fail makes a TaskRun fail with a reason, without results.
func (f fixture) fail(i int, reason, message string) {
	tr := f.run(i)
	tr.Status.Results = nil
	tr.Status.SetCondition(v1.Failed(reason, message), metav1.NewTime(at(20)))
	f.Histories[tr.Name].Outcomes = nil
}

// cut removes the records of the steps from the given one on.
func (f fixture) cut(i, from int) {
	for step := from; step < 4; step++ {
		delete(f.book(i), plan.StepName(step))
	}
}

// lose removes a TaskRun, as if its task had not run.
func (f fixture) lose(i int) {
	name := f.run(i).Name
	delete(f.Histories, name)
	f.TaskRuns = slices.Delete(f.TaskRuns, i, i+1)
	f.PipelineRun.Status.ChildReferences = slices.Delete(f.PipelineRun.Status.ChildReferences, i, i+1)
}

// event returns a disturbance from one second to another.
func event(kind string, from, to int, target string) disturb.Event {
	return disturb.Event{Disturbance: disturb.Disturbance{Kind: kind}, Began: at(from), Mended: at(to), Target: target}
}
