// Package retention decides which finished runs go, in which order and why. It is pure: the controller and `sluice prune` read
// the runs and delete what it says.
package retention

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// Outcome is how a run has ended.
type Outcome string

// The outcomes. A cancelled run and one that timed out have failed.
const (
	// UnderWay: the run has not ended.
	UnderWay Outcome = ""
	// Successful: the condition Succeeded is True.
	Successful Outcome = "successful"
	// Failed: the condition Succeeded is False.
	Failed Outcome = "failed"
)

// Run has what a decision needs to know about one run. A cache of finished runs must keep the fields that OfTaskRun and
// OfPipelineRun read.
type Run struct {
	// Kind is v1.KindTaskRun, v1.KindPipelineRun or v1beta1.KindCustomRun. A CustomRun only has to do with the run that owns it.
	Kind string
	// Namespace, Name, UID and Version identify the run and its version.
	Namespace, Name string
	UID             types.UID
	Version         string
	// Child: another run owns this one, and Kubernetes deletes it with its owner. Owner is the UID of the owner.
	Child bool
	Owner types.UID
	// Source is the name of the Task or Pipeline; for an embedded one metadata.generateName, which may be empty.
	Source string
	// Outcome is how the run has ended, and Ended is when; zero while it is under way.
	Outcome Outcome
	Ended   time.Time
	// Bytes is the length in etcd of a finished run; 0 while it is under way.
	Bytes int64
	// Leaving: the run is being deleted.
	Leaving bool
	// Keep: its annotation v1.AnnotationKeep keeps it.
	Keep bool
	// TTL is the time to live of v1.AnnotationTTL; nil: that of the rules. A negative one does not end.
	TTL *time.Duration
	// Invalid says which annotation has an invalid value; empty if none. Such a run is kept.
	Invalid string
	// Signed: Chains has signed the run, or has given up. Awaited: a finalizer of Chains says that it will.
	Signed, Awaited bool
	// Unsent: CloudEvents about the run are due, by its own record and by the mark. Stamped: the mark will say when they are sent, and the
	// run does not change.
	Unsent, Stamped bool
	// Refused: the API server has refused the deletion of the run a short time ago.
	Refused bool
}

const (
	// annotationSigned is what Chains sets: "true", or "failed" when it has given up.
	annotationSigned = v1.ReservedAnnotations + "signed"
	// finalizerChains begins the finalizers of Chains on runs that it has not signed yet.
	finalizerChains = "chains.tekton.dev"
	// maxShown is how many bytes of an invalid value are shown.
	maxShown = 100
	// lastOfCustomRun is the number of the event about the end of a CustomRun.
	lastOfCustomRun = 3
	// maxSeconds is a hundred years.
	maxSeconds = 100 * 365 * 24 * 60 * 60
)

// OfTaskRun returns what a decision needs to know about a TaskRun, which may be from a cache that drops the rest. Look says which events
// are due.
func OfTaskRun(tr *v1.TaskRun, look mark.Look) Run {
	source := tr.Labels[v1.LabelTask]
	if source == "" && tr.Spec.TaskRef != nil {
		source = tr.Spec.TaskRef.Name
	}
	r := of(v1.KindTaskRun, &tr.ObjectMeta, source, tr.Status.Condition(), tr.Status.CompletionTime)
	r.Unsent, r.Stamped = look(tr.Status.Annotations[v1.AnnotationEvents], r.Ended)
	return r
}

// OfPipelineRun returns what a decision needs to know about a PipelineRun, which may be from a cache that drops the rest. Look says which
// events are due.
func OfPipelineRun(pr *v1.PipelineRun, look mark.Look) Run {
	source := pr.Labels[v1.LabelPipeline]
	if source == "" && pr.Spec.PipelineRef != nil {
		source = pr.Spec.PipelineRef.Name
	}
	r := of(v1.KindPipelineRun, &pr.ObjectMeta, source, pr.Status.Condition(), pr.Status.CompletionTime)
	r.Unsent, r.Stamped = look(pr.Status.Annotations[v1.AnnotationEvents], r.Ended)
	return r
}

// OfCustomRun returns what a decision needs to know about a CustomRun: whether it keeps the run that owns it. Its bytes and its annotations
// for retention do not count: the cache does not keep the latter, and sluice prune must decide alike.
func OfCustomRun(cr *v1beta1.CustomRun) Run {
	r := of(v1beta1.KindCustomRun, &cr.ObjectMeta, "", cr.Status.Condition(), cr.Status.CompletionTime)
	sent, err := strconv.Atoi(cr.Annotations[v1.AnnotationEvents]) // no event about it is sent, or none yet
	r.Unsent = err == nil && sent < lastOfCustomRun
	r.Bytes, r.Keep, r.TTL, r.Invalid = 0, false, nil, ""
	return r
}

// HasCustomRuns reports whether a PipelineRun has started custom tasks, so that a decision about it needs its CustomRuns.
func HasCustomRuns(pr *v1.PipelineRun) bool {
	return slices.ContainsFunc(pr.Status.ChildReferences, func(c v1.ChildReference) bool { return c.Kind == v1beta1.KindCustomRun })
}

func of(kind string, o *metav1.ObjectMeta, source string, condition *metav1.Condition, completed *metav1.Time) Run {
	r := Run{
		Kind: kind, Namespace: o.Namespace, Name: o.Name, UID: o.UID, Version: o.ResourceVersion, Source: source,
		Child: ownership.Child(o), Leaving: o.DeletionTimestamp != nil,
		Awaited: slices.ContainsFunc(o.Finalizers, func(f string) bool { return strings.HasPrefix(f, finalizerChains) }),
	}
	if r.Child {
		r.Owner = ownership.Parent(o)
	}
	if source == "" || source == o.Name { // clients label a run with an embedded definition with its own name
		r.Source = o.GenerateName
	}
	signed := o.Annotations[annotationSigned]
	r.Signed = signed == "true" || signed == "failed"
	r.annotations(o.Annotations)
	switch {
	case condition == nil:
		return r
	case condition.Status == metav1.ConditionTrue:
		r.Outcome = Successful
	case condition.Status == metav1.ConditionFalse:
		r.Outcome = Failed
	default:
		return r
	}
	// A status without any time is that of another program. Without the last time its run would be older than all others.
	r.Ended = cmp.Or(condition.LastTransitionTime.Time, o.CreationTimestamp.Time)
	if completed != nil {
		r.Ended = cmp.Or(completed.Time, r.Ended)
	}
	r.Bytes = int64(objectsize.KeptLength(o))
	return r
}

// annotations reads what the owner of the run wants.
func (r *Run) annotations(all map[string]string) {
	switch keep, ok := all[v1.AnnotationKeep]; {
	case !ok, keep == "false":
	case keep == "true":
		r.Keep = true
	default:
		r.Invalid = fmt.Sprintf(`annotation %s: %s is neither "true" nor "false"`, v1.AnnotationKeep, quoted(keep))
	}
	text, ok := all[v1.AnnotationTTL]
	if !ok {
		return
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < Unlimited || seconds > maxSeconds {
		r.Invalid = fmt.Sprintf("annotation %s: %s is not a number of seconds from 0 to %d, or -1 for no end", v1.AnnotationTTL,
			quoted(text), maxSeconds)
		return
	}
	r.TTL = new(time.Duration(seconds) * time.Second)
}

// quoted returns the beginning of an invalid value, quoted. An annotation can have 256 KiB, and each pass has the texts of all runs.
func quoted(value string) string { return strconv.Quote(truncate.Text(value, maxShown)) }
