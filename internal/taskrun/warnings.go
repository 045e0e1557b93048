package taskrun

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// Warning is an event in which the kubelet, or the controller that attaches volumes, reports why a pod does not start.
type Warning struct {
	Reason, Message string
	// At is when it was last reported.
	At time.Time
}

// Warnings are the warnings in the events of a pod with a node but without a sandbox or volumes. The status of its containers
// then shows no cause.
type Warnings struct {
	// Latest is the newest one; nil when there is none.
	Latest *Warning
	// Killed counts how often the container runtime reported that the first process of the sandbox was killed.
	Killed int
	// Next is when to read the events; zero when they are not needed.
	Next time.Time
}

// maxWarning is the maximum length of a stored warning in bytes.
const maxWarning = 1000

// maxKilled is how often the first process of a sandbox may be killed. If the pod's memory limit is too low, it is killed
// each time; if its node has no memory, once or twice.
const maxKilled = 3

// killedFirst reports whether a container runtime says that its process was killed before it had started the program.
func killedFirst(message string) bool {
	return strings.Contains(message, "OOM-killed") ||
		strings.Contains(message, "cannot start a stopped process") || strings.Contains(message, "cannot start a container that has stopped")
}

// The reasons of events about volumes. The attachment of a volume can wait for a pod on another node, and so can a pod for
// which the kubelet mounts no volume. Only a failed mount is a failure.
const (
	eventFailedMount  = "FailedMount"
	eventFailedAttach = "FailedAttachVolume"
	wordsSetUpFailed  = "MountVolume.SetUp failed"
)

// harmless reports whether a warning of a kubelet with this reason keeps no pod from starting.
func harmless(reason string) bool {
	return slices.Contains([]string{"DNSConfigForming", "MissingClusterDNS", "FailedToRetrieveImagePullSecret"}, reason)
}

// note adds an event of a pod to the warnings.
func (w *Warnings) note(p *corev1.Pod, e *corev1.Event) {
	at := saidAt(e)
	switch {
	case e.Type != corev1.EventTypeWarning, e.InvolvedObject.UID != p.UID, e.InvolvedObject.FieldPath != "":
		return // the status of a container also has it
	case !slices.Contains([]string{"kubelet", "attachdetach-controller"}, speaker(e)), harmless(e.Reason):
		return
	case at.Before(placed(p)):
		return
	}
	if killedFirst(e.Message) {
		w.Killed += times(e)
	}
	if w.Latest == nil || !at.Before(w.Latest.At) {
		w.Latest = &Warning{Reason: e.Reason, Message: truncate.Text(settled(e.Message), maxWarning), At: at}
	}
}

func speaker(e *corev1.Event) string {
	if e.Source.Component != "" {
		return e.Source.Component
	}
	return e.ReportingController
}

// saidAt returns when an event last happened.
func saidAt(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil && !e.Series.LastObservedTime.IsZero():
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	default:
		return e.CreationTimestamp.Time
	}
}

// times returns how often an event has happened.
func times(e *corev1.Event) int {
	if e.Series != nil {
		return max(int(e.Series.Count), 1)
	}
	return max(int(e.Count), 1)
}

// passing are the parts of a message that differ from one try to the next: identifiers of sandboxes and of network namespaces.
var passing = regexp.MustCompile(`[0-9a-f]{32,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// settled returns a kubelet's message without the parts that differ between tries.
func settled(message string) string {
	return passing.ReplaceAllString(strings.TrimPrefix(message, "(combined from similar events): "), "…")
}

// eventsDue returns when the events of a pod are needed, because its status does not show why it does not start; zero if they
// are not. Kubernetes before 1.29 has no condition for the sandbox.
func eventsDue(p *corev1.Pod) time.Time {
	if p.Status.Phase != corev1.PodPending || p.Spec.NodeName == "" || p.Status.StartTime == nil ||
		p.DeletionTimestamp != nil || stopped(p) || containersOf(p).stepRuns() {
		return time.Time{}
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReadyToStartContainers {
			return sandboxDue(p)
		}
	}
	if anyStarted(p) {
		return time.Time{}
	}
	return slowDue(p)
}

// warning returns the newest warning if it is about the present state of the pod; nil otherwise.
func (o Observation) warning() *Warning {
	if o.Pod == nil || eventsDue(o.Pod).IsZero() || trouble(o.Pod) != nil {
		return nil
	}
	w := o.Warnings.Latest
	if w == nil || o.Now.Sub(w.At) > unknownPatience {
		return nil
	}
	return w
}

// preparedDue returns when a pod with warnings must have its sandbox and its volumes. It returns ok = false if there is no
// such time.
func (o Observation) preparedDue() (due time.Time, ok bool) {
	w := o.warning()
	switch {
	case w == nil:
		return time.Time{}, false
	case o.Warnings.Killed >= maxKilled:
		return time.Time{}, true
	case w.Reason == eventFailedAttach, w.Reason == eventFailedMount && !strings.Contains(w.Message, wordsSetUpFailed):
		return time.Time{}, false
	default:
		return lastChange(o.Pod).Add(unknownPatience), true
	}
}

// unpreparable reports whether the kubelet will not prepare the pod: it can never have a sandbox, or its time is over.
func (o Observation) unpreparable() bool {
	due, ok := o.preparedDue()
	return ok && !o.Now.Before(due)
}

// unprepared describes in the kubelet's words why a pod does not start.
func (w Warning) unprepared() *WaitReason {
	return &WaitReason{v1.TaskRunReasonPending, "the kubelet cannot prepare the pod yet: " + words(w.Reason, w.Message)}
}

// unpreparable returns the outcome of a run whose pod the kubelet will not prepare.
func unpreparable(obs Observation) *Outcome {
	w := obs.warning()
	message := fmt.Sprintf("the kubelet cannot prepare pod %q: %s", obs.Pod.Name, words(w.Reason, w.Message))
	if limit, of := memoryLimit(obs.Pod); obs.Warnings.Killed > 0 && limit != nil {
		message += fmt.Sprintf("; the memory limit of the pod is %s, the sum of the limits of its containers, and "+
			"the sandbox needs a part of it: "+
			"raise the limit of container %q", limit, of)
	}
	return failed(v1.TaskRunReasonFailed, message)
}

// memoryLimit returns the limit of the containers of a pod that run at the same time, which is that of the pod, and the
// container with the smallest limit. It returns nil if a container has none, because the pod then has none.
func memoryLimit(p *corev1.Pod) (sum *resource.Quantity, least string) {
	var smallest, before resource.Quantity
	sum = resource.NewQuantity(0, resource.BinarySI)
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		limit, ok := c.Resources.Limits[corev1.ResourceMemory]
		switch {
		case !ok:
			return nil, ""
		case ranBefore(p, c.Name):
			if limit.Cmp(before) > 0 {
				before = limit
			}
			continue
		}
		sum.Add(limit)
		if least == "" || limit.Cmp(smallest) < 0 {
			smallest, least = limit, c.Name
		}
	}
	if before.Cmp(*sum) > 0 {
		return &before, least
	}
	return sum, least
}

// ranBefore reports whether a container ends before the steps begin.
func ranBefore(p *corev1.Pod, name string) bool {
	init := slices.ContainsFunc(p.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == name })
	return init && !native(p, name)
}
