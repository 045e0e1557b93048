// Package check compares the outcome of a run with its plan, with the records that its steps wrote, with what a watch saw of
// it, and with what was broken. It is pure: the same case always has the same findings.
package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/disturb"
	"github.com/sluice-ci/sluice/test/chaos/ledger"
	"github.com/sluice-ci/sluice/test/chaos/plan"
)

// Case is one run that has ended, or should have ended, with everything that is known about it.
type Case struct {
	// Plan is the run as generated.
	Plan plan.Run
	// Created and Ended are the times at which it was created and seen to have ended, by this machine's clock. Ended is zero
	// for a run that had not ended at its deadline.
	Created, Ended time.Time
	// Cancelled is the time at which its user cancelled it and the API server accepted that; zero if it was not cancelled.
	Cancelled time.Time
	// PipelineRun is the object in its last state, for a run that is a pipeline.
	PipelineRun *v1.PipelineRun
	// TaskRuns are all TaskRuns that belong to it, in their last state.
	TaskRuns []*v1.TaskRun
	// Histories are the observations of a watch, by the name of the object.
	Histories map[string]*History
	// Ledger holds the records of the steps of each pod, by the pod's UID.
	Ledger map[string]ledger.Pod
	// Events are all disturbances that were repaired.
	Events []disturb.Event
}

// History is what a watch observed of one object. An interrupted watch misses some of it.
type History struct {
	// Seen is the time of the first observation.
	Seen time.Time
	// Attempts are the times at which the second attempt and each later one were first observed.
	Attempts []time.Time
	// Outcomes are the observed outcomes, each that differs from the one before.
	Outcomes []Outcome
	// Pods of a TaskRun, in the order of their first observation.
	Pods []Pod
	// Lookups are the observations that it waits because the command of an image could not be looked up.
	Lookups []Lookup
}

// Lookup is a time at which a run waits for the command of an image, and the reason.
type Lookup struct {
	At      time.Time
	Message string
}

// Outcome is an observed outcome of an object.
type Outcome struct {
	// Status, Reason and Message of its condition. Status is Unknown for an object that continued after it had ended.
	Status          metav1.ConditionStatus
	Reason, Message string
	// Results is a digest of all its results.
	Results string
}

// Pod is a pod of a TaskRun.
type Pod struct {
	Name, UID string
	// Seen is the time of the first observation, and Running the time at which all its containers had started; zero if that
	// was not observed.
	Seen, Running time.Time
}

// Finding is a violation of a rule.
type Finding struct {
	// Rule is the violated rule, Object the object that violates it, and What the details.
	Rule, Object, What string
}

// String returns the finding in one line.
func (f Finding) String() string { return fmt.Sprintf("%s: %s: %s", f.Rule, f.Object, f.What) }

// checker collects the findings of a case.
type checker struct {
	*Case
	found []Finding
}

func (c *checker) findf(rule, object, format string, args ...any) {
	c.found = append(c.found, Finding{Rule: rule, Object: object, What: fmt.Sprintf(format, args...)})
}

