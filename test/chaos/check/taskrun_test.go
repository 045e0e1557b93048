package check

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/disturb"
	"github.com/sluice-ci/sluice/test/chaos/ledger"
	"github.com/sluice-ci/sluice/test/chaos/plan"
	soak "github.com/sluice-ci/sluice/test/load/soak/plan"
)

// rules returns the names of the rules that a case violates, each once.
func rules(c *Case) []string {
	var all []string
	for _, f := range Run(c) {
		all = append(all, f.Rule)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// faulty is a task whose second step fails in the first attempts.
func faulty(kind string, attempts, retries int) plan.Task {
	t := task("only")
	t.Fault, t.Retries = &plan.Fault{Kind: kind, Step: 1, Exit: 3, Attempts: attempts}, retries
	return t
}

// ignored returns the task with onError: continue.
func ignored(t plan.Task) plan.Task {
	t.Ignored = true
	return t
}

// failed returns a run whose second step has ended with exit code 3, as planned.
func failed(t plan.Task) fixture {
	f := single(t)
	results := f.run(0).Status.Results
	f.fail(0, v1.TaskRunReasonFailed, `"step-step-1" exited with code 3 (Error)`)
	f.run(0).Status.Results = results
	last := f.book(0)[plan.StepName(1)]
	last[len(last)-1].Exit = 3
	return f
}

func TestTaskRun(t *testing.T) {
	cases := map[string]struct {
		reason string
		given  fixture
		change func(f fixture)
		want   []string
	}{
		"Well": {
			reason: "A run that agrees with its plan and its ledger has no findings.",
			given:  single(task("only")),
			change: func(fixture) {},
		},
		"Changed": {
			reason: "An outcome must not change.",
			given:  single(task("only")),
			change: func(f fixture) {
				h := f.Histories["chaos-7"]
				h.Outcomes = append(h.Outcomes, Outcome{Status: metav1.ConditionFalse})
			},
			want: []string{"OneOutcome"},
		},
		"Late": {
			reason: "A run must end before its deadline.",
			given:  single(task("only")),
			change: func(f fixture) { f.Ended = time.Time{} },
			want:   []string{"Deadline"},
		},
		"Gone": {
			reason: "A run must not disappear.",
			given:  single(task("only")),
			change: func(f fixture) { f.TaskRuns = nil },
			want:   []string{"Lost"},
		},
		"OtherValue": {
			reason: "A result must be what was written.",
			given:  single(task("only")),
			change: func(f fixture) { f.run(0).Status.Results[0].Value.String += "x" },
			want:   []string{"Damaged"},
		},
		"OtherType": {
			reason: "A result must have its type.",
			given:  single(task("only")),
			change: func(f fixture) {
				f.run(0).Status.Results[0].Value = v1.ArrayValue(f.run(0).Status.Results[0].Value.String)
			},
			want: []string{"Damaged"},
		},
		"Empty": {
			reason: "A run must not be green and empty.",
			given:  single(task("only")),
			change: func(f fixture) { f.run(0).Status.Results = nil },
			want:   []string{"Dropped", "GreenAndEmpty"},
		},
		"Invented": {
			reason: "A result must come from a step.",
			given:  single(task("only")),
			change: func(f fixture) {
				f.run(0).Status.Results = append(f.run(0).Status.Results, v1.TaskRunResult{Name: "x"})
			},
			want: []string{"NotWritten"},
		},
		"StepMissing": {
			reason: "All steps of a successful run must have run.",
			given:  single(task("only")),
			change: func(f fixture) { f.cut(0, 1) },
			want:   []string{"Green"},
		},
		"StepTwice": {
			reason: "A step must start once in a pod.",
			given:  single(task("only")),
			change: func(f fixture) {
				b := f.book(0)
				b["step-0"] = append([]ledger.Entry{{Event: ledger.Started}}, b["step-0"]...)
			},
			want: []string{"StepTwice"},
		},
		"StepTooEarly": {
			reason: "A step must wait for the previous one.",
			given:  single(task("only")),
			change: func(f fixture) { b := f.book(0); b["step-0"] = b["step-0"][:len(b["step-0"])-1] },
			want:   []string{"Green", "Order"},
		},
		"AttemptTold": {
			reason: "A step must get the number of its attempt.",
			given:  single(task("only")),
			change: func(f fixture) { f.book(0)["step-1"][0].Attempt = 1 },
			want:   []string{"AttemptTold"},
		},
		"PodTwice": {
			reason: "A pod must be created once.",
			given:  single(task("only")),
			change: func(f fixture) {
				h := f.Histories["chaos-7"]
				h.Pods = append(h.Pods, Pod{Name: h.Pods[0].Name, UID: "x"})
			},
			want: []string{"Damaged", "Green", "NotWritten", "PodTwice", "TooManyPods"},
		},
		"PodReplaced": {
			reason: "A pod that is removed before a step ran is created again.",
			given:  single(task("only")),
			change: func(f fixture) {
				h := f.Histories["chaos-7"]
				h.Pods = append([]Pod{{Name: h.Pods[0].Name, UID: "x"}}, h.Pods...)
			},
		},
		"TooManyPods": {
			reason: "An attempt must have one pod.",
			given:  single(task("only")),
			change: func(f fixture) { h := f.Histories["chaos-7"]; h.Pods = append(h.Pods, Pod{Name: "x", UID: "x"}) },
			want:   []string{"TooManyPods"},
		},
		"Failed": {
			reason: "A planned failure is not a finding.",
			given:  failed(faulty(plan.Exits, plan.Always, 0)),
			change: func(fixture) {},
		},
		"FailedIgnored": {
			reason: "A planned failure of a task with onError: continue is not a finding.",
			given:  failed(ignored(faulty(plan.Exits, plan.Always, 0))),
			change: func(f fixture) { f.run(0).Status.Conditions[0].Reason = v1.TaskRunReasonFailureIgnored },
		},
		"FailedIgnoredDropped": {
			reason: "The results of an ignored failure must be kept.",
			given:  failed(ignored(faulty(plan.Exits, plan.Always, 0))),
			change: func(f fixture) {
				f.run(0).Status.Conditions[0].Reason = v1.TaskRunReasonFailureIgnored
				f.run(0).Status.Results = nil
			},
			want: []string{"Dropped"},
		},
		"IgnoredWithoutOnError": {
			reason: "A task without onError: continue must fail with the cause as its reason.",
			given:  failed(faulty(plan.Exits, plan.Always, 0)),
			change: func(f fixture) { f.run(0).Status.Conditions[0].Reason = v1.TaskRunReasonFailureIgnored },
			want:   []string{"Unexplained"},
		},
		"IgnoredOtherwise": {
			reason: "A cause that the message names must have an explanation.",
			given:  failed(ignored(faulty(plan.Exits, plan.Always, 0))),
			change: func(f fixture) {
				f.run(0).Status.Conditions[0].Reason = v1.TaskRunReasonFailureIgnored
				f.run(0).Status.Conditions[0].Message = v1.TaskRunReasonPodEvicted + ": " + f.run(0).Status.Conditions[0].Message
			},
			want: []string{"Unexplained"},
		},
		"FailedDropped": {
			reason: "The results of a failed step must be kept.",
			given:  failed(faulty(plan.Exits, plan.Always, 0)),
			change: func(f fixture) { f.run(0).Status.Results = nil },
			want:   []string{"Dropped"},
		},
		"FailedDenied": {
			reason: "The results of a failed step may be missing if the message says that they could not be read.",
			given:  failed(faulty(plan.Exits, plan.Always, 0)),
			change: func(f fixture) {
				f.run(0).Status.Results = nil
				f.run(0).Status.Conditions[0].Message += "; the controller may not read pod logs"
				f.Events = []disturb.Event{event(disturb.DenyLogs, 12, 40, "")}
			},
		},
		"FailedUnread": {
			reason: "Results that could not be read need a disturbance as the cause.",
			given:  failed(faulty(plan.Exits, plan.Always, 0)),
			change: func(f fixture) {
				f.run(0).Status.Results = nil
				f.run(0).Status.Conditions[0].Message += "; the controller may not read pod logs"
			},
			want: []string{"Dropped"},
		},
		"FailedOtherwise": {
			reason: "The message must have the exit code.",
			given:  failed(faulty(plan.Exits, plan.Always, 0)),
			change: func(f fixture) { f.run(0).Status.Conditions[0].Message = "failed" },
			want:   []string{"Unexplained"},
		},
		"FailedNoRetry": {
			reason: "A run with retries left must be retried.",
			given:  failed(faulty(plan.Exits, plan.Always, 1)),
			change: func(fixture) {},
			want:   []string{"Attempts"},
		},
		"Unexplained": {
			reason: "A run must not fail without a cause.",
			given:  single(task("only")),
			change: func(f fixture) { f.fail(0, v1.TaskRunReasonResultsUnavailable, "why") },
			want:   []string{"Unexplained"},
		},
		"Silent": {
			reason: "A failed run must have a message.",
			given:  single(task("only")),
			change: func(f fixture) { f.fail(0, v1.TaskRunReasonResultsUnavailable, "") },
			want:   []string{"NoMessage", "Unexplained"},
		},
		"Green": {
			reason: "A run that must fail must not succeed.",
			given:  single(faulty(plan.Exits, plan.Always, 0)),
			change: func(fixture) {},
			want:   []string{"Green"},
		},
		"Hangs": {
			reason: "Only a timeout or a user may end a step that hangs.",
			given:  single(faulty(plan.Hangs, plan.Always, 0)),
			change: func(f fixture) { f.fail(0, v1.TaskRunReasonTimedOut, "why"); f.cut(0, 1) },
			want:   []string{"Unexplained"},
		},
		"CancelledByNobody": {
			reason: "Only a cancelled run may end as cancelled.",
			given:  single(faulty(plan.Hangs, plan.Always, 0)),
			change: func(f fixture) { f.fail(0, v1.TaskRunReasonCancelled, "why") },
			want:   []string{"Unexplained"},
		},
		"Cancelled": {
			reason: "A user may cancel.",
			given:  single(faulty(plan.Hangs, plan.Always, 0)),
			change: func(f fixture) {
				f.fail(0, v1.TaskRunReasonCancelled, "why")
				f.run(0).Spec.Status, f.Cancelled = v1.TaskRunSpecStatusCancelled, at(3)
			},
		},
		"TooLargeForTheLog": {
			reason: "The beginning of a rotated log may be missing.",
			given:  single(task("only")),
			change: func(f fixture) {
				f.fail(0, v1.TaskRunReasonResultsUnavailable, "why")
				f.Plan.Tasks[0].Results = largeResults(t)
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.change(tc.given)
			if diff := cmp.Diff(tc.want, rules(tc.given.Case)); diff != "" {
				t.Errorf("%s (-want +got):\n%s\n%v", tc.reason, diff, Run(tc.given.Case))
			}
		})
	}
}

func TestRetries(t *testing.T) {
	begin := func() fixture {
		f := single(faulty(plan.Exits, 1, 1))
		tr, h := f.run(0), f.Histories["chaos-7"]
		h.Attempts = append(h.Attempts, at(9))
		first := f.book(0)
		second := ledger.Pod{}
		for step, entries := range first {
			for _, e := range entries {
				if e.Name == plan.AttemptResult {
					e = ledger.Of(e.Event, e.Name, v1.StringValue("second/1"))
				}
				if e.Event == ledger.Started {
					e.Attempt = 1
				}
				second[step] = append(second[step], e)
			}
		}
		first["step-1"][len(first["step-1"])-1].Exit = 3
		f.Ledger["second"] = second
		h.Pods = append(h.Pods, Pod{Name: "chaos-7-pod-retry1", UID: "second", Running: at(12)})
		failure := v1.Failed(v1.TaskRunReasonFailed, "exited with code 3")
		tr.Status.RetriesStatus = []v1.TaskRunAttempt{{
			Conditions: []metav1.Condition{failure},
			PodName:    tr.Status.PodName,
			Results:    slices.Clone(tr.Status.Results),
		}}
		tr.Status.PodName = "chaos-7-pod-retry1"
		for i := range tr.Status.Results {
			if tr.Status.Results[i].Name == plan.AttemptResult {
				tr.Status.Results[i].Value = v1.StringValue("second/1")
			}
		}
		return f
	}
	cases := map[string]spoilt{
		"Well": {
			reason: "The second attempt succeeds.",
			change: func(fixture) {},
		},
		"Mixed": {
			reason: "A result must not come from another attempt.",
			change: func(f fixture) { f.run(0).Status.Results = f.run(0).Status.RetriesStatus[0].Results },
			want:   []string{"Damaged"},
		},
		"TooMany": {
			reason: "There must not be more attempts than allowed.",
			change: func(f fixture) { f.Plan.Tasks[0].Retries = 0 },
			want:   []string{"Attempts"},
		},
		"Reduced": {
			reason: "An old attempt may have lost its message.",
			change: func(f fixture) { f.run(0).Status.RetriesStatus[0].Conditions[0].Message = "" },
		},
		"Open": {
			reason: "An earlier attempt must have ended.",
			change: func(f fixture) { f.run(0).Status.RetriesStatus[0].Conditions = nil },
			want:   []string{"NoOutcome"},
		},
	}
	judge(t, begin, cases)
}

func TestExcuses(t *testing.T) {
	const own = here + "/chaos-7-pod"
	cases := map[string]struct {
		reason  string
		outcome string
		event   disturb.Event
		excused bool
	}{
		"OwnPod": {
			reason:  "Its pod was deleted.",
			outcome: v1.TaskRunReasonPodDeleted,
			event:   event(disturb.KillPod, 12, 13, own),
			excused: true,
		},
		"OtherPod": {
			reason:  "Another pod was deleted.",
			outcome: v1.TaskRunReasonPodDeleted,
			event:   event(disturb.KillPod, 12, 13, here+"/chaos-8-pod"),
		},
		"OtherReason": {
			reason:  "A deleted pod does not explain a timeout.",
			outcome: v1.TaskRunReasonTimedOut,
			event:   event(disturb.KillPod, 12, 13, own),
		},
		"Spares": {
			reason:  "Runs must survive a killed controller.",
			outcome: v1.TaskRunReasonPodDeleted,
			event:   event(disturb.KillController, 12, 13, ""),
		},
		"Meanwhile": {
			reason:  "The controller could not read logs.",
			outcome: v1.TaskRunReasonResultsLogAccessDenied,
			event:   event(disturb.DenyLogs, 12, 20, ""),
			excused: true,
		},
		"Before": {
			reason:  "Logs could be read again before the end.",
			outcome: v1.TaskRunReasonResultsLogAccessDenied,
			event:   event(disturb.DenyLogs, -50, -40, ""),
		},
		"After": {
			reason:  "The run had ended by then.",
			outcome: v1.TaskRunReasonResultsLogAccessDenied,
			event:   event(disturb.DenyLogs, 40, 50, ""),
		},
		"WhileItBegan": {
			reason:  "The pod was starting.",
			outcome: v1.TaskRunReasonResultsLogAccessDenied,
			event:   event(disturb.DenyLogsBriefly, 7, 8, ""),
			excused: true,
		},
		"Begun": {
			reason:  "The pod ran already.",
			outcome: v1.TaskRunReasonResultsLogAccessDenied,
			event:   event(disturb.DenyLogsBriefly, 25, 28, ""),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := single(task("only"))
			f.fail(0, tc.outcome, "why")
			f.Events = []disturb.Event{tc.event}
			if got := len(Run(f.Case)) == 0; got != tc.excused {
				t.Errorf("%s Excused: %t, want %t", tc.reason, got, tc.excused)
			}
		})
	}
}

// largeResults returns results that need a log larger than disturb.LogSize.
func largeResults(t *testing.T) []soak.Result {
	t.Helper()
	for number := range 200 {
		results := soak.Make(1, number).Results
		if (&plan.Task{Results: results}).Encoded() > disturb.LogSize {
			return results
		}
	}
	t.Fatal("no large results were found")
	return nil
}
