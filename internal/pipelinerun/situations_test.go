package pipelinerun

import (
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// situation is where a run stands.
type situation struct {
	reason string
	// run is chain, where nothing is said.
	run func() *v1.PipelineRun
	// tasks that have started, or were skipped: "running", "succeeded", "failed", "cancelled", "timed out", "lost", or why
	// it was skipped.
	tasks map[string]string
	// results of those that have ended, as task.result.
	results map[string]v1.Value
	change  func(*v1.PipelineRun)
	// unreadable is why there is nothing to observe.
	observed func(*Observation)
	effect   func(Plan) Effect
	want     State
	action   Action
}

const (
	isRunning, isSucceeded, isFailed, isCancelled, isTimedOut, isLost = "running", "succeeded", "failed", "cancelled", "timed out", "lost"
)

// started makes all TaskRuns that are wanted.
func started(plan Plan) Effect {
	effect := Effect{Started: map[int][]Child{}}
	for _, w := range plan.Wanted {
		for i, made := range w.Runs {
			effect.Started[w.Task] = append(effect.Started[w.Task], Child{Reference: w.References[i], Run: made})
		}
	}
	return effect
}

// guarded is a run of which some tasks are skipped, and some of what follows with them.
func guarded() *v1.PipelineRun {
	no := plain("no")
	no.When = []v1.WhenExpression{{Input: "a", Operator: v1.WhenNotIn, Values: []string{"a"}}}
	no.TaskSpec.Results = []v1.TaskResult{{Name: "r"}}
	return run(no, plain("after", "no"), taking("use", "$(tasks.no.results.r)"), plain("child", "use"))
}

// cleaned is a run with a task, one that ignores its failure, and two of finally.
func cleaned() *v1.PipelineRun {
	ignored := plain("ignored")
	ignored.OnError = v1.OnErrorContinue
	tell := taking("tell", "$(tasks.work.status) $(tasks.work.reason) $(tasks.ignored.status) $(tasks.ignored.reason) $(tasks.status)")
	return finally(run(plain("work"), ignored), tell, plain("clean"))
}

func situations() map[string]situation {
	ended := map[string]string{"make": isSucceeded, "use": isSucceeded, "last": isSucceeded}
	written := map[string]v1.Value{
		"make.text": v1.StringValue("t"), "make.list": v1.ArrayValue("l"), "make.map": v1.ObjectValue(map[string]string{"k": "v"}),
		"use.count": v1.StringValue("1"),
	}
	without := func(name string) map[string]v1.Value {
		out := map[string]v1.Value{}
		for n, v := range written {
			if n != name {
				out[n] = v
			}
		}
		return out
	}
	spec := func(status v1.PipelineRunSpecStatus) func(*v1.PipelineRun) {
		return func(pr *v1.PipelineRun) { pr.Spec.Status = status }
	}
	limits := func(pipeline, tasks, finally time.Duration) func(*v1.PipelineRun) {
		return func(pr *v1.PipelineRun) {
			pr.Spec.Timeouts = &v1.Timeouts{
				Pipeline: &metav1.Duration{Duration: pipeline},
				Tasks:    &metav1.Duration{Duration: tasks},
				Finally:  &metav1.Duration{Duration: finally},
			}
		}
	}
	return map[string]situation{
		"unresolved": {
			reason:   "A Pipeline that is not there ends the run before it begins.",
			observed: func(obs *Observation) { obs.Unresolvable = errors.New(`cannot get Pipeline "p": not found`) },
			want:     Unresolved,
			action:   CancelUnrecorded,
		},
		"invalid": {
			reason: "So does a mistake in it, with the reason that the API has for it.",
			observed: func(obs *Observation) {
				obs.Invalid = &Problem{Reason: v1.PipelineRunReasonParameterMissing, Message: `missing param "x"`}
			},
			want:   Invalid,
			action: CancelUnrecorded,
		},
		"held": {
			reason: "A run that is held has not started.",
			change: func(pr *v1.PipelineRun) { pr.Status.StartTime = nil; spec(v1.PipelineRunSpecStatusPending)(pr) },
			want:   Pending,
			action: DoNothing,
		},
		"withdrawn": {
			reason:   "One that is cancelled before it starts ends at once.",
			observed: func(obs *Observation) { obs.CancelledBeforeStart = true },
			want:     CancelledBeforeStart,
			action:   CancelUnrecorded,
		},
		"held-too-late": {
			reason: "What has started cannot be held any more.",
			tasks:  map[string]string{"make": isRunning},
			change: spec(v1.PipelineRunSpecStatusPending),
			want:   InProgress,
			action: DoNothing,
		},
		"first": {
			reason: "The first pass starts what can start, and keeps the pipeline.",
			effect: started,
			want:   Startable,
			action: StartTasks,
		},
		"waiting-for-quota": {
			reason: "What keeps a TaskRun from being made for now stands in the message.",
			effect: func(Plan) Effect {
				return Effect{Waiting: `TaskRun "run-make" cannot be made yet: exceeded quota`}
			},
			want:   Startable,
			action: StartTasks,
		},
		"running": {
			reason: "Nothing is done while a task runs that others wait for.",
			tasks:  map[string]string{"make": isRunning},
			want:   InProgress,
			action: DoNothing,
		},
		"second": {
			reason:  "What a task waited for has succeeded, and it starts.",
			tasks:   map[string]string{"make": isSucceeded},
			results: written,
			effect:  started,
			want:    Startable,
			action:  StartTasks,
		},
		"succeeded": {
			reason:  "At the end stand the results.",
			tasks:   ended,
			results: written,
			want:    Ended,
			action:  DoNothing,
		},
		"failed": {
			reason:  "The message names the task, its TaskRun, and what that says.",
			tasks:   map[string]string{"make": isSucceeded, "use": isFailed},
			results: written,
			want:    Ended,
			action:  DoNothing,
		},
		"lost": {
			reason: "A TaskRun that was deleted cannot succeed any more.",
			tasks:  map[string]string{"make": isLost},
			want:   Ended,
			action: DoNothing,
		},
		"stopping": {
			reason: "What runs may finish, and nothing new begins.",
			run:    func() *v1.PipelineRun { return run(plain("a"), plain("b"), plain("c", "b")) },
			tasks:  map[string]string{"a": isFailed, "b": isRunning},
			want:   Stopping,
			action: DoNothing,
		},
		"missing-result": {
			reason:  "A task that cannot start ends the run, once nothing else runs.",
			tasks:   map[string]string{"make": isSucceeded},
			results: without("make.text"),
			want:    Ended,
			action:  DoNothing,
		},
		"unusable-result": {
			reason: "So does one that wants a part which is not there.",
			run: func() *v1.PipelineRun {
				pr := run(producing("make"), taking("use", "$(tasks.make.results.list[3])"))
				pr.Spec.PipelineSpec.Tasks[0].TaskSpec.Results = []v1.TaskResult{{Name: "list", Type: v1.TypeArray}}
				return pr
			},
			tasks:   map[string]string{"make": isSucceeded},
			results: written,
			want:    Ended,
			action:  DoNothing,
		},
		"missing-result-while-others-run": {
			reason: "While others run, the message already says why the run will fail.",
			run: func() *v1.PipelineRun {
				return run(producing("make", "r"), taking("use", "$(tasks.make.results.r)"), plain("other"))
			},
			tasks:  map[string]string{"make": isSucceeded, "other": isRunning},
			want:   Stopping,
			action: DoNothing,
		},
		"start-failure": {
			reason: "What an earlier reconcile has found out about that decides how the run ends.",
			run: func() *v1.PipelineRun {
				return run(producing("make", "r"), taking("use", "$(tasks.make.results.r)"), plain("other"))
			},
			tasks: map[string]string{"make": isSucceeded, "use": v1.SkipReasonRefused, "other": isSucceeded},
			change: func(pr *v1.PipelineRun) {
				pr.Status.SetCondition(v1.Running(v1.PipelineRunReasonStopping, `Tasks Completed: 1; stopping: something else`), metav1.NewTime(start))
				pr.Status.SetCondition(v1.StartFailure(v1.PipelineRunReasonCreateRunFailed, `task "use" cannot start: policy`), metav1.NewTime(start))
			},
			want:   Ended,
			action: DoNothing,
		},
		"start-failure-while-others-run": {
			reason: "It stays as it is while others run.",
			run: func() *v1.PipelineRun {
				return run(producing("make", "r"), taking("use", "$(tasks.make.results.r)"), plain("other"))
			},
			tasks: map[string]string{"make": isSucceeded, "use": v1.SkipReasonRefused, "other": isRunning},
			change: func(pr *v1.PipelineRun) {
				pr.Status.SetCondition(v1.Running(v1.PipelineRunReasonStopping, `Tasks Completed: 1; stopping: something else`), metav1.NewTime(start))
				pr.Status.SetCondition(v1.StartFailure(v1.PipelineRunReasonCreateRunFailed, `task "use" cannot start: policy`), metav1.NewTime(start))
			},
			want:   Stopping,
			action: DoNothing,
		},
		"told-before": {
			reason: "An earlier version has said that in the message only.",
			run: func() *v1.PipelineRun {
				return run(producing("make", "r"), taking("use", "$(tasks.make.results.r)"), plain("other"))
			},
			tasks: map[string]string{"make": isSucceeded, "use": v1.SkipReasonMissingResults, "other": isSucceeded},
			change: func(pr *v1.PipelineRun) {
				pr.Status.SetCondition(
					v1.Running(v1.PipelineRunReasonStopping, `Tasks Completed: 1; stopping: task "use" cannot start: it lacks a thing`),
					metav1.NewTime(start),
				)
			},
			want:   Ended,
			action: DoNothing,
		},
		"refused": {
			reason: "A TaskRun that the API server refuses is told at once.",
			effect: func(Plan) Effect {
				return Effect{Problem: cannotStart("make", `the API server refuses TaskRun "run-make": policy`,
					v1.PipelineRunReasonCreateRunFailed, v1.SkipReasonRefused)}
			},
			want:   Startable,
			action: StartTasks,
		},
		"result-left-out": {
			reason:  "A result that its task did not write is absent, and the message says so.",
			tasks:   ended,
			results: without("use.count"),
			want:    Ended,
			action:  DoNothing,
		},
		"wrong-type": {
			reason:  "A result of another type than declared fails the run.",
			tasks:   ended,
			results: written,
			run: func() *v1.PipelineRun {
				pr := chain()
				pr.Spec.PipelineSpec.Results[1].Type = v1.TypeObject
				return pr
			},
			want:   Ended,
			action: DoNothing,
		},
		"guarded": {
			reason: "A task is skipped with what was compared; those behind it run, those that need its results do not, nor what is behind them.",
			run:    guarded,
			effect: started,
			want:   Startable,
			action: StartTasks,
		},
		"completed": {
			reason: "With skipped tasks the run is complete.",
			run:    guarded,
			tasks: map[string]string{
				"no":    v1.SkipReasonWhen,
				"after": isSucceeded,
				"use":   v1.SkipReasonMissingResults,
				"child": v1.SkipReasonParents,
			},
			want:   Ended,
			action: DoNothing,
		},
		"finally": {
			reason: "Finally starts when all others have ended, and knows how.",
			run:    cleaned,
			tasks:  map[string]string{"work": isFailed, "ignored": isFailed},
			effect: started,
			want:   Startable,
			action: StartTasks,
		},
		"finally-running": {
			reason: "It starts once.",
			run:    cleaned,
			tasks:  map[string]string{"work": isSucceeded, "ignored": isSucceeded, "tell": isRunning, "clean": isSucceeded},
			want:   InProgress,
			action: DoNothing,
		},
		"finally-failed": {
			reason: "Its failure is the run's.",
			run:    cleaned,
			tasks:  map[string]string{"work": isSucceeded, "ignored": isFailed, "tell": isFailed, "clean": isSucceeded},
			want:   Ended,
			action: DoNothing,
		},
		"failure-ignored": {
			reason: "A failure that is ignored is counted, and no failure of the run.",
			run:    cleaned,
			tasks:  map[string]string{"work": isSucceeded, "ignored": isFailed, "tell": isSucceeded, "clean": isSucceeded},
			want:   Ended,
			action: DoNothing,
		},
		"cancelling": {
			reason: "A run that is cancelled tells its TaskRuns.",
			run:    cleaned,
			change: spec(v1.PipelineRunSpecStatusCancelled),
			tasks:  map[string]string{"work": isRunning, "ignored": isSucceeded},
			want:   Cancelling,
			action: CancelChildren,
		},
		"cancelled": {
			reason: "It has ended when they have; finally does not run.",
			run:    cleaned,
			change: spec(v1.PipelineRunSpecStatusCancelled),
			tasks:  map[string]string{"work": isCancelled, "ignored": isSucceeded},
			want:   Ended,
			action: DoNothing,
		},
		"cancelled-too-late": {
			reason: "What had ended before, has ended as it did.",
			run:    cleaned,
			change: spec(v1.PipelineRunSpecStatusCancelled),
			tasks:  map[string]string{"work": isSucceeded, "ignored": isSucceeded, "tell": isSucceeded, "clean": isSucceeded},
			want:   Ended,
			action: DoNothing,
		},
		"cancelled-run-finally": {
			reason: "Finally runs after a graceful cancellation.",
			run:    cleaned,
			change: spec(v1.PipelineRunSpecStatusCancelledRunFinally),
			tasks:  map[string]string{"work": isCancelled},
			effect: started,
			want:   Startable,
			action: StartTasks,
		},
		"cancelled-run-finally-ended": {
			reason: "And the run was cancelled.",
			run:    cleaned,
			change: spec(v1.PipelineRunSpecStatusCancelledRunFinally),
			tasks:  map[string]string{"work": isCancelled, "ignored": v1.SkipReasonGracefullyCancelled, "tell": isSucceeded, "clean": isSucceeded},
			want:   Ended,
			action: DoNothing,
		},
		"stopped-run-finally": {
			reason: "Those that run may finish, and nothing else starts before finally.",
			run:    func() *v1.PipelineRun { return finally(run(plain("a"), plain("b", "a")), plain("clean")) },
			change: spec(v1.PipelineRunSpecStatusStoppedRunFinally),
			tasks:  map[string]string{"a": isRunning},
			want:   Stopping,
			action: DoNothing,
		},
		"taskrun-cancelled": {
			reason: "Whoever cancels a TaskRun cancels the run.",
			tasks:  map[string]string{"make": isCancelled},
			want:   Ended,
			action: DoNothing,
		},
		"timed-out": {
			reason: "At its end the time of the run is up for all.",
			run:    cleaned,
			change: limits(time.Minute, 0, 0),
			tasks:  map[string]string{"work": isTimedOut, "ignored": isSucceeded},
			want:   Ended,
			action: DoNothing,
		},
		"timing-out": {
			reason: "TaskRuns are told why they end.",
			run:    cleaned,
			change: limits(time.Minute, 0, 0),
			tasks:  map[string]string{"work": isRunning, "ignored": isSucceeded},
			want:   Cancelling,
			action: CancelChildren,
		},
		"tasks-timed-out": {
			reason: "When the tasks have used up their time, finally runs.",
			run:    cleaned,
			change: limits(time.Hour, time.Minute, 0),
			tasks:  map[string]string{"work": isTimedOut},
			effect: started,
			want:   Startable,
			action: StartTasks,
		},
		"tasks-timed-out-ended": {
			reason: "And the run has timed out.",
			run:    cleaned,
			change: limits(time.Hour, time.Minute, 0),
			tasks:  map[string]string{"work": isTimedOut, "ignored": isSucceeded, "tell": isSucceeded, "clean": isSucceeded},
			want:   Ended,
			action: DoNothing,
		},
		"finally-timed-out": {
			reason: "Finally has a time of its own.",
			run:    cleaned,
			change: func(pr *v1.PipelineRun) {
				limits(time.Hour, 0, time.Minute)(pr)
				pr.Status.FinallyStartTime = &metav1.Time{Time: start.Add(-2 * time.Minute)}
			},
			tasks:  map[string]string{"work": isSucceeded, "ignored": isSucceeded, "tell": isTimedOut, "clean": isSucceeded},
			want:   Ended,
			action: DoNothing,
		},
	}
}

// childIn is a TaskRun of a task that stands so.
func childIn(pr *v1.PipelineRun, task *v1.PipelineTask, state string) Child {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: childName(pr, task.Name, -1)}}
	child := Child{Reference: referenceTo(taskRuns{}, tr.Name, task), Run: taskRun{tr}, Lost: state == isLost}
	switch state {
	case isSucceeded:
		tr.Status.SetCondition(done(), metav1.NewTime(start))
	case isFailed:
		tr.Status.SetCondition(broken(), metav1.NewTime(start))
	case isCancelled:
		tr.Status.SetCondition(stopped(), metav1.NewTime(start))
	case isTimedOut:
		tr.Spec.StatusMessage = v1.TaskRunTimedOutByPipelineRun
		tr.Status.SetCondition(stopped(), metav1.NewTime(start))
	}
	return child
}
