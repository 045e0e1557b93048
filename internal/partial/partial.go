// Package partial marks the objects of which a cache keeps only a part, and decides what may be sent to the API server for them.
package partial

import (
	"fmt"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

const prefix = "sluice.dev/shortened/"

// Mark says which parts of an object a cache has dropped. It is in metadata.selfLink, which the API server never sets, and clears
// whenever it stores an object. So no client can set a mark, no mark gets into the cluster, and it needs no memory for a map. Copies
// of an object have its mark.
type Mark string

// The marks. Dropped has the parts of each.
const (
	// FinishedTaskRun and FinishedPipelineRun are runs with an outcome.
	FinishedTaskRun     Mark = prefix + "taskrun"
	FinishedPipelineRun Mark = prefix + "pipelinerun"
	// Pod is a pod of a run.
	Pod Mark = prefix + "pod"
	// CustomRun and Request are what a custom task and a resolver work on. Answer is a request in the cache of its resolver.
	CustomRun Mark = prefix + "customrun"
	Request   Mark = prefix + "request"
	Answer    Mark = prefix + "answer"
	// Identity is an object of which little more than its name is kept.
	Identity Mark = prefix + "identity"
)

// Dropped returns the parts that are missing or shortened in an object with this mark, each as "section.field". Managed fields are
// not among them: the API server keeps those of an object that is written without them.
func (m Mark) Dropped() []string {
	switch m {
	case "":
		return nil
	case FinishedTaskRun:
		return []string{"metadata.annotations", "spec.params", "spec.taskSpec", "status.annotations", "status.artifacts",
			"status.results", "status.retriesStatus", "status.steps", "status.taskSpec"}
	case FinishedPipelineRun:
		return []string{"spec.params", "spec.pipelineSpec", "status.annotations", "status.pipelineSpec", "status.results"}
	case Pod:
		return []string{"metadata.annotations", "spec.containers", "spec.initContainers", "spec.tolerations", "spec.volumes"}
	case CustomRun:
		return []string{"metadata.annotations", "spec.customRef", "spec.customSpec", "spec.params", "spec.workspaces",
			"status.annotations", "status.conditions", "status.extraFields", "status.results", "status.retriesStatus"}
	case Request:
		return []string{"metadata.annotations", "spec", "status.annotations", "status.data", "status.refSource", "status.source"}
	case Answer:
		return []string{"status.data"}
	default:
		return []string{"metadata", "spec", "status"}
	}
}

// Put marks an object. It keeps the length that objectsize.KeepLength has noted in the same field before.
func (m Mark) Put(o metav1.Object) {
	switch link := o.GetSelfLink(); {
	case strings.HasPrefix(link, prefix): // a cache may be given what it has changed before
	case link == "":
		o.SetSelfLink(string(m))
	default:
		o.SetSelfLink(string(m) + "/" + link)
	}
}

// Of returns the mark of an object; empty if the object is whole.
func Of(o metav1.Object) Mark {
	link := o.GetSelfLink()
	if !strings.HasPrefix(link, prefix) {
		return ""
	}
	if end := strings.IndexByte(link[len(prefix):], '/'); end >= 0 {
		link = link[:len(prefix)+end]
	}
	return Mark(link)
}

// Error is the refusal of a write that would remove parts of an object from the cluster.
type Error struct {
	// Verb is what was tried, and Kind and Object name its object.
	Verb, Kind, Object string
	// Lost are the parts that the cluster would lose, as in Dropped.
	Lost []string
}

// Error returns what was refused, why, and what to do.
func (e *Error) Error() string {
	return fmt.Sprintf("cannot %s %s %q: the cache does not keep %s, and the write would replace what the cluster has; "+
		"read the object from the API server instead of the cache, and write that", e.Verb, e.Kind, e.Object, strings.Join(e.Lost, ", "))
}

// Check returns an *Error if an object is not whole, so that it must not be sent. The verb is for the message.
func Check(verb string, o metav1.Object) error {
	if mark := Of(o); mark != "" {
		return refusal(verb, o, mark.Dropped())
	}
	return nil
}

func refusal(verb string, o metav1.Object, lost []string) error {
	kind := reflect.Indirect(reflect.ValueOf(o)).Type().Name()
	if typed, ok := o.(runtime.Object); ok && typed.GetObjectKind().GroupVersionKind().Kind != "" {
		kind = typed.GetObjectKind().GroupVersionKind().Kind
	}
	name := o.GetName()
	if o.GetNamespace() != "" {
		name = o.GetNamespace() + "/" + name
	}
	return &Error{Verb: verb, Kind: kind, Object: name, Lost: lost}
}
