package pipelinerun

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/artifacts"
	"github.com/sluice-ci/sluice/internal/variables"
)

// taskRuns is the kind of the children of ordinary tasks.
type taskRuns struct{}

// taskRun is one of them.
type taskRun struct{ *v1.TaskRun }

// Name returns the name of the kind.
func (taskRuns) Name() string { return v1.KindTaskRun }

// GroupVersion returns the version in which the controller reads and writes TaskRuns.
func (taskRuns) GroupVersion() schema.GroupVersion { return v1.GroupVersion }

// New returns an empty TaskRun.
func (taskRuns) New() Run { return taskRun{&v1.TaskRun{}} }

// Stop cancels a TaskRun.
func (taskRuns) Stop(stop Stop, _ time.Time) Stopped {
	return Stopped{Spec: map[string]any{"status": v1.TaskRunSpecStatusCancelled, "statusMessage": stop.Cancel}}
}

// Build returns the TaskRun of a task.
func (taskRuns) Build(b *childBuilder, p part) (Run, error) {
	unread := p.start.passed.Unread(p.task, p.combination.Params)
	params := b.params(p.task, p.combination, p.start.handed, &unread)
	template, err := b.podTemplate(p.state, p.override, params, p.vars)
	if err != nil {
		return nil, err
	}
	child := &v1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       b.pr.Namespace,
			Name:            p.name,
			Labels:          b.labels(p.state, p.task, p.override),
			Annotations:     markFinal(b.annotations(p), unread),
			OwnerReferences: b.owners(),
		},
		Spec: v1.TaskRunSpec{
			ManagedBy:          b.pr.Spec.ManagedBy, // the controller of a run runs its tasks
			Params:             params,
			ServiceAccountName: b.serviceAccount(p),
			Workspaces:         workspaces(p.task, p.start.bindings),
			PodTemplate:        template,
			Retries:            p.task.Retries,
			Timeout:            b.timeout(p.state, p.override),
			StepSpecs:          p.override.StepSpecs,
			SidecarSpecs:       p.override.SidecarSpecs,
			ComputeResources:   p.override.ComputeResources,
		},
	}
	if p.task.TaskRef != nil {
		child.Spec.TaskRef = p.task.TaskRef
	} else {
		child.Spec.TaskSpec = &p.task.TaskSpec.TaskSpec
	}
	return taskRun{child}, nil
}

// Kind returns the kind of TaskRuns.
func (t taskRun) Kind() Kind { return taskRuns{} }

// Object returns the TaskRun.
func (t taskRun) Object() client.Object { return t.TaskRun }

// Copy returns a deep copy.
func (t taskRun) Copy() Run { return taskRun{t.DeepCopy()} }

// Given returns the params of the TaskRun, and the embedded task, of which the status has a copy.
func (t taskRun) Given() (params []v1.Param, repeated any) {
	if t.Spec.TaskSpec == nil {
		return t.Spec.Params, nil
	}
	return t.Spec.Params, t.Spec.TaskSpec
}

// Results returns the results of the TaskRun, and the values of each of its artifacts as a string under the name of
// variables.ArtifactResult.
func (t taskRun) Results() []v1.TaskRunResult {
	if t.Status.Artifacts == nil {
		return t.Status.Results
	}
	all := slices.Clone(t.Status.Results)
	add := func(of string, list []v1.Artifact) {
		for _, a := range list {
			all = append(all, v1.TaskRunResult{
				Name: variables.ArtifactResult(of, a.Name), Type: v1.TypeString, Value: v1.StringValue(artifactText(a)),
			})
		}
	}
	add(variables.AttributeInputs, t.Status.Artifacts.Inputs)
	add(variables.AttributeOutputs, t.Status.Artifacts.Outputs)
	return all
}

// artifactText returns the values of an artifact as JSON.
func artifactText(a v1.Artifact) string {
	values := make([]artifacts.Value, len(a.Values))
	for i, value := range a.Values {
		values[i] = artifacts.Value{Digest: value.Digest, URI: value.URI}
	}
	return artifacts.Text(values)
}

// Progress returns how far the TaskRun has come.
func (t taskRun) Progress() Progress {
	condition, asked := t.Status.Condition(), Finishes
	if t.Spec.Status == v1.TaskRunSpecStatusCancelled {
		asked = EndsAll
	}
	return Progress{
		Condition: condition,
		Cancelled: failedBecause(condition, v1.TaskRunReasonCancelled),
		TimedOut:  failedBecause(condition, v1.TaskRunReasonTimedOut),
		Start:     t.Status.StartTime, Completion: t.Status.CompletionTime, Timeout: t.Spec.Timeout,
		Asked: asked, Message: causeOf(string(t.Spec.StatusMessage)), GiveUp: giveUpDeleted(t),
	}
}
