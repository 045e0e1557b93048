package compare

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/installation"
	"github.com/sluice-ci/sluice/internal/cli/resultview"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// side is how one of the two runs ended.
type side struct {
	engine installation.Engine
	// timeout was the limit for the wait, if the run has not ended.
	timeout  time.Duration
	snapshot runs.Snapshot
}

// Side is one of the two runs in the output for programs.
type Side struct {
	// Run is the name of the scratch run, such as "pipelinerun/compare-x7k2p-sluice".
	Run string `json:"run"`
	// Outcome is the state of the run: succeeded, failed or cancelled, or "not ended after TIMEOUT".
	Outcome string `json:"outcome"`
	// Reason and Message are those of the run's condition.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Times of the run.
	Times Times `json:"times"`
	// Pods is the number of pods, with those of earlier attempts.
	Pods int `json:"pods"`
	// Results of the run, and for a PipelineRun also those of its tasks as TASK/NAME.
	Results []Result `json:"results"`
	// Tasks has the tasks of a PipelineRun, also those that were skipped; for a TaskRun it has one.
	Tasks []Task `json:"tasks"`
}

// Times are whole seconds, as the status has them. A missing time is unknown.
type Times struct {
	// Queued is the time from the creation of the run to the start of its first step.
	Queued *int64 `json:"queuedSeconds,omitempty"`
	// Running is the time from the start of the first step to the end of the last.
	Running *int64 `json:"runningSeconds,omitempty"`
	// Total is the time from the creation to the outcome.
	Total *int64 `json:"totalSeconds,omitempty"`
}

// Result is a result of the run or of a task.
type Result struct {
	Name string       `json:"name"`
	Type v1.ValueType `json:"type"`
	// Size in bytes, and SHA-256 in hex, of the value.
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`

	// neutral is the SHA-256 of the value without the name and UID of the run.
	neutral string
}

// Task is a task of the run.
type Task struct {
	// Name of the pipeline task; empty for a TaskRun.
	Name    string     `json:"name,omitempty"`
	Outcome runs.State `json:"outcome"`
	Reason  string     `json:"reason,omitempty"`
	Steps   []Step     `json:"steps"`
}

// Step is a step of a task.
type Step struct {
	Name string `json:"name"`
	// ExitCode of the container; nil if it did not end.
	ExitCode *int32 `json:"exitCode,omitempty"`
	// Reason of the end, such as Completed or Error.
	Reason string `json:"reason,omitempty"`
}

func (s side) outcome() string {
	if !s.snapshot.Run.Done() {
		return fmt.Sprintf("not ended after %s", s.timeout)
	}
	return string(s.snapshot.Run.State())
}

// shown returns the side for the output.
func (s side) shown() Side {
	r := s.snapshot.Run
	shown := Side{
		Run: r.FullName().String(), Outcome: s.outcome(), Reason: r.Reason(), Message: r.Message(), Times: s.times(), Pods: s.pods(),
		Results: []Result{}, Tasks: s.tasks(),
	}
	for _, one := range resultview.Of(s.snapshot) {
		shown.Results = append(shown.Results, Result{
			Name: one.Name, Type: one.Type, Size: one.Size, SHA256: one.SHA256, neutral: resultview.Digest(s.neutral(one.Bytes())),
		})
	}
	return shown
}

// neutral replaces what differs in every two runs: the name of the run, with which names of its TaskRuns and pods begin, and
// the UID.
func (s side) neutral(value []byte) []byte {
	o := s.snapshot.Run.Object()
	value = bytes.ReplaceAll(value, []byte(o.GetName()), []byte("$(name)"))
	if uid := o.GetUID(); uid != "" {
		value = bytes.ReplaceAll(value, []byte(uid), []byte("$(uid)"))
	}
	return value
}

func (s side) times() Times {
	var first, last *metav1.Time
	for _, tr := range s.snapshot.Tasks {
		for _, step := range tr.Status.Steps {
			if t := step.Terminated; t != nil {
				first, last = earlier(first, &t.StartedAt), later(last, &t.FinishedAt)
			}
		}
	}
	created := s.snapshot.Run.Object().GetCreationTimestamp()
	return Times{Queued: seconds(&created, first), Running: seconds(first, last), Total: seconds(&created, s.snapshot.Run.Ended())}
}

func earlier(a, b *metav1.Time) *metav1.Time {
	if a == nil || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b *metav1.Time) *metav1.Time {
	if a == nil || a.Before(b) {
		return b
	}
	return a
}

// seconds returns the whole seconds from one time to another; nil if one is unknown.
func seconds(from, to *metav1.Time) *int64 {
	if from.IsZero() || to.IsZero() {
		return nil
	}
	return new(int64(max(0, to.Sub(from.Time)) / time.Second))
}

// pods counts the pods that the statuses name, also those of earlier attempts.
func (s side) pods() int {
	names := map[string]bool{}
	for _, tr := range s.snapshot.Tasks {
		names[tr.Status.PodName] = true
		for _, attempt := range tr.Status.RetriesStatus {
			names[attempt.PodName] = true
		}
	}
	delete(names, "")
	return len(names)
}

func (s side) tasks() []Task {
	tasks := []Task{}
	for _, tr := range s.snapshot.Tasks {
		r := runs.OfTask(tr)
		t := Task{Outcome: r.State(), Reason: r.Reason(), Steps: []Step{}}
		if s.snapshot.Run.PipelineRun != nil {
			t.Name = s.snapshot.Task(tr)
		}
		for _, state := range tr.Status.Steps {
			step := Step{Name: state.Name}
			if state.Terminated != nil {
				step.ExitCode, step.Reason = &state.Terminated.ExitCode, state.Terminated.Reason
			}
			t.Steps = append(t.Steps, step)
		}
		tasks = append(tasks, t)
	}
	if pr := s.snapshot.Run.PipelineRun; pr != nil {
		for _, skipped := range pr.Status.SkippedTasks {
			tasks = append(tasks, Task{Name: skipped.Name, Outcome: runs.Skipped, Reason: skipped.Reason, Steps: []Step{}})
		}
	}
	slices.SortStableFunc(tasks, byName)
	return tasks
}
