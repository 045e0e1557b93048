// Package check holds what became of a run against what was planned, what its steps wrote down about themselves, what a
// watch saw of it on the way, and what was broken meanwhile. It is pure: the same case has the same findings.
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

// Case is one run that has ended, or should have, and all that is known about it.
type Case struct {
	// Plan is what it had to be.
	Plan plan.Run
	// Created and Ended are when it was created and seen to have ended, by this machine's clock; Ended is zero for a run
	// that had not ended at its deadline.
	Created, Ended time.Time
	// Cancelled is when its user cancelled it and the API server took that; zero when none did.
	Cancelled time.Time
	// PipelineRun is the object, last seen, of a run that is a pipeline.
	PipelineRun *v1.PipelineRun
	// TaskRuns are the objects of all TaskRuns that belong to it, last seen.
	TaskRuns []*v1.TaskRun
	// Histories are what a watch saw of each object, by its name.
	Histories map[string]*History
	// Ledger is what the steps of each pod wrote, by its UID.
	Ledger map[string]ledger.Pod
	// Events are all disturbances that have been mended.
	Events []disturb.Event
}

// History is what a watch saw of one object. A watch that is interrupted misses some of it.
type History struct {
	// Seen is when it was first seen.
	Seen time.Time
	// Attempts are when the second attempt and each one after it were first seen to have begun.
	Attempts []time.Time
	// Outcomes are those that it was seen with, each when it differs from the one before.
	Outcomes []Outcome
	// Pods of a TaskRun, in the order in which they were seen.
	Pods []Pod
	// Lookups are when it was seen to wait because the command of an image could not be looked up.
	Lookups []Lookup
}

// Lookup is a moment at which a run waits for the command of an image, and why.
type Lookup struct {
	At      time.Time
	Message string
}

// Outcome is how an object was seen to stand.
type Outcome struct {
	// Status, Reason and Message of its condition; Status is Unknown for one that goes on again after it had ended.
	Status          metav1.ConditionStatus
	Reason, Message string
	// Results is a digest of all its results.
	Results string
}

// Pod is a pod of a TaskRun.
type Pod struct {
	Name, UID string
	// Seen is when it was first seen, and Running when all its containers had begun; zero when they were not seen to.
	Seen, Running time.Time
}

// Finding is something that must not be.
type Finding struct {
	// Rule that is broken, Object that breaks it, and What it did.
	Rule, Object, What string
}

// String is the finding in one line.
func (f Finding) String() string { return fmt.Sprintf("%s: %s: %s", f.Rule, f.Object, f.What) }

// checker collects the findings of a case.
type checker struct {
	*Case
	found []Finding
}

func (c *checker) findf(rule, object, format string, args ...any) {
	c.found = append(c.found, Finding{Rule: rule, Object: object, What: fmt.Sprintf(format, args...)})
}

// Run returns everything about a run that must not be.
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

// oneOutcome: what has ended has ended, as it has.
func (c *checker) oneOutcome(name string, h *History) {
	for i := 1; i < len(h.Outcomes); i++ {
		before, after := h.Outcomes[i-1], h.Outcomes[i]
		c.findf("OneOutcome", name, "it had ended as %s (%s), and then was %s (%s): %.200s",
			before.Status, before.Reason, after.Status, after.Reason, after.Message)
	}
	names := map[string]string{}
	for _, p := range h.Pods {
		if uid := names[p.Name]; uid != "" && uid != p.UID {
			c.findf("PodTwice", name, "pod %q was made twice, with UID %s and with %s", p.Name, uid, p.UID)
		}
		names[p.Name] = p.UID
	}
}

// attempt is one attempt of a TaskRun.
type attempt struct {
	number    int
	last      bool
	condition *metav1.Condition
	results   []v1.TaskRunResult
	podName   string
	// uid is that of its pod, and written what the pod's steps wrote; both are empty when it was not seen.
	uid     string
	written ledger.Pod
	// from and to are between when it went on, and running when all containers of its pod had begun.
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

// ledgers returns the ledgers of all pods of a TaskRun that were seen.
func (c *checker) ledgers(name string) []ledger.Pod {
	var all []ledger.Pod
	if h := c.Histories[name]; h != nil {
		for _, p := range h.Pods {
			all = append(all, c.Ledger[p.UID])
		}
	}
	return all
}

// span is the time from the first to the last line that steps of a TaskRun wrote.
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

// taskOf names the planned task of a TaskRun.
func (c *checker) taskOf(tr *v1.TaskRun) string {
	if !c.Plan.Pipeline {
		return c.Plan.Tasks[0].Name
	}
	return cmp.Or(tr.Labels[v1.LabelPipelineTask], "?")
}
