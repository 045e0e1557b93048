package taskrun

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// situation is what happens to a pod beside its containers.
type situation struct {
	name   string
	change func(*corev1.Pod)
}

// terminatedAs is the end of a container in the kubelet's words.
func terminatedAs(code int32, reason, message string) corev1.ContainerState {
	s := terminated(code, message)
	s.Terminated.Reason = reason
	return s
}

const startWords = "failed to create containerd task: container init was OOM-killed"

// modelStates are the states of a step's container.
func modelStates() map[string]corev1.ContainerState {
	states := map[string]corev1.ContainerState{
		"unseen":        {},
		"running":       running(),
		"done":          terminated(0, record(0)),
		"failed":        terminated(1, record(1)),
		"killed":        terminatedAs(137, "Error", record(137)),
		"norecord0":     terminated(0, ""),
		"norecord1":     terminated(1, ""),
		"norecord137":   terminatedAs(137, "Error", ""),
		"norecord143":   terminatedAs(143, "Error", ""),
		"badrecord":     terminatedAs(0, "Completed", `[{"key":`),
		"otherrecord":   terminatedAs(3, "Error", record(0)),
		"oom":           terminatedAs(137, "OOMKilled", ""),
		"starterror":    terminatedAs(128, "StartError", startWords),
		"cannotrun":     terminatedAs(128, "ContainerCannotRun", startWords),
		"statusunknown": terminatedAs(137, "ContainerStatusUnknown", "The container could not be located when the pod was terminated"),
		"notimes":       {Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "Error"}},
	}
	for _, reason := range []string{
		"ContainerCreating", "PodInitializing", "CreateContainerError", "RunContainerError", "CreateContainerConfigError", "ErrImagePull",
		"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable",
		"PostStartHookError", "SomethingNew",
	} {
		s := waiting(reason)
		if atWork(s.Waiting) {
			s.Waiting.Message = ""
		}
		states["waiting"+reason] = s
	}
	return states
}

// modelSidecars are the states of the results sidecar.
func modelSidecars() map[string]corev1.ContainerState {
	states := map[string]corev1.ContainerState{}
	for _, name := range []string{
		"unseen", "running", "done", "norecord137", "oom", "starterror", "waitingContainerCreating",
		"waitingCreateContainerError", "waitingImagePullBackOff", "waitingSomethingNew",
	} {
		states[name] = modelStates()[name]
	}
	states["done"] = terminated(0, "")
	return states
}