// Run returns all findings about a run.
func Run(given *Case) []Finding {
	c := &checker{Case: given}
	for _, name := range sortedKeys(c.Histories) {
		c.oneOutcome(name, c.Histories[name])
	}
	if c.Ended.IsZero() {
		c.findf("Deadline", c.Plan.Name(), "it did not end within %s of its creation", c.Plan.Deadline())
	}
	c.inTime()
	for _, tr := range c.TaskRuns {
		c.taskRun(tr)
	}
	switch {
	case c.Plan.Pipeline && c.PipelineRun == nil, !c.Plan.Pipeline && len(c.TaskRuns) == 0:
		c.findf("Lost", c.Plan.Name(), "the object is gone")
	case c.Plan.Pipeline:
		c.pipelineRun()
	}
	return c.found
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// oneOutcome: an outcome must not change.
func (c *checker) oneOutcome(name string, h *History) {
	for i := 1; i < len(h.Outcomes); i++ {
		before, after := h.Outcomes[i-1], h.Outcomes[i]
		c.findf("OneOutcome", name, "it had ended as %s (%s), and changed to %s (%s): %.200s",
			before.Status, before.Reason, after.Status, after.Reason, after.Message)
	}
	names := map[string]string{}
	for _, p := range h.Pods {
		if uid := names[p.Name]; uid != "" && uid != p.UID && c.stepsRan(uid) {
			c.findf("PodTwice", name, "pod %q was created twice, with UID %s and with %s", p.Name, uid, p.UID)
		}
		names[p.Name] = p.UID
	}
}

// stepsRan reports whether a step of the pod with this UID has written a record. A pod that is removed before that is created
// again.
func (c *checker) stepsRan(uid string) bool {
	first, _ := c.Ledger[uid].Span()
	return !first.IsZero()
}

// replaced reports whether another pod with the same name was created after this one, before a step of this one ran.
func (c *checker) replaced(h *History, i int) bool {
	return !c.stepsRan(h.Pods[i].UID) && slices.ContainsFunc(h.Pods[i+1:], func(p Pod) bool {
		return p.Name == h.Pods[i].Name && p.UID != h.Pods[i].UID
	})
}

// attempt is one attempt of a TaskRun.
type attempt struct {
	number    int
	last      bool
	condition *metav1.Condition
	results   []v1.TaskRunResult
	podName   string
	// uid is the UID of its pod, and written the records of the pod's steps. Both are empty if the pod was not observed.
	uid     string
	written ledger.Pod
	// from and to are the times between which it was active. running is the time at which all containers of its pod had
	// started.
	from, running, to time.Time
}

// attemptsOf returns the attempts of a TaskRun, the first one first.
func (c *checker) attemptsOf(tr *v1.TaskRun) []attempt {
	h := c.Histories[tr.Name]
	if h == nil {
		h = &History{}
	}
	var all []attempt
	for _, r := range tr.Status.RetriesStatus {
		before := v1.TaskRunStatus{Conditions: r.Conditions}
		all = append(all, attempt{condition: before.Condition(), results: r.Results, podName: r.PodName})
	}
	all = append(all, attempt{last: true, results: tr.Status.Results, podName: tr.Status.PodName})
	if tr.Status.Done() {
		all[len(all)-1].condition = tr.Status.Condition()
	}
	for i := range all {
		a := &all[i]
		a.number, a.from, a.to = i, c.Created, c.Ended
		if h.Seen.After(a.from) {
			a.from = h.Seen
		}
		if i > 0 && i <= len(h.Attempts) {
			a.from = h.Attempts[i-1]
		}
		if i < len(h.Attempts) {
			a.to = h.Attempts[i]
		}
		for _, p := range h.Pods {
			if p.Name == a.podName {
				a.uid, a.running, a.written = p.UID, p.Running, c.Ledger[p.UID]
			}
		}
	}
	return all
}

// ledgers returns the ledgers of all observed pods of a TaskRun.
func (c *checker) ledgers(name string) []ledger.Pod {
	var all []ledger.Pod
	if h := c.Histories[name]; h != nil {
		for _, p := range h.Pods {
			all = append(all, c.Ledger[p.UID])
		}
	}
	return all
}

// span returns the times of the first and the last record of a TaskRun's steps.
func (c *checker) span(name string) (first, last time.Time) {
	for _, pod := range c.ledgers(name) {
		f, l := pod.Span()
		if first.IsZero() || !f.IsZero() && f.Before(first) {
			first = f
		}
		if l.After(last) {
			last = l
		}
	}
	return first, last
}

// taskOf returns the planned task of a TaskRun.
func (c *checker) taskOf(tr *v1.TaskRun) string {
	if !c.Plan.Pipeline {
		return c.Plan.Tasks[0].Name
	}
	return cmp.Or(tr.Labels[v1.LabelPipelineTask], "?")
}
