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

// rules are the names of those that a case breaks, each once.
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

// failed is a run whose second step has ended with exit code 3, as planned.
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
			reason: "What a plan says and a ledger confirms has no findings.",
			given:  single(task("only")),
			change: func(fixture) {},
		},
		"Changed": {
			reason: "An outcome does not change.",
			given:  single(task("only")),
			change: func(f fixture) {
				h := f.Histories["chaos-7"]
				h.Outcomes = append(h.Outcomes, Outcome{Status: metav1.ConditionFalse})
			},
			want: []string{"OneOutcome"},
		},
		"Late": {
			reason: "A run has ended at its deadline.",
			given:  single(task("only")),
			change: func(f fixture) { f.Ended = time.Time{} },
			want:   []string{"Deadline"},
		},
		"Gone": {
			reason: "A run does not go away.",
			given:  single(task("only")),
			change: func(f fixture) { f.TaskRuns = nil },
			want:   []string{"Lost"},
		},
		"OtherValue": {
			reason: "A result is what was written.",
			given:  single(task("only")),
			change: func(f fixture) { f.run(0).Status.Results[0].Value.String += "x" },
			want:   []string{"Damaged"},
		},
		"OtherType": {
			reason: "And of the type.",
			given:  single(task("only")),
			change: func(f fixture) {
				f.run(0).Status.Results[0].Value = v1.ArrayValue(f.run(0).Status.Results[0].Value.String)
			},
			want: []string{"Damaged"},
		},
		"Empty": {
			reason: "Green and empty is the worst.",
			given:  single(task("only")),
			change: func(f fixture) { f.run(0).Status.Results = nil },
			want:   []string{"Dropped", "GreenAndEmpty"},
		},
		"Invented": {
			reason: "A result comes from a step.",
			given:  single(task("only")),
			change: func(f fixture) {
				f.run(0).Status.Results = append(f.run(0).Status.Results, v1.TaskRunResult{Name: "x"})
			},
			want: []string{"NotWritten"},
		},
		"StepMissing": {
			reason: "A run that succeeded had all its steps.",
			given:  single(task("only")),
			change: func(f fixture) { f.cut(0, 1) },
			want:   []string{"Green"},
		},
		"StepTwice": {
			reason: "A step starts once in a pod.",
			given:  single(task("only")),
			change: func(f fixture) {
				b := f.book(0)
				b["step-0"] = append([]ledger.Entry{{Event: ledger.Started}}, b["step-0"]...)
			},
			want: []string{"StepTwice"},
		},
		"StepTooEarly": {
			reason: "A step waits for the one before it.",
			given:  single(task("only")),
			change: func(f fixture) { b := f.book(0); b["step-0"] = b["step-0"][:len(b["step-0"])-1] },
			want:   []string{"Green", "Order"},
		},
		"AttemptTold": {
			reason: "A step gets to know which attempt it is of.",
			given:  single(task("only")),
			change: func(f fixture) { f.book(0)["step-1"][0].Attempt = 1 },
			want:   []string{"AttemptTold"},
		},
		"PodTwice": {
			reason: "A pod is made once.",
			given:  single(task("only")),
			change: func(f fixture) {
				h := f.Histories["chaos-7"]
				h.Pods = append(h.Pods, Pod{Name: h.Pods[0].Name, UID: "x"})
			},
			want: []string{"Damaged", "Green", "NotWritten", "PodTwice", "TooManyPods"},
		},
		"TooManyPods": {
			reason: "An attempt has one pod.",
			given:  single(task("only")),
			change: func(f fixture) { h := f.Histories["chaos-7"]; h.Pods = append(h.Pods, Pod{Name: "x", UID: "x"}) },
			want:   []string{"TooManyPods"},
		},
		"Failed": {
			reason: "A failure that is planned is none to tell of.",
			given:  failed(faulty(plan.Exits, plan.Always, 0)),
			change: func(fixture) {},
		},
		"FailedDropped": {
			reason: "A step that fails keeps what it wrote.",
			given:  failed(faulty(plan.Exits, plan.Always, 0)),
			change: func(f fixture) { f.run(0).Status.Results = nil },
			want:   []string{"Dropped"},
		},
		"FailedDenied": {
			reason: "Unless they could not be read, and it says so.",
			given:  failed(faulty(plan.Exits, plan.Always, 0)),
			change: func(f fixture) {
				f.run(0).Status.Results = nil
				f.run(0).Status.Conditions[0].Message += "; the controller may not read pod logs"
				f.Events = []disturb.Event{event(disturb.DenyLogs, 12, 40, "")}
			},
		},
		"FailedUnread": {
			reason: "And somebody kept them from it.",
			given:  failed(faulty(plan.Exits, plan.Always, 0)),
			change: func(f fixture) {
				f.run(0).Status.Results = nil
				f.run(0).Status.Conditions[0].Message += "; the controller may not read pod logs"
			},
			want: []string{"Dropped"},
		},
		"FailedOtherwise": {
			reason: "The message has the exit code.",
			given:  failed(faulty(plan.Exits, plan.Always, 0)),
			change: func(f fixture) { f.run(0).Status.Conditions[0].Message = "failed" },
			want:   []string{"Unexplained"},
		},
		"FailedNoRetry": {
			reason: "A run that may be tried again is.",
			given:  failed(faulty(plan.Exits, plan.Always, 1)),
			change: func(fixture) {},
			want:   []string{"Attempts"},
		},
		"Unexplained": {
			reason: "A run does not fail by itself.",
			given:  single(task("only")),
			change: func(f fixture) { f.fail(0, v1.TaskRunReasonResultsUnavailable, "why") },
			want:   []string{"Unexplained"},
		},
		"Silent": {
			reason: "A run that fails says why.",
			given:  single(task("only")),
			change: func(f fixture) { f.fail(0, v1.TaskRunReasonResultsUnavailable, "") },
			want:   []string{"NoMessage", "Unexplained"},
		},
		"Green": {
			reason: "What has to fail does not succeed.",
			given:  single(faulty(plan.Exits, plan.Always, 0)),
			change: func(fixture) {},
			want:   []string{"Green"},
		},
		"Hangs": {
			reason: "Nobody ends what hangs but who may.",
			given:  single(faulty(plan.Hangs, plan.Always, 0)),
			change: func(f fixture) { f.fail(0, v1.TaskRunReasonTimedOut, "why"); f.cut(0, 1) },
			want:   []string{"Unexplained"},
		},
		"CancelledByNobody": {
			reason: "Cancelled is who was cancelled.",
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
			reason: "A log that was rotated lacks its beginning.",
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
			reason: "No result is from another attempt.",
			change: func(f fixture) { f.run(0).Status.Results = f.run(0).Status.RetriesStatus[0].Results },
			want:   []string{"Damaged"},
		},
		"TooMany": {
			reason: "There are as many attempts as there may be.",
			change: func(f fixture) { f.Plan.Tasks[0].Retries = 0 },
			want:   []string{"Attempts"},
		},
		"Reduced": {
			reason: "An old attempt may have lost its message.",
			change: func(f fixture) { f.run(0).Status.RetriesStatus[0].Conditions[0].Message = "" },
		},
		"Open": {
			reason: "An attempt that went before has ended.",
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
			reason:  "A pod that was deleted is no time that ran out.",
			outcome: v1.TaskRunReasonTimedOut,
			event:   event(disturb.KillPod, 12, 13, own),
		},
		"Spares": {
			reason:  "Who kills the controller spares the runs.",
			outcome: v1.TaskRunReasonPodDeleted,
			event:   event(disturb.KillController, 12, 13, ""),
		},
		"Meanwhile": {
			reason:  "Nobody could read logs.",
			outcome: v1.TaskRunReasonResultsLogAccessDenied,
			event:   event(disturb.DenyLogs, 12, 20, ""),
			excused: true,
		},
		"Before": {
			reason:  "Logs could be read again before.",
			outcome: v1.TaskRunReasonResultsLogAccessDenied,
			event:   event(disturb.DenyLogs, -50, -40, ""),
		},
		"After": {
			reason:  "The run had ended by then.",
			outcome: v1.TaskRunReasonResultsLogAccessDenied,
			event:   event(disturb.DenyLogs, 40, 50, ""),
		},
		"WhileItBegan": {
			reason:  "Its pod was about to start.",
			outcome: v1.TaskRunReasonResultsLogAccessDenied,
			event:   event(disturb.DenyLogsBriefly, 7, 8, ""),
			excused: true,
		},
		"Begun": {
			reason:  "Its pod ran by then.",
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
				t.Errorf("%s It is excused: %t, and has to be: %t", tc.reason, got, tc.excused)
			}
		})
	}
}

// largeResults are results of which a log of disturb.LogSize keeps only the end.
func largeResults(t *testing.T) []soak.Result {
	t.Helper()
	for number := range 200 {
		results := soak.Make(1, number).Results
		if (&plan.Task{Results: results}).Encoded() > disturb.LogSize {
			return results
		}
	}
	t.Fatal("no results are large")
	return nil
}
