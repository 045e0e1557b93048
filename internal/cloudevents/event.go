// Package cloudevents sends events about the life of runs, in the format CloudEvents 1.0, to the receiver that an administrator has
// set. Types and contents are those of Tekton's events.
//
// A reconcile only notes which events are due, in the status that it writes anyway, and puts them into a queue. The queue is worked
// off beside the reconciles. What the receiver has accepted is recorded in the run. docs/design has the reasons.
package cloudevents

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Ref identifies a run.
type Ref struct {
	// Kind is the kind of the run: TaskRun, PipelineRun or CustomRun. Version is the version of its API.
	Kind, Version string
	types.NamespacedName
	UID types.UID
}

// String names the run in messages.
func (r Ref) String() string { return fmt.Sprintf("%s %q", r.Kind, r.NamespacedName) }

// source returns the path of the run in the API.
func (r Ref) source() string {
	return fmt.Sprintf("/apis/tekton.dev/%s/namespaces/%s/%ss/%s", r.Version, r.Namespace, strings.ToLower(r.Kind), r.Name)
}

// event is one event as it is sent.
type event struct {
	ref Ref
	numbered
	// at is the time of the change that the event is about.
	at   time.Time
	body []byte
}

// id returns the identifier of the event. The same event has the same identifier each time it is sent, by whichever replica, so that a
// receiver can recognize it.
func (e event) id() string { return fmt.Sprintf("%s-%d", e.ref.UID, e.number) }

// header returns the attributes of the event, in the binary mode of the HTTP binding of CloudEvents.
func (e event) header() http.Header {
	return http.Header{ // the names are in the form that the map needs
		"Ce-Specversion": {"1.0"},
		"Ce-Id":          {e.id()},
		"Ce-Type":        {eventType(e.ref.Kind, e.phase)},
		"Ce-Source":      {e.ref.source()},
		"Ce-Subject":     {e.ref.Name},
		"Ce-Time":        {e.at.UTC().Format(time.RFC3339Nano)},
		"Content-Type":   {"application/json"},
		"User-Agent":     {"sluice-controller"},
	}
}