// modelSituations are what happens to the pod.
func modelSituations() []situation {
	deleted := func(at time.Time) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.NewTime(at)) }
	}
	phase := func(phase corev1.PodPhase, reason string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason = phase, reason }
	}
	init := func(name string, started bool, state, last corev1.ContainerState, restarts int32) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{
				{Name: name, State: state, LastTerminationState: last, Started: &started, RestartCount: restarts},
			}
		}
	}
	return []situation{
		{
			name:   "plain",
			change: func(*corev1.Pod) {},
		},
		{
			name: "unscheduled",
			change: func(p *corev1.Pod) {
				p.Spec.NodeName, p.Status.StartTime, p.Status.Phase = "", nil, corev1.PodPending
				p.Status.Conditions = unscheduledPod("0/3 nodes are available").Status.Conditions
			},
		},
		{
			name: "unseen",
			change: func(p *corev1.Pod) {
				p.Spec.NodeName, p.Status.StartTime, p.Status.Phase, p.Status.Conditions = "", nil, corev1.PodPending, nil
			},
		},
		{
			name: "without-sandbox",
			change: func(p *corev1.Pod) {
				p.Status.Phase = corev1.PodPending
				p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
					Type:   corev1.PodReadyToStartContainers,
					Status: corev1.ConditionFalse,
				})
			},
		},
		{
			name: "lost-sandbox",
			change: func(p *corev1.Pod) {
				p.Status.Phase = corev1.PodPending
				p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
					Type:               corev1.PodReadyToStartContainers,
					Status:             corev1.ConditionFalse,
					LastTransitionTime: metav1.NewTime(modelStart()),
				})
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "prepare", ContainerID: "containerd://1", State: terminated(0, "")}}
			},
		},
		{
			name:   "without-condition",
			change: func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending },
		},
		{
			name:   "deleted",
			change: deleted(modelStart().Add(30 * time.Second)),
		},
		{
			name:   "deleted-long-ago",
			change: deleted(modelStart().Add(-time.Hour)),
		},
		{
			name: "node-lost",
			change: func(p *corev1.Pod) {
				phase(corev1.PodUnknown, "NodeLost")(p)
				p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
					Type:   corev1.DisruptionTarget,
					Status: corev1.ConditionTrue,
					Reason: "DeletionByTaintManager",
				})
				deleted(modelStart().Add(30 * time.Second))(p)
			},
		},
		{
			name:   "evicted",
			change: phase(corev1.PodFailed, "Evicted"),
		},
		{
			name:   "failed",
			change: phase(corev1.PodFailed, ""),
		},
		{
			name:   "succeeded",
			change: phase(corev1.PodSucceeded, ""),
		},
		{
			name:   "policy-deadline",
			change: func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = new(int64(86400)) },
		},
		{
			name:   "policy-deadline-1",
			change: func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = new(int64(1)) },
		},
		{
			name:   "stopped",
			change: func(p *corev1.Pod) { askToStop(p, modelStart()) },
		},
		{
			name:   "stopped-long-ago",
			change: func(p *corev1.Pod) { askToStop(p, modelStart().Add(-time.Hour)) },
		},
		{
			name: "mesh",
			change: func(p *corev1.Pod) {
				p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "istio-proxy"})
				p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: "istio-proxy", State: running()})
			},
		},
		{
			name: "mesh-holds",
			change: func(p *corev1.Pod) {
				mesh(p, waiting("ImagePullBackOff"))
				p.Annotations = map[string]string{v1.AnnotationSteps: v1.StepsHeld}
			},
		},
		{
			name: "mesh-ready",
			change: func(p *corev1.Pod) {
				mesh(p, running())
				p.Status.ContainerStatuses[len(p.Status.ContainerStatuses)-1].Ready = true
				p.Annotations = map[string]string{v1.AnnotationSteps: v1.StepsHeld}
			},
		},
		{
			name:   "held-alone",
			change: func(p *corev1.Pod) { p.Annotations = map[string]string{v1.AnnotationSteps: v1.StepsHeld} },
		},
		{
			name: "mesh-waits",
			change: func(p *corev1.Pod) {
				p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "istio-proxy"})
				p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{
					Name:  "istio-proxy",
					State: waiting("ImagePullBackOff"),
				})
			},
		},
		{
			name:   "sidecar",
			change: init("sidecar-db", true, running(), corev1.ContainerState{}, 0),
		},
		{
			name:   "sidecar-unready",
			change: init("sidecar-db", false, running(), corev1.ContainerState{}, 0),
		},
		{
			name:   "sidecar-crashes",
			change: init("sidecar-db", false, waiting("CrashLoopBackOff"), terminated(2, ""), 2),
		},
		{
			name:   "sidecar-crashed",
			change: init("sidecar-db", false, waiting("CrashLoopBackOff"), terminated(2, ""), 20),
		},
		{
			name:   "init-runs",
			change: init("istio-init", false, running(), corev1.ContainerState{}, 0),
		},
		{
			name:   "init-failed",
			change: init("istio-init", false, terminated(1, ""), corev1.ContainerState{}, 0),
		},
		{
			name: "init-restarts",
			change: func(p *corev1.Pod) {
				init("istio-init", false, terminated(1, ""), corev1.ContainerState{}, 0)(p)
				p.Spec.InitContainers = []corev1.Container{
					{Name: "istio-init", RestartPolicy: new(corev1.ContainerRestartPolicyOnFailure)},
				}
			},
		},
	}
}

// askToStop is what the action StopPod does to a pod that a kubelet has seen.
func askToStop(p *corev1.Pod, at time.Time) {
	p.Spec.ActiveDeadlineSeconds = new(int64(stopDeadline))
	p.Annotations = map[string]string{v1.AnnotationStoppedAt: at.UTC().Format(time.RFC3339)}
}

// modelSteps calls use with the states of the steps: each state alone, before and after each of the ones that matter, and at
// each place among three of which the others are done.
func modelSteps(use func(name string, states []corev1.ContainerState)) {
	all := modelStates()
	for _, name := range sortedKeys(all) {
		use(name, []corev1.ContainerState{all[name]})
		for _, other := range []string{"running", "done", "norecord137", "waitingContainerCreating"} {
			use(name+"+"+other, []corev1.ContainerState{all[name], all[other]})
			use(other+"+"+name, []corev1.ContainerState{all[other], all[name]})
		}
		for place := range 3 {
			states := []corev1.ContainerState{all["done"], all["done"], all["done"]}
			states[place] = all[name]
			use(fmt.Sprintf("%s-at-%d-of-3", name, place), states)
		}
	}
}
