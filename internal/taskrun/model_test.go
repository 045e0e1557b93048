package taskrun

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/verify"
	"github.com/sluice-ci/sluice/internal/transport"
	"github.com/sluice-ci/sluice/internal/transport/terminationmessage"
)

// The model: everything that can be observed of a run that has a pod, combined. From each combination the run must come to
// an outcome within modelBound, woken by nothing but what the controller asked for, while the observation stays as it is.
// There are three exceptions, in which a run may wait for its timeout: a step runs; the pod is not scheduled; the kubelet is
// at work on a container without having reported trouble. The condition then says which, and so does the timeout.

// modelBound is how long a run may take to its outcome when nothing changes: the longest patience and some looks.
const modelBound = 20 * time.Minute

// modelStart is the time of the first look. The pod was given to its node at the epoch.
func modelStart() time.Time { return epoch().Add(2 * time.Second) }

// model is one combination.
type model struct {
	name string
	tr   *v1.TaskRun
	obs  Observation
	from config.ResultsFrom
	// answers says that the node obeys: a pod that is stopped ends, and its results sidecar reports what it knows.
	answers bool
	// unbegun is the pod that is made again whenever it is removed before a step of it started, which ends as before; nil if
	// the run is recorded as running.
	unbegun *corev1.Pod
	// silent reports that nothing reports the deletion of a pod.
	silent bool
	// warns is what the kubelet says in the pod's events again and again while the pod does not start.
	warns warned
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// modelPod is the pod of a run with these steps; sidecar is nil in a pod without a results sidecar.
func modelPod(states []corev1.ContainerState, sidecar *corev1.ContainerState, s situation) *corev1.Pod {
	p := runPod(corev1.PodRunning, running())
	p.Spec.Containers, p.Status.ContainerStatuses = nil, nil
	p.CreationTimestamp = metav1.NewTime(epoch())
	p.Status.Conditions = []corev1.PodCondition{{
		Type:               corev1.PodScheduled,
		Status:             corev1.ConditionTrue,
		LastTransitionTime: metav1.NewTime(epoch()),
	}}
	add := func(name string, state corev1.ContainerState, args ...string) {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name, Args: args})
		if state != (corev1.ContainerState{}) {
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses,
				corev1.ContainerStatus{Name: name, Image: "busybox:1", State: *state.DeepCopy()})
		}
	}
	for i, state := range states {
		add(fmt.Sprintf("step-s%d", i), state)
	}
	if sidecar != nil {
		add(podpaths.ResultsContainer, *sidecar)
	}
	s.change(p)
	return p
}

func modelRun(steps int) *v1.TaskRun {
	return taskRun(started, func(tr *v1.TaskRun) {
		tr.Spec.TaskSpec.Steps = nil
		for i := range steps {
			tr.Spec.TaskSpec.Steps = append(tr.Spec.TaskSpec.Steps, v1.Step{Name: fmt.Sprintf("s%d", i), Image: "busybox:1", Script: "true"})
		}
	})
}

func newModel(name string, steps int, p *corev1.Pod, from config.ResultsFrom) *model {
	m := &model{name: name, tr: modelRun(steps), from: from}
	m.obs = observation(withPod(p), func(o *Observation) {
		o.Now, o.ResultsFrom = modelStart(), from
		o.Task.Spec = m.tr.Spec.TaskSpec
	})
	return m
}

// set is what the results sidecar reports when it is asked to end: the records of the steps that have one.
func (m *model) set(interrupted bool) *collect.Set {
	set := &collect.Set{Interrupted: interrupted}
	for _, s := range containersOf(m.obs.Pod).steps {
		switch t := s.State.Terminated; {
		case t != nil && hasRecord(t) && t.ExitCode == 0:
			set.Steps = append(set.Steps, step(s.Name, 0, frame.ReasonCompleted))
		case t != nil && hasRecord(t):
			set.Steps = append(set.Steps, step(s.Name, int(t.ExitCode), frame.ReasonError))
		default:
			set.Steps = append(set.Steps, frame.Step{Name: s.Name, ExitCode: frame.UnfinishedExitCode, Reason: frame.ReasonUnfinished})
		}
	}
	return set
}

