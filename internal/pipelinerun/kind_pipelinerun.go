package pipelinerun

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/creation"
)

// pipelineRuns is the kind of the children of tasks that are pipelines.
type pipelineRuns struct{}

// pipelineRun is one of them.
type pipelineRun struct{ *v1.PipelineRun }

// Name returns the name of the kind.
func (pipelineRuns) Name() string { return v1.KindPipelineRun }

// GroupVersion returns the version in which the controller reads and writes PipelineRuns.
func (pipelineRuns) GroupVersion() schema.GroupVersion { return v1.GroupVersion }

// New returns an empty PipelineRun.
func (pipelineRuns) New() Run { return pipelineRun{&v1.PipelineRun{}} }

// Stop cancels a PipelineRun, or stops it gracefully. A PipelineRun has no field for the reason, so that it is an annotation.
func (pipelineRuns) Stop(stop Stop, _ time.Time) Stopped {
	stopped := Stopped{Spec: map[string]any{"status": requestFor(stop.extent())}}
	if stop.Cancel != "" {
		stopped.Annotations = map[string]string{v1.AnnotationStopReason: string(stop.Cancel)}
	}
	return stopped
}

// Build returns the PipelineRun of a task. Its pipeline sees the params and workspaces that the task names, and no others.
func (pipelineRuns) Build(b *childBuilder, p part) (Run, error) {
	params := slices.Concat(p.task.Params, p.combination.Params)
	template, err := b.ownTemplate(p.state, p.override, params, p.vars)
	if err != nil {
		return nil, err
	}
	child := &v1.PipelineRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       b.pr.Namespace,
			Name:            p.name,
			Labels:          b.labels(p.state, p.task, p.override),
			Annotations:     b.annotations(p),
			OwnerReferences: b.owners(),
		},
		Spec: v1.PipelineRunSpec{
			PipelineRef: p.task.PipelineRef,
			Params:      params,
			Workspaces:  workspaces(p.task, p.start.bindings),
			Timeouts:    &v1.Timeouts{Pipeline: b.timeout(p.state, p.override)},
			ManagedBy:   b.pr.Spec.ManagedBy, // the controller of a run runs its tasks
			TaskRunTemplate: v1.PipelineTaskRunTemplate{
				ServiceAccountName: b.serviceAccount(p), PodTemplate: template,
			},
		},
	}
	if p.task.PipelineSpec != nil {
		if child.Spec.PipelineSpec, err = p.task.NestedSpec(); err != nil {
			return nil, err
		}
	}
	child.Annotations[v1.AnnotationFinal] = strings.Join(v1.FinalPipelineParts(), ",")
	delete(child.Labels, v1.LabelPipeline) // that of the outer pipeline
	if label := creation.PipelineLabel(child, ""); label != "" {
		child.Labels[v1.LabelPipeline] = label
	}
	return pipelineRun{child}, nil
}

// Kind returns the kind of PipelineRuns.
func (p pipelineRun) Kind() Kind { return pipelineRuns{} }

// Object returns the PipelineRun.
func (p pipelineRun) Object() client.Object { return p.PipelineRun }

// Copy returns a deep copy.
func (p pipelineRun) Copy() Run { return pipelineRun{p.DeepCopy()} }

// Given returns the params of the PipelineRun, and the embedded pipeline, of which the status has a copy.
func (p pipelineRun) Given() (params []v1.Param, repeated any) {
	if p.Spec.PipelineSpec == nil {
		return p.Spec.Params, nil
	}
	return p.Spec.Params, p.Spec.PipelineSpec
}

// Results returns the results of the PipelineRun.
func (p pipelineRun) Results() []v1.TaskRunResult {
	out := make([]v1.TaskRunResult, len(p.Status.Results))
	for i, r := range p.Status.Results {
		out[i] = v1.TaskRunResult{Name: r.Name, Type: r.Value.Type, Value: r.Value}
	}
	return out
}

// Progress returns how far the PipelineRun has come.
func (p pipelineRun) Progress() Progress {
	condition := p.Status.Condition()
	progress := Progress{
		Condition: condition,
		Cancelled: failedBecause(condition, v1.PipelineRunReasonCancelled),
		TimedOut:  failedBecause(condition, v1.PipelineRunReasonTimedOut),
		Start:     p.Status.StartTime, Completion: p.Status.CompletionTime,
		Asked: extentOf(p.Spec.Status), Message: causeOf(p.Annotations[v1.AnnotationStopReason]), GiveUp: giveUpDeleted(p),
	}
	if p.Spec.Timeouts != nil {
		progress.Timeout = p.Spec.Timeouts.Pipeline
	}
	return progress
}

// final reports whether the PipelineRun that created this run as a task has already substituted the variables in a part of its
// spec. A user can set the annotation, with the only effect that the text of that user's own run is not substituted.
func final(pr *v1.PipelineRun, part string) bool {
	return slices.Contains(strings.Split(pr.Annotations[v1.AnnotationFinal], ","), part)
}
