package pipelinerun

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// checkEnd holds a run that has ended against what is true of every run.
func (m *model) checkEnd(w *world) {
	status := &w.pr.Status
	for _, name := range w.running() {
		if w.children[name].Spec.StatusMessage != v1.TaskRunGivenUpByPipelineRun {
			m.findf(w, "it has ended while %s runs", name)
		}
	}
	if len(status.Conditions) != 1 {
		m.findf(w, "it has ended with %+v", status.Conditions)
	}
	if status.PipelineSpec == nil {
		return // it was cancelled before it started
	}
	ran, skipped := map[string]bool{}, map[string]string{}
	for i := range status.ChildReferences {
		ran[status.ChildReferences[i].PipelineTaskName] = true
	}
	for i := range status.SkippedTasks {
		skipped[status.SkippedTasks[i].Name] = status.SkippedTasks[i].Reason
	}
	for _, tasks := range [][]v1.PipelineTask{m.spec.Tasks, m.spec.Finally} {
		for i := range tasks {
			if name := tasks[i].Name; ran[name] == (skipped[name] != "") {
				m.findf(w, "task %s ran: %v, and was skipped: %q", name, ran[name], skipped[name])
			}
		}
	}
	for i := range m.spec.Finally {
		switch reason := skipped[m.spec.Finally[i].Name]; reason {
		case "", v1.SkipReasonMissingResults, v1.SkipReasonRefused, v1.SkipReasonWhen:
		case v1.SkipReasonTimedOut, v1.SkipReasonFinallyTimedOut:
			if w.hour == 0 {
				m.findf(w, "task %s of finally was skipped in time: %s", m.spec.Finally[i].Name, reason)
			}
		default:
			if w.pr.Spec.Status != v1.PipelineRunSpecStatusCancelled {
				m.findf(w, "task %s of finally was skipped: %s", m.spec.Finally[i].Name, reason)
			}
		}
	}
	m.checkOutcome(w)
}

// checkOutcome holds the condition and the results of a run that has ended against its TaskRuns.
func (m *model) checkOutcome(w *world) {
	status := &w.pr.Status
	succeeded := status.Condition().Status == metav1.ConditionTrue
	for name, tr := range w.children {
		ignored := slices.ContainsFunc(m.spec.Tasks, func(p v1.PipelineTask) bool {
			return p.Name == tr.Labels[v1.LabelPipelineTask] && p.OnError == v1.OnErrorContinue
		})
		c := tr.Status.Condition()
		if failed := w.deleted[name] || c == nil || c.Status == metav1.ConditionFalse && !ignored; succeeded && failed {
			m.findf(w, "it succeeded, and TaskRun %s did not", name)
		}
	}
	if !succeeded {
		m.checkCancelled(w)
		return
	}
	for i := range status.ChildReferences {
		task := status.ChildReferences[i].PipelineTaskName
		if made, all := w.madeFor(task), m.combinations(task); made != all {
			m.findf(w, "it succeeded with %d of %d TaskRuns of task %s", made, all, task)
		}
	}
	for _, declared := range m.spec.Results {
		task, _, _ := strings.Cut(strings.TrimPrefix(declared.Value.String, "$(tasks."), ".")
		tr := w.children[childName(w.pr, task, -1)]
		got := slices.IndexFunc(status.Results, func(r v1.PipelineRunResult) bool { return r.Name == declared.Name })
		if written := tr != nil && len(tr.Status.Results) > 0; written && (got < 0 || status.Results[got].Value.String != "v") {
			m.findf(w, "it succeeded without result %s", declared.Name)
		} else if !written && got >= 0 {
			m.findf(w, "it has result %s, which was not written", declared.Name)
		}
	}
}

// checkCancelled: a run is cancelled only if its user or the time stopped it, or a TaskRun was cancelled.
func (m *model) checkCancelled(w *world) {
	if w.pr.Status.Condition().Reason != v1.PipelineRunReasonCancelled || w.pr.Spec.Status != "" || w.hour > 0 {
		return
	}
	for _, tr := range w.children {
		if c := tr.Status.Condition(); c != nil && c.Reason == v1.TaskRunReasonCancelled {
			return
		}
	}
	m.findf(w, "it was cancelled by nothing: %s", w.pr.Status.Condition().Message)
}

// checkWaysOut reports the worlds from which a run does not end without a disturbance.
func (m *model) checkWaysOut() {
	out := make([]bool, len(m.worlds))
	queue := slices.Clone(m.ends)
	for _, i := range queue {
		out[i] = true
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		for _, before := range m.back[i] {
			if !out[before] {
				out[before] = true
				queue = append(queue, before)
			}
		}
	}
	for i, w := range m.worlds {
		if !out[i] {
			m.findf(w, "the run does not end from here")
		}
	}
}