// gather brings the evidence up to date, as the run's method would: termination messages are read at once, and signatures are
// not waited for longer than trustPatience.
func (m *model) gather() {
	m.readEvents()
	p := m.obs.Pod
	switch waited := m.obs.Now.Sub(modelStart()); {
	case m.obs.Evidence.Unread && waited >= modelWaits:
		m.obs.Evidence = collect.Progress{At: m.obs.Now, Waited: waited, Set: wholeSet(m.obs.Task.Spec)}
	case m.obs.Evidence.Unread:
		m.obs.Evidence.Waited = waited
	case m.obs.Unverified != nil && !m.obs.Now.Before(m.obs.heard(lastEnd(&m.obs)).Add(trustPatience)):
		m.obs.Unverified, m.obs.Verdict = nil, &verify.Verdict{Reason: bundleUnavailable, Message: "no authorities"}
	case removedUnrun(p): // there is nothing to read
	case p == nil || m.obs.Evidence.Set != nil || m.obs.Evidence.GaveUp:
	case m.from == config.TerminationMessage:
		m.obs.Evidence = terminationmessage.Transport{}.Progress(transport.Run{Pod: p, Spec: m.obs.Task.Spec})
	case m.answers && stopped(p) && slices.ContainsFunc(containersOf(p).transport, runs):
		m.obs.Evidence = collect.Progress{Set: m.set(true), At: m.obs.Now}
	}
}

// modelWaits is how long results wait for the controller to read them, where they do.
const modelWaits = 10 * time.Minute

// wholeSet is what the results sidecar says of a task whose steps have all ended as they should.
func wholeSet(spec *v1.TaskSpec) *collect.Set {
	set := &collect.Set{Results: []frame.Result{value("digest", "string", "d")}}
	for _, name := range podpaths.StepContainers(spec) {
		set.Steps = append(set.Steps, step(name, 0, frame.ReasonCompleted))
	}
	return set
}

// collectorReads is what the collector makes of a log whose container has ended, and that cannot be read.
func (m *model) collectorReads() bool {
	p := m.obs.Pod
	if e := m.obs.Evidence; p == nil || m.from != config.SidecarLogs || e.Set != nil || e.GaveUp || e.Unread {
		return false
	}
	return slices.ContainsFunc(containersOf(p).transport, func(s corev1.ContainerStatus) bool {
		return s.State.Terminated != nil || s.State.Running != nil && podEnded(p)
	})
}

// run looks at the combination again and again, as the controller asks for, until there is an outcome or nothing more will
// happen. It returns what keeps the run from its outcome, and empty when nothing does.
func (m *model) run() string {
	for m.obs.Now.Before(modelStart().Add(modelBound)) {
		m.gather()
		state := stateOf(m.tr, m.obs, Plan{})
		if outcome := outcomeOf(m.tr, state, m.obs, Plan{}); outcome != nil {
			m.act(next(state, m.obs))
			return m.check(state, outcome)
		}
		status, _ := statusFor(m.tr, state, m.obs, Plan{}, Effect{})
		left := wait(m.tr, status, m.obs, Plan{}, Effect{})
		changed := m.act(next(state, m.obs))
		switch {
		case m.collectorReads():
			m.obs.Now, m.obs.Evidence = m.obs.Now.Add(time.Minute), collect.Progress{GaveUp: true, Err: errors.New("the log cannot be read")}
		case changed:
			m.obs.Now = m.obs.Now.Add(time.Second)
		case left == 0 && m.obs.timeout(m.tr) == 0:
			return m.idle(state, status)
		case left == 0:
			return fmt.Sprintf("state %s: nothing wakes the controller", state)
		default:
			m.obs.Now = m.obs.Now.Add(left)
		}
		if m.obs.timedOut(m.tr) {
			return m.timeout(state, status)
		}
	}
	return m.late()
}

// late checks a run that has no outcome within modelBound, and is looked at again and again: it may wait for its timeout in
// the same cases as one that is not.
func (m *model) late() string {
	state := stateOf(m.tr, m.obs, Plan{})
	status, _ := statusFor(m.tr, state, m.obs, Plan{}, Effect{})
	if why := m.idle(state, status); why != "" {
		return fmt.Sprintf("no outcome within %s: %s", modelBound, why)
	}
	if timeout := m.obs.timeout(m.tr); timeout > 0 {
		m.obs.Now = m.tr.Status.StartTime.Add(timeout)
		return m.timeout(state, status)
	}
	return ""
}

