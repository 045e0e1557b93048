package taskrun

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/config"
)

// warned is what a kubelet says of a pod in events.
type warned struct {
	Warnings
	// failing says that what it says does not pass: the run must end. Otherwise another pod may have what this one waits for.
	failing bool
}

// modelWarnings are the warnings of a kubelet about a pod that does not start, each repeated without end.
func modelWarnings() map[string]warned {
	of := func(reason, message string) Warnings {
		return Warnings{Latest: &Warning{Reason: reason, Message: message}}
	}
	killed := func(times int) Warnings {
		w := of("FailedCreatePodSandBox", startWords)
		w.Killed = times
		return w
	}
	return map[string]warned{
		"sandbox":     {of("FailedCreatePodSandBox", "plugin type=\"bridge\" failed"), true},
		"killed-once": {killed(1), true},
		"killed":      {killed(maxKilled), true},
		"mount":       {of("FailedMount", "MountVolume.SetUp failed for volume \"v\" : configmap \"absent\" not found"), true},
		"unmounted":   {of("FailedMount", "Unable to attach or mount volumes: timed out waiting for the condition"), false},
		"attach":      {of("FailedAttachVolume", "Multi-Attach error for volume \"pvc-1\""), false},
		"unknown":     {of("SomethingNew", "new words"), true},
	}
}

// readEvents does what podEvents does: it reads when the events are needed, and not sooner than it asked for.
func (m *model) readEvents() {
	p := m.obs.Pod
	if p == nil {
		return
	}
	due := eventsDue(p)
	switch {
	case due.IsZero() || m.obs.Now.Before(due):
		m.obs.Warnings = Warnings{Next: due}
	case m.obs.Now.Before(m.obs.Warnings.Next):
	default:
		m.obs.Warnings = m.warns.Warnings
		if said := m.warns.Latest; said != nil {
			m.obs.Warnings.Latest = &Warning{Reason: said.Reason, Message: said.Message, At: m.obs.Now.Add(-time.Second)}
		}
		m.obs.Warnings.Next = m.obs.Now.Add(lastEventsPause)
	}
}

// tryWarnings tries all warnings where they are all that a kubelet says.
func (f *modelFindings) tryWarnings(steps string, states []corev1.ContainerState, s situation) {
	if !slices.Contains([]string{"without-sandbox", "without-condition"}, s.name) {
		return
	}
	waits := modelSidecars()["waitingContainerCreating"]
	known := modelWarnings()
	for _, name := range sortedKeys(known) {
		for from, sidecar := range map[config.ResultsFrom]*corev1.ContainerState{config.TerminationMessage: nil, config.SidecarLogs: &waits} {
			m := newModel(steps+"/"+s.name+"/warned-"+name+"/"+string(from), len(states), modelPod(states, sidecar, s), from)
			m.warns = known[name]
			f.try(m)
		}
	}
}
