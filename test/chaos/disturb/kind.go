package disturb

import (
	"slices"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Kinds of disturbances.
const (
	// KillController kills the leading controller with SIGKILL.
	KillController = "controller-kill"
	// RestartController restarts the controller's Deployment.
	RestartController = "controller-restart"
	// ChangeLeader starts a second controller, and kills the leading one or freezes it until the other leads.
	ChangeLeader = "leader-change"
	// CutWatches resets all connections that the controller has made.
	CutWatches = "watch-cut"
	// CutOffController drops every packet from and to the controller.
	CutOffController = "controller-cut-off"
	// StepClock sets the controller's clock forward or back for a while.
	StepClock = "clock-step"
	// RemoveWebhook points the Service of the webhooks to a port without a listener.
	RemoveWebhook = "webhook-away"
	// RestartAPIServer kills the API server and starts it.
	RestartAPIServer = "apiserver-restart"
	// RestartEtcd kills etcd and starts it.
	RestartEtcd = "etcd-restart"
	// RestartKubelet kills the kubelet and starts it.
	RestartKubelet = "kubelet-restart"
	// StopKubelet kills or pauses the kubelet, and starts or resumes it after a while.
	StopKubelet = "kubelet-away"
	// RestartContainerd kills the container runtime and starts it.
	RestartContainerd = "containerd-restart"
	// DeletePod deletes the pod of a run with a grace period.
	DeletePod = "pod-delete"
	// KillPod deletes the pod of a run without a grace period.
	KillPod = "pod-kill"
	// EvictPod evicts the pod of a run through the API.
	EvictPod = "pod-evict"
	// DrainNode closes a node to new pods, evicts the pods of runs on it, and opens it after a while.
	DrainNode = "node-drain"
	// SeparateNode drops every packet between a node and the control plane, for a while. Its containers continue.
	SeparateNode = "node-separate"
	// CutPower ends all processes of a node, also those of its containers, and starts the node after a while.
	CutPower = "node-power"
	// DenyLogsBriefly removes the permission to read logs for less than ResultsDeadline.
	DenyLogsBriefly = "log-deny-short"
	// DenyLogs removes the permission to read logs for longer than ResultsDeadline.
	DenyLogs = "log-deny-long"
)

const (
	// ResultsDeadline is the controller's setting during disturbances (Prepare sets it): how long it retries to read the log
	// of a container that has ended. It is shorter than the default, so that the controller gives up in less than a minute.
	// It is longer than every disturbance that a run must survive.
	ResultsDeadline = 25 * time.Second
	// LogSize is the size at which the kubelet of a cluster for chaos rotates a log (localkube up --container-log-max-size).
	// A late reader finds the beginning of a longer log removed. Therefore a run whose results need a longer log may fail
	// with TaskRunResultsUnavailable, with or without a disturbance.
	LogSize = 1 << 20
)

// Blast is the set of runs that may fail because of a disturbance.
type Blast int

const (
	// Spares is for disturbances by which no run may fail.
	Spares Blast = iota
	// OwnRun is the run whose pod is the target of the event.
	OwnRun
	// Starting are runs with a pod that was not created yet, or had containers that did not run yet, at any time of the
	// disturbance.
	Starting
	// AllRuns are all runs that had not ended when the disturbance began, or were started before its end.
	AllRuns
)

// String returns the blast as text for reports.
func (b Blast) String() string {
	switch b {
	case OwnRun:
		return "the run whose pod is hit"
	case Starting:
		return "runs whose pods start meanwhile"
	case AllRuns:
		return "every run under way"
	default:
		return "none"
	}
}

// profile holds the properties of a kind.
type profile struct {
	kind string
	// shortest and longest bound For, which is random between them.
	shortest, longest time.Duration
	// mending is the approximate time from the end of For until the cluster is healthy.
	mending time.Duration
	blast   Blast
	// reasons are those with which runs in the blast may fail.
	reasons []string
	// several reports that the cluster must have several nodes, because the first one has the control plane.
	several bool
}

// profilesFor lists the kinds for a cluster with that number of nodes, in the order of the constants.
func profilesFor(nodes int) []profile {
	return slices.DeleteFunc(profiles(), func(p profile) bool { return p.several && nodes < 2 })
}

// profiles lists all kinds, in the order of the constants.
func profiles() []profile {
	const second = time.Second
	// A step that is asked to end may end in any way, so its exit may be the reported reason.
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
		{kind: StepClock, shortest: 5 * second, longest: 15 * second, mending: 2 * second, blast: AllRuns, reasons: late},
		{kind: RemoveWebhook, shortest: 3 * second, longest: 12 * second, mending: 5 * second},
		{kind: RestartAPIServer, mending: 10 * second},
		{kind: RestartEtcd, mending: 10 * second},
		// A killed kubelet interrupts its requests to the container runtime: a container that was about to start never
		// starts.
		{kind: RestartKubelet, mending: 5 * second, blast: Starting, reasons: unstarted},
		{kind: StopKubelet, shortest: 3 * second, longest: 15 * second, mending: 6 * second, blast: Starting, reasons: unstarted},
		{kind: RestartContainerd, mending: 5 * second, blast: Starting, reasons: unstarted},
		{kind: DeletePod, mending: 3 * second, blast: OwnRun, reasons: gone},
		{kind: KillPod, mending: 3 * second, blast: OwnRun, reasons: gone},
		{kind: EvictPod, mending: 3 * second, blast: OwnRun, reasons: gone},
		{kind: DrainNode, shortest: 2 * second, longest: 10 * second, mending: 4 * second, blast: OwnRun, reasons: gone},
		// The kubelet reports nothing meanwhile, and its containers continue. So every run must survive.
		{kind: SeparateNode, shortest: 4 * second, longest: 15 * second, mending: 8 * second, several: true},
		{kind: CutPower, shortest: 3 * second, longest: 12 * second, mending: 15 * second, blast: OwnRun, reasons: gone, several: true},
		// A run that starts without the permission fails immediately, with a message. A run whose pod exists must survive.
		{kind: DenyLogsBriefly, shortest: 2 * second, longest: 10 * second, mending: 3 * second, blast: Starting, reasons: denied},
		{kind: DenyLogs, shortest: 30 * second, longest: 35 * second, mending: 3 * second, blast: AllRuns, reasons: denied},
	}
}

// Kinds lists the kinds of disturbances for a cluster with that number of nodes.
func Kinds(nodes int) []string {
	var all []string
	for _, p := range profilesFor(nodes) {
		all = append(all, p.kind)
	}
	return all
}

// Destructive returns the runs that may fail because of a disturbance of the kind. All other runs must survive. LogSize names
// runs that may fail with every kind.
func Destructive(kind string) Blast { return profileOf(kind).blast }

// Reasons returns the reasons with which runs in the blast of a kind may fail; none for a kind without a blast. A PipelineRun
// may fail because one of its TaskRuns failed with such a reason.
func Reasons(kind string) []string { return slices.Clone(profileOf(kind).reasons) }

// profileOf returns the profile of a kind. An unknown kind has an empty one, which spares all runs.
func profileOf(kind string) profile {
	for _, p := range profiles() {
		if p.kind == kind {
			return p
		}
	}
	return profile{kind: kind}
}
