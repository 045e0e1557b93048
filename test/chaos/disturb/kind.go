package disturb

import (
	"slices"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// The kinds of disturbances.
const (
	// KillController kills the controller that leads with SIGKILL.
	KillController = "controller-kill"
	// RestartController rolls the controller's Deployment out anew.
	RestartController = "controller-restart"
	// ChangeLeader has two controllers, of which the one that leads is killed, or frozen until the other one leads.
	ChangeLeader = "leader-change"
	// CutWatches resets all connections that the controller has made.
	CutWatches = "watch-cut"
	// CutOffController drops whatever the controller sends or is sent.
	CutOffController = "controller-cut-off"
	// StepClock sets the controller's clock forward or back for a while.
	StepClock = "clock-step"
	// RemoveWebhook lets the Service of the webhooks lead nowhere.
	RemoveWebhook = "webhook-away"
	// RestartAPIServer kills the API server and starts it.
	RestartAPIServer = "apiserver-restart"
	// RestartEtcd kills etcd and starts it.
	RestartEtcd = "etcd-restart"
	// RestartKubelet kills the kubelet and starts it.
	RestartKubelet = "kubelet-restart"
	// StopKubelet kills the kubelet, or lets it be silent, and brings it back after a while.
	StopKubelet = "kubelet-away"
	// RestartContainerd kills the container runtime and starts it.
	RestartContainerd = "containerd-restart"
	// DeletePod deletes the pod of a run with a grace period.
	DeletePod = "pod-delete"
	// KillPod deletes the pod of a run at once.
	KillPod = "pod-kill"
	// EvictPod evicts the pod of a run through the API.
	EvictPod = "pod-evict"
	// DrainNode closes the node to new pods, evicts the pods of all runs, and opens it after a while.
	DrainNode = "node-drain"
	// DenyLogsBriefly takes the right to read logs for less than ResultsDeadline.
	DenyLogsBriefly = "log-deny-short"
	// DenyLogs takes the right to read logs for longer than ResultsDeadline.
	DenyLogs = "log-deny-long"
)

const (
	// ResultsDeadline is that of the controller while it is disturbed (Prepare sets it): how long it tries to read the log of a
	// container that has ended. It is shorter than the default, so that giving up does not take a minute, and longer than
	// any disturbance lasts that a run has to survive.
	ResultsDeadline = 25 * time.Second
	// LogSize is the size beyond which the kubelet of a cluster for chaos begins a new log file (localkube up
	// --container-log-max-size). Who comes later finds the beginning of a longer log gone, so that a run whose results
	// take more may fail with TaskRunResultsUnavailable whatever the disturbance, and without one.
	LogSize = 1 << 20
)

// Blast says which runs may fail because of a disturbance.
type Blast int

const (
	// Spares no run may fail.
	Spares Blast = iota
	// OwnRun is the run whose pod the event has as its target.
	OwnRun
	// Starting are runs one of whose pods was not made yet, or had containers that did not run yet, at any moment between the
	// beginning of the disturbance and its end.
	Starting
	// Everyone is every run that had not ended at the beginning of the disturbance, or was started before its end.
	Everyone
)

// String returns the blast in words, as reports have it.
func (b Blast) String() string {
	switch b {
	case OwnRun:
		return "the run whose pod is hit"
	case Starting:
		return "runs whose pods start meanwhile"
	case Everyone:
		return "every run under way"
	default:
		return "none"
	}
}

// profile is what is known about a kind beforehand.
type profile struct {
	kind string
	// shortest and longest are the bounds of For, which is drawn between them.
	shortest, longest time.Duration
	// mending is about how long it takes from the end of For until the cluster is whole again.
	mending time.Duration
	blast   Blast
	// reasons are those with which runs within the blast may fail.
	reasons []string
}

// profiles lists all kinds, in the order of the constants.
func profiles() []profile {
	const second = time.Second
	// A step that is asked to end may end as it likes, so that the step is what is told.
	gone := []string{v1.TaskRunReasonPodDeleted, v1.TaskRunReasonPodEvicted, v1.TaskRunReasonResultsUnavailable, v1.TaskRunReasonFailed}
	denied := []string{v1.TaskRunReasonResultsLogAccessDenied}
	late := []string{v1.TaskRunReasonTimedOut, v1.PipelineRunReasonTimedOut}
	unstarted := []string{v1.TaskRunReasonFailed, v1.TaskRunReasonResultsUnavailable}
	return []profile{
		{kind: KillController, mending: 20 * second},
		{kind: RestartController, mending: 10 * second},
		{kind: ChangeLeader, mending: 30 * second},
		{kind: CutWatches, mending: 3 * second},
		{kind: CutOffController, shortest: 3 * second, longest: 18 * second, mending: 18 * second},
		{kind: StepClock, shortest: 5 * second, longest: 15 * second, mending: 2 * second, blast: Everyone, reasons: late},
		{kind: RemoveWebhook, shortest: 3 * second, longest: 12 * second, mending: 5 * second},
		{kind: RestartAPIServer, mending: 10 * second},
		{kind: RestartEtcd, mending: 10 * second},
		// A kubelet that is killed breaks off what it has asked the container runtime for: a container that was about to be
		// started never will be.
		{kind: RestartKubelet, mending: 5 * second, blast: Starting, reasons: unstarted},
		{kind: StopKubelet, shortest: 3 * second, longest: 15 * second, mending: 6 * second, blast: Starting, reasons: unstarted},
		{kind: RestartContainerd, mending: 5 * second, blast: Starting, reasons: unstarted},
		{kind: DeletePod, mending: 3 * second, blast: OwnRun, reasons: gone},
		{kind: KillPod, mending: 3 * second, blast: OwnRun, reasons: gone},
		{kind: EvictPod, mending: 3 * second, blast: OwnRun, reasons: gone},
		{kind: DrainNode, shortest: 2 * second, longest: 10 * second, mending: 4 * second, blast: OwnRun, reasons: gone},
		// A run that begins without the right ends at once, and says so; one whose pod is there has to get over it.
		{kind: DenyLogsBriefly, shortest: 2 * second, longest: 10 * second, mending: 3 * second, blast: Starting, reasons: denied},
		{kind: DenyLogs, shortest: 30 * second, longest: 35 * second, mending: 3 * second, blast: Everyone, reasons: denied},
	}
}

// Kinds lists all kinds of disturbances.
func Kinds() []string {
	var all []string
	for _, p := range profiles() {
		all = append(all, p.kind)
	}
	return all
}

// Destructive says which runs may fail because of a disturbance of the kind. All others have to get over it. See LogSize
// for runs that may fail whatever the kind.
func Destructive(kind string) Blast { return profileOf(kind).blast }

// Reasons lists the reasons with which runs within the blast may fail because of a disturbance of the kind; none for one
// that spares all. A PipelineRun may fail because a TaskRun of its has, for one of them.
func Reasons(kind string) []string { return slices.Clone(profileOf(kind).reasons) }

// profileOf returns what is known about a kind; of an unknown one, that it spares all.
func profileOf(kind string) profile {
	for _, p := range profiles() {
		if p.kind == kind {
			return p
		}
	}
	return profile{kind: kind}
}