// act does to the pod what the action does, and reports whether that changed it.
func (m *model) act(action Action) bool {
	p := m.obs.Pod
	switch {
	case action == RemakePod:
		m.tr = m.tr.DeepCopy()
		m.tr.Annotations = map[string]string{v1.AnnotationPodsRemade: remadeNote(m.tr)}
		m.obs.Pod, m.obs.Gone = m.unbegun.DeepCopy(), Gone{}
		return true
	case p != nil && action == ReleaseSteps:
		m.obs.Pod = p.DeepCopy()
		m.obs.Pod.Annotations[v1.AnnotationSteps] = v1.StepsReleased
		return true
	case p != nil && action == DeletePod:
		m.obs.Pod, m.obs.Gone = nil, Gone{Reported: !m.silent, Unrun: !m.silent && neverRan(p), Since: m.obs.Now}
		return true
	case p == nil || action != StopPod && action != StopEnded || podEnded(p) || p.DeletionTimestamp != nil || stopped(p):
		return false
	case p.Spec.NodeName == "" || p.Status.StartTime == nil:
		m.obs.Pod = nil
		return true
	}
	m.obs.Pod = p.DeepCopy()
	askToStop(m.obs.Pod, m.obs.Now)
	return true
}

// idle finds out whether a run may wait for nothing but its timeout, and says what it waits for.
func (m *model) idle(state State, status v1.TaskRunStatus) string {
	p, c := m.obs.Pod, containersOf(m.obs.Pod)
	unscheduled := p.Spec.NodeName == ""
	troubled := slices.ContainsFunc(c.all, func(s corev1.ContainerStatus) bool {
		w := s.State.Waiting
		return w != nil && w.Reason != "" && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing"
	})
	failing := m.warns.failing && !eventsDue(p).IsZero()
	abandoned := slices.ContainsFunc(p.Status.InitContainerStatuses, func(s corev1.ContainerStatus) bool { return s.ContainerID != "" })
	working := c.waiting() && !troubled && !failing && !abandoned && p.DeletionTimestamp == nil
	if !c.stepRuns() && !unscheduled && !working {
		return fmt.Sprintf("state %s waits for the timeout: %s", state, status.Condition().Message)
	}
	if !c.stepRuns() && routine(status.Condition()) {
		return fmt.Sprintf("state %s does not say what it waits for: %s", state, status.Condition().Message)
	}
	if said := m.obs.Warnings.Latest; said != nil && working && !unscheduled && !strings.Contains(status.Condition().Message, said.Message) {
		return fmt.Sprintf("state %s does not say what the kubelet warns of: %s", state, status.Condition().Message)
	}
	return ""
}

// timeout checks a run for which nothing but its timeout was to be waited for.
func (m *model) timeout(before State, status v1.TaskRunStatus) string {
	if why := m.idle(before, status); why != "" {
		return why
	}
	state := stateOf(m.tr, m.obs, Plan{})
	outcome := outcomeOf(m.tr, state, m.obs, Plan{})
	if outcome == nil || !strings.Contains(outcome.Condition.Message, "it was waiting for: ") {
		return fmt.Sprintf("the timeout does not say what the run waited for: %+v", outcome)
	}
	m.act(next(state, m.obs))
	return m.check(state, outcome)
}

// check finds what is wrong with an outcome: an unproved success, no cause, or a pod that continues to run.
func (m *model) check(state State, outcome *Outcome) string {
	condition := outcome.Condition
	if condition.Status == metav1.ConditionTrue {
		if why := unproved(m.obs); why != "" {
			return "green without proof: " + why
		}
	}
	if forged(m.obs) && (condition.Status == metav1.ConditionTrue || len(outcome.Results) > 0) {
		return fmt.Sprintf("a step forged its end, and the run keeps %v", outcome.Results)
	}
	if condition.Message == "" || strings.HasSuffix(condition.Message, ": ") {
		return fmt.Sprintf("state %s ends without a cause: %q", state, condition.Message)
	}
	if why := m.unnamed(state, condition.Message); why != "" {
		return why
	}
	return m.runsOn(state)
}

// unproved says why a run cannot be green; empty when it can.
func unproved(obs Observation) string {
	set := obs.Evidence.Set
	if set == nil || set.Interrupted {
		return "the results are not whole"
	}
	for _, name := range podpaths.StepContainers(obs.Task.Spec) {
		i := slices.IndexFunc(set.Steps, func(s frame.Step) bool { return s.Name == name })
		if i < 0 || !continuesAfter(set.Steps[i]) && (set.Steps[i].Reason != frame.ReasonSkipped || set.Steps[i].ExitCode != 0) {
			return "step " + name
		}
	}
	return ""
}

// unnamed checks that a run which fails because a step was never started says so in the kubelet's words.
func (m *model) unnamed(state State, message string) string {
	if m.obs.Pod == nil || state != StepLost && state != PodFailed && state != Collected && state != Uncollectable ||
		evictedByKubelet(m.obs.Pod) || m.obs.Pod.DeletionTimestamp != nil {
		return ""
	}
	lost := containersOf(m.obs.Pod).recordless()
	if lost == nil || !pod.NeverStarted(lost.State.Terminated) || initFailed(m.obs.Pod) || failsBefore(m.obs, lost.Name) {
		return ""
	}
	if !strings.Contains(message, startWords) || !strings.Contains(message, lost.State.Terminated.Reason) {
		return fmt.Sprintf("state %s does not name the cause: %s", state, message)
	}
	return ""
}

