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
		"Well": {"What a plan says and a ledger confirms has no findings.", single(task("only")), func(fixture) {}, nil},
		"Changed": {"An outcome does not change.", single(task("only")), func(f fixture) {
			h := f.Histories["chaos-7"]
			h.Outcomes = append(h.Outcomes, Outcome{Status: metav1.ConditionFalse})
		}, []string{"OneOutcome"}},
		"Late":       {"A run has ended at its deadline.", single(task("only")), func(f fixture) { f.Ended = time.Time{} }, []string{"Deadline"}},
		"Gone":       {"A run does not go away.", single(task("only")), func(f fixture) { f.TaskRuns = nil }, []string{"Lost"}},
		"OtherValue": {"A result is what was written.", single(task("only")), func(f fixture) { f.run(0).Status.Results[0].Value.String += "x" }, []string{"Damaged"}},
		"OtherType": {"And of the type.", single(task("only")), func(f fixture) {
			f.run(0).Status.Results[0].Value = v1.ArrayValue(f.run(0).Status.Results[0].Value.String)
		}, []string{"Damaged"}},
		"Empty": {"Green and empty is the worst.", single(task("only")), func(f fixture) { f.run(0).Status.Results = nil }, []string{"Dropped", "GreenAndEmpty"}},
		"Invented": {"A result comes from a step.", single(task("only")), func(f fixture) {
			f.run(0).Status.Results = append(f.run(0).Status.Results, v1.TaskRunResult{Name: "x"})
		}, []string{"NotWritten"}},
		"StepMissing": {"A run that succeeded had all its steps.", single(task("only")), func(f fixture) { f.cut(0, 1) }, []string{"Green"}},
		"StepTwice": {"A step starts once in a pod.", single(task("only")), func(f fixture) {
			b := f.book(0)
			b["step-0"] = append([]ledger.Entry{{Event: ledger.Started}}, b["step-0"]...)
		}, []string{"StepTwice"}},
		"StepTooEarly": {"A step waits for the one before it.", single(task("only")), func(f fixture) { b := f.book(0); b["step-0"] = b["step-0"][:len(b["step-0"])-1] }, []string{"Green", "Order"}},
		"AttemptTold":  {"A step gets to know which attempt it is of.", single(task("only")), func(f fixture) { f.book(0)["step-1"][0].Attempt = 1 }, []string{"AttemptTold"}},
		"PodTwice": {"A pod is made once.", single(task("only")), func(f fixture) {
			h := f.Histories["chaos-7"]
			h.Pods = append(h.Pods, Pod{Name: h.Pods[0].Name, UID: "x"})
		}, []string{"Damaged", "Green", "NotWritten", "PodTwice", "TooManyPods"}},
		"TooManyPods":   {"An attempt has one pod.", single(task("only")), func(f fixture) { h := f.Histories["chaos-7"]; h.Pods = append(h.Pods, Pod{Name: "x", UID: "x"}) }, []string{"TooManyPods"}},
		"Failed":        {"A failure that is planned is none to tell of.", failed(faulty(plan.Exits, plan.Always, 0)), func(fixture) {}, nil},
		"FailedDropped": {"A step that fails keeps what it wrote.", failed(faulty(plan.Exits, plan.Always, 0)), func(f fixture) { f.run(0).Status.Results = nil }, []string{"Dropped"}},
		"FailedDenied": {"Unless they could not be read, and it says so.", failed(faulty(plan.Exits, plan.Always, 0)), func(f fixture) {
			f.run(0).Status.Results = nil
			f.run(0).Status.Conditions[0].Message += "; the controller may not read pod logs"
			f.Events = []disturb.Event{event(disturb.DenyLogs, 12, 40, "")}
		}, nil},
		"FailedUnread": {"And somebody kept them from it.", failed(faulty(plan.Exits, plan.Always, 0)), func(f fixture) {
			f.run(0).Status.Results = nil
			f.run(0).Status.Conditions[0].Message += "; the controller may not read pod logs"
		}, []string{"Dropped"}},
		"FailedOtherwise":   {"The message has the exit code.", failed(faulty(plan.Exits, plan.Always, 0)), func(f fixture) { f.run(0).Status.Conditions[0].Message = "failed" }, []string{"Unexplained"}},
		"FailedNoRetry":     {"A run that may be tried again is.", failed(faulty(plan.Exits, plan.Always, 1)), func(fixture) {}, []string{"Attempts"}},
		"Unexplained":       {"A run does not fail by itself.", single(task("only")), func(f fixture) { f.fail(0, v1.TaskRunReasonResultsUnavailable, "why") }, []string{"Unexplained"}},
		"Silent":            {"A run that fails says why.", single(task("only")), func(f fixture) { f.fail(0, v1.TaskRunReasonResultsUnavailable, "") }, []string{"NoMessage", "Unexplained"}},
		"Green":             {"What has to fail does not succeed.", single(faulty(plan.Exits, plan.Always, 0)), func(fixture) {}, []string{"Green"}},
		"Hangs":             {"Nobody ends what hangs but who may.", single(faulty(plan.Hangs, plan.Always, 0)), func(f fixture) { f.fail(0, v1.TaskRunReasonTimedOut, "why"); f.cut(0, 1) }, []string{"Unexplained"}},
		"CancelledByNobody": {"Cancelled is who was cancelled.", single(faulty(plan.Hangs, plan.Always, 0)), func(f fixture) { f.fail(0, v1.TaskRunReasonCancelled, "why") }, []string{"Unexplained"}},
		"Cancelled": {"A user may cancel.", single(faulty(plan.Hangs, plan.Always, 0)), func(f fixture) {
			f.fail(0, v1.TaskRunReasonCancelled, "why")
			f.run(0).Spec.Status, f.Cancelled = v1.TaskRunSpecStatusCancelled, at(3)
		}, nil},
		"TooLargeForTheLog": {"A log that was rotated lacks its beginning.", single(task("only")), func(f fixture) {
			f.fail(0, v1.TaskRunReasonResultsUnavailable, "why")
			f.Plan.Tasks[0].Results = largeResults(t)
		}, nil},
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
		tr.Status.RetriesStatus = []v1.TaskRunAttempt{{Conditions: []metav1.Condition{failure}, PodName: tr.Status.PodName, Results: slices.Clone(tr.Status.Results)}}
		tr.Status.PodName = "chaos-7-pod-retry1"
		for i := range tr.Status.Results {
			if tr.Status.Results[i].Name == plan.AttemptResult {
				tr.Status.Results[i].Value = v1.StringValue("second/1")
			}
		}
		return f
	}
	cases := map[string]spoilt{
		"Well":    {"The second attempt succeeds.", func(fixture) {}, nil},
		"Mixed":   {"No result is from another attempt.", func(f fixture) { f.run(0).Status.Results = f.run(0).Status.RetriesStatus[0].Results }, []string{"Damaged"}},
		"TooMany": {"There are as many attempts as there may be.", func(f fixture) { f.Plan.Tasks[0].Retries = 0 }, []string{"Attempts"}},
		"Reduced": {"An old attempt may have lost its message.", func(f fixture) { f.run(0).Status.RetriesStatus[0].Conditions[0].Message = "" }, nil},
		"Open":    {"An attempt that went before has ended.", func(f fixture) { f.run(0).Status.RetriesStatus[0].Conditions = nil }, []string{"NoOutcome"}},
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
		"OwnPod":       {"Its pod was deleted.", v1.TaskRunReasonPodDeleted, event(disturb.KillPod, 12, 13, own), true},
		"OtherPod":     {"Another pod was deleted.", v1.TaskRunReasonPodDeleted, event(disturb.KillPod, 12, 13, here+"/chaos-8-pod"), false},
		"OtherReason":  {"A pod that was deleted is no time that ran out.", v1.TaskRunReasonTimedOut, event(disturb.KillPod, 12, 13, own), false},
		"Spares":       {"Who kills the controller spares the runs.", v1.TaskRunReasonPodDeleted, event(disturb.KillController, 12, 13, ""), false},
		"Meanwhile":    {"Nobody could read logs.", v1.TaskRunReasonResultsLogAccessDenied, event(disturb.DenyLogs, 12, 20, ""), true},
		"Before":       {"Logs could be read again before.", v1.TaskRunReasonResultsLogAccessDenied, event(disturb.DenyLogs, -50, -40, ""), false},
		"After":        {"The run had ended by then.", v1.TaskRunReasonResultsLogAccessDenied, event(disturb.DenyLogs, 40, 50, ""), false},
		"WhileItBegan": {"Its pod was about to start.", v1.TaskRunReasonResultsLogAccessDenied, event(disturb.DenyLogsBriefly, 7, 8, ""), true},
		"Begun":        {"Its pod ran by then.", v1.TaskRunReasonResultsLogAccessDenied, event(disturb.DenyLogsBriefly, 25, 28, ""), false},
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
