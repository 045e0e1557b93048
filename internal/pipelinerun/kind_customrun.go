package pipelinerun

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/partial"
	"github.com/sluice-ci/sluice/internal/truncate"
)

const (
	// StopGrace is how long a run waits for the end of a CustomRun that it has asked to stop. The controller of a custom task
	// may not exist, or not react; without a limit the run would never end.
	StopGrace = time.Minute
	// maxReport is the maximum length in bytes of a reason or message of a CustomRun that the run repeats. Another program writes
	// them, and the API does not limit them.
	maxReport = 4096
)

// customRuns is the kind of the children of custom tasks.
type customRuns struct{}

// customRun is one of them.
type customRun struct{ *v1beta1.CustomRun }

// Name returns the name of the kind.
func (customRuns) Name() string { return v1beta1.KindCustomRun }

// GroupVersion returns the only version of CustomRuns.
func (customRuns) GroupVersion() schema.GroupVersion { return v1beta1.GroupVersion }

// New returns an empty CustomRun.
func (customRuns) New() Run { return customRun{&v1beta1.CustomRun{}} }

// Stop asks the controller of the custom task to cancel the run, and notes when.
func (customRuns) Stop(stop Stop, now time.Time) Stopped {
	return Stopped{
		Spec:        map[string]any{"status": v1beta1.CustomRunSpecStatusCancelled, "statusMessage": customRunMessage(stop.Cancel)},
		Annotations: map[string]string{v1.AnnotationStopRequested: now.UTC().Format(time.RFC3339)},
	}
}

// Build returns the CustomRun of a task. It has a timeout only if the pipeline or the run sets one for the task: a controller
// of custom tasks that has no timeouts must refuse it.
func (customRuns) Build(b *childBuilder, p part) (Run, error) {
	child := &v1beta1.CustomRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       b.pr.Namespace,
			Name:            p.name,
			Labels:          b.labels(p.state, p.task, p.override),
			Annotations:     b.annotations(p),
			OwnerReferences: b.owners(),
		},
		Spec: v1beta1.CustomRunSpec{
			Params:             slices.Concat(p.task.Params, p.combination.Params),
			Workspaces:         workspaces(p.task, p.start.bindings),
			ServiceAccountName: b.serviceAccount(p),
			Timeout:            cmp.Or(p.override.Timeout, p.task.Timeout),
			Retries:            p.task.Retries,
		},
	}
	if ref := p.task.TaskRef; ref != nil {
		child.Spec.CustomRef = &v1beta1.CustomRef{
			APIVersion: ref.APIVersion, Kind: ref.Kind, Name: ref.Name, ResolverRef: ref.ResolverRef,
		}
	} else {
		child.Spec.CustomSpec = &v1beta1.EmbeddedCustomRunSpec{
			APIVersion: p.task.TaskSpec.APIVersion, Kind: p.task.TaskSpec.Kind,
			Metadata: p.task.TaskSpec.Metadata, Spec: p.task.TaskSpec.Spec,
		}
	}
	return customRun{child}, nil
}

// Kind returns the kind of CustomRuns.
func (c customRun) Kind() Kind { return customRuns{} }

// Object returns the CustomRun.
func (c customRun) Object() client.Object { return c.CustomRun }

// Copy returns a deep copy.
func (c customRun) Copy() Run { return customRun{c.DeepCopy()} }

// Given returns the params of the CustomRun. What its controller writes into the status is not known.
func (c customRun) Given() (params []v1.Param, repeated any) { return c.Spec.Params, nil }

// Results returns the results of the CustomRun. All of them are strings.
func (c customRun) Results() []v1.TaskRunResult {
	out := make([]v1.TaskRunResult, len(c.Status.Results))
	for i, r := range c.Status.Results {
		out[i] = v1.TaskRunResult{Name: r.Name, Type: v1.TypeString, Value: v1.StringValue(r.Value)}
	}
	return out
}

// Progress returns how far the CustomRun has come. A condition with a status that the API does not have counts as Unknown, and
// one without a reason gets one. A run that has failed after it was asked to stop was cancelled, whatever its controller calls it.
func (c customRun) Progress() Progress {
	condition := c.Status.Condition()
	if condition != nil {
		condition.Reason, condition.Message = truncate.Text(condition.Reason, maxReport), truncate.Text(condition.Message, maxReport)
		switch condition.Status {
		case metav1.ConditionTrue:
			condition.Reason = cmp.Or(condition.Reason, v1.TaskRunReasonSucceeded)
		case metav1.ConditionFalse:
			condition.Reason = cmp.Or(condition.Reason, v1.TaskRunReasonFailed)
		default:
			condition.Status = metav1.ConditionUnknown
		}
	}
	asked := c.Spec.Status == v1beta1.CustomRunSpecStatusCancelled
	p := Progress{
		Condition: condition,
		TimedOut:  failedBecause(condition, v1beta1.CustomRunReasonTimedOut),
		Start:     c.Status.StartTime, Completion: c.Status.CompletionTime, Timeout: c.Spec.Timeout,
		Asked: Finishes, Message: causeOf(c.Spec.StatusMessage),
	}
	failed := condition != nil && condition.Status == metav1.ConditionFalse
	p.Cancelled = failed && !p.TimedOut && (asked || condition.Reason == v1beta1.CustomRunReasonCancelled)
	if at, err := time.Parse(time.RFC3339, c.Annotations[v1.AnnotationStopRequested]); asked && err == nil {
		p.Asked, p.GiveUp = EndsAll, at.Add(StopGrace)
	}
	return p
}

// TrimCustomRun drops from a CustomRun what no reconcile reads from the cache: the custom task, what it got and what it
// produced. It changes the run, so call it only on objects that only the cache holds.
func TrimCustomRun(c *v1beta1.CustomRun) {
	partial.CustomRun.Put(c)
	c.ManagedFields = nil
	c.Annotations = only(c.Annotations, v1.AnnotationStopRequested, v1.AnnotationEvents, v1.AnnotationCombination)
	c.Spec.CustomRef, c.Spec.CustomSpec, c.Spec.Params, c.Spec.Workspaces = nil, nil, nil, nil
	c.Status.Annotations, c.Status.Results, c.Status.RetriesStatus, c.Status.ExtraFields = nil, nil, nil, nil
	for i := range c.Status.Conditions {
		// A copy, because the cut text would keep the whole one in memory.
		c.Status.Conditions[i].Message = strings.Clone(truncate.Text(c.Status.Conditions[i].Message, maxReport))
	}
}

// only returns the annotations with some keys.
func only(all map[string]string, keys ...string) map[string]string {
	var kept map[string]string
	for _, key := range keys {
		if value, ok := all[key]; ok {
			if kept == nil {
				kept = map[string]string{}
			}
			kept[key] = value
		}
	}
	return kept
}