// failsBefore reports whether a step before this one failed on its own, which is then the cause.
func failsBefore(obs Observation, name string) bool {
	for _, s := range containersOf(obs.Pod).steps {
		if s.Name == name {
			break
		}
		if t := s.State.Terminated; t != nil && t.ExitCode != 0 {
			return true
		}
	}
	set := obs.Evidence.Set
	return set != nil && slices.ContainsFunc(set.Steps, func(s frame.Step) bool {
		return !continuesAfter(s) && s.Reason != frame.ReasonUnfinished && s.Reason != frame.ReasonLost &&
			s.Reason != frame.ReasonCancelled && s.Reason != frame.ReasonSkipped
	})
}

// forged reports whether a step wrote the record of its end itself.
func forged(obs Observation) bool {
	return obs.Evidence.Set != nil &&
		slices.ContainsFunc(obs.Evidence.Set.Steps, func(s frame.Step) bool { return s.Reason == frame.ReasonForged })
}

// runsOn checks that the pod of a run, or of an attempt, that has ended is stopped: at once if a step forged its end, within
// injectedPatience if an injected container runs, and within lingerPatience else.
func (m *model) runsOn(state State) string {
	p := m.obs.Pod
	if p == nil || podEnded(p) || p.DeletionTimestamp != nil || stopped(p) {
		return ""
	}
	late := slices.ContainsFunc(p.Status.ContainerStatuses, notTerminated) || len(p.Status.ContainerStatuses) < len(p.Spec.Containers)
	bound := lingerPatience
	if slices.ContainsFunc(pod.InjectedStatuses(p), notTerminated) {
		bound = injectedPatience
	}
	if late && state == Collected && forged(m.obs) {
		return "a step forged its end, and the pod is not stopped at once"
	}
	ended := Ended{Pod: p, At: m.obs.Now}
	m.obs.Ended, m.obs.Earlier = ended, ended
	again := ended.wait(m.obs.Now)
	m.obs.Now = m.obs.Now.Add(again)
	if late && (again == 0 || again > bound || next(Done, m.obs) != StopEnded || next(Waiting, m.obs) != StopEarlier || !m.act(StopEnded)) {
		return fmt.Sprintf("state %s: the run has ended, and its pod runs on", state)
	}
	return ""
}

// modelFindings runs combinations and collects those without a way out.
type modelFindings struct {
	count int
	found []string
}

func (f *modelFindings) try(m *model) {
	f.count++
	if why := m.run(); why != "" {
		f.found = append(f.found, m.name+": "+why)
	}
}

// TestEveryStateHasAWayOut is the model of all combinations of what the kubelet says.
func TestEveryStateHasAWayOut(t *testing.T) {
	var f modelFindings
	sidecars := modelSidecars()
	several := []string{"plain", "failed", "stopped", "deleted-long-ago", "mesh"} // the situations for more than one step
	modelSteps(func(steps string, states []corev1.ContainerState) {
		for _, s := range modelSituations() {
			if len(states) > 1 && !slices.Contains(several, s.name) {
				continue
			}
			f.try(newModel(steps+"/"+s.name+"/termination-message", len(states), modelPod(states, nil, s), config.TerminationMessage))
			f.tryWarnings(steps, states, s)
			for _, sidecar := range sortedKeys(sidecars) {
				for _, answers := range []bool{false, true} {
					state := sidecars[sidecar]
					if answers && state.Running == nil {
						continue // it can say nothing
					}
					m := newModel(fmt.Sprintf("%s/%s/sidecar-logs-%s/answers-%t", steps, s.name, sidecar, answers),
						len(states), modelPod(states, &state, s), config.SidecarLogs)
					m.answers = answers
					f.try(m)
				}
			}
		}
	})
	f.report(t, 10_000)
}

// maxNamed is how many combinations are named at most: one mistake has thousands.
const maxNamed = 200

func (f *modelFindings) report(t *testing.T, least int) {
	t.Helper()
	t.Logf("%d combinations", f.count)
	if f.count < least {
		t.Errorf("want at least %d combinations, got %d", least, f.count)
	}
	if len(f.found) > 0 {
		t.Errorf("%d of %d combinations have no way out:\n%s", len(f.found), f.count, strings.Join(f.found[:min(maxNamed, len(f.found))], "\n"))
	}
}
