package disturb

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
)

const (
	// patience bounds the time for starting one disturbance, and for repairing it. A machine may be busy, and the kubelet
	// restarts a controller that was killed more than once only after 20 s.
	patience = 4 * time.Minute
	// restarts is the maximum number of restarts of a controller's container before new pods replace it. The kubelet doubles
	// the delay with each restart, and a longer delay would test nothing new.
	restarts = 2
)

// Event is a disturbance that took place. A disturbance that hits several pods has one event for each of them.
type Event struct {
	Disturbance

	// Began and Mended are times of this machine's clock: just before the disturbance, and when the cluster was healthy
	// again.
	Began, Mended time.Time
	// Target is the pod of a run that was hit, as namespace/name; empty if there is none.
	Target string
	// Note describes for people what was done.
	Note string
}

// Options are the settings of a Disturber.
type Options struct {
	// Directory is the directory of the localkube cluster.
	Directory string
	// Localkube is the program (default: bin/localkube).
	Localkube string
	// Namespace is the namespace of the runs whose pods may be hit (default: all namespaces).
	Namespace string
	// Registries are the addresses of hostile registries, as 192.0.2.1:5000. The controller asks them, over HTTP, although their addresses
	// are not public.
	Registries []string
}

// Disturber breaks one cluster.
type Disturber struct {
	cluster    *kube.Cluster
	machine    machine.Localkube
	namespace  string
	registries []string
	// nodes are the names of all nodes, the one with the control plane first. Prepare sets them.
	nodes []string
}

// New returns a Disturber of the cluster.
func New(c *kube.Cluster, o Options) *Disturber {
	return &Disturber{
		cluster: c, machine: machine.Localkube{Directory: o.Directory, Program: o.Localkube}, namespace: o.Namespace, registries: o.Registries,
	}
}

// Nodes returns the number of nodes of the cluster, which Prepare has counted.
func (d *Disturber) Nodes() int { return len(d.nodes) }

// Prepare configures the controller for disturbances: it stops retrying a log after ResultsDeadline, tolerates the taints
// of a drained node, and stays on the node with the control plane, whose power is never cut. Prepare returns when that controller
// leads. Restore reverts the change. An error names a program that is missing on this machine, or a controller that does not become
// ready.
func (d *Disturber) Prepare(ctx context.Context) (restore func(context.Context) error, err error) {
	for _, program := range []string{"nsenter", "nft", "ss"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("cannot cut connections without %q: install nftables, iproute2 and util-linux: %w", program, err)
		}
	}
	if d.nodes, err = d.cluster.NodeNames(ctx); err != nil {
		return nil, err
	}
	return d.cluster.ChangeController(ctx, func(pod *corev1.PodSpec) {
		pod.NodeSelector = map[string]string{corev1.LabelHostname: d.nodes[0]}
		pod.Containers[0].Args = append(pod.Containers[0].Args, "--results-deadline="+ResultsDeadline.String())
		for _, address := range d.registries {
			pod.Containers[0].Args = append(pod.Containers[0].Args, "--insecure-registry="+address)
		}
		pod.Tolerations = append(pod.Tolerations, corev1.Toleration{Operator: corev1.TolerationOpExists})
		pod.PriorityClassName = "system-cluster-critical"
	})
}

// Run starts the disturbances one after the other, each at its planned time from now. It repairs each one, waits until the
// cluster is healthy, and reports it. A disturbance whose predecessors took longer starts shortly after them. None starts
// after the planned end of the last one, so that the time after the plan is quiet on a slow machine, too. Run returns after
// the last one, or when ctx ends, and has then repaired everything. An error names what could not be broken or repaired.
func (d *Disturber) Run(ctx context.Context, plan []Disturbance, report func(Event)) error {
	start := time.Now()
	for i, planned := range plan {
		pause := time.Until(start.Add(planned.At))
		if i > 0 {
			pause = max(pause, shortestPause)
		}
		if !await(ctx, pause) || time.Since(start) > over(plan) {
			return nil
		}
		if err := d.disturb(ctx, planned, report); err != nil {
			return fmt.Errorf("cannot complete disturbance %q, planned for %s: %w", planned.Kind, planned.At, err)
		}
	}
	return nil
}

// await waits for the given time. It returns false if ctx ends before.
func await(ctx context.Context, long time.Duration) bool {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// disturb runs one disturbance.
func (d *Disturber) disturb(ctx context.Context, planned Disturbance, report func(Event)) error {
	event := Event{Disturbance: planned, Began: time.Now()}
	s := &scene{Disturber: d, Disturbance: planned}
	err := s.inflict(ctx)
	if err == nil {
		await(ctx, planned.For)
	} else if ctx.Err() != nil {
		err = nil // it was interrupted, and is repaired like any other
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err = errors.Join(err, s.mend(ctx), d.whole(ctx))
	event.Mended, event.Note = time.Now(), s.note
	if len(s.hit) == 0 {
		report(event)
	}
	for _, pod := range s.hit {
		event.Target = pod
		report(event)
	}
	return err
}

// whole waits until all nodes accept pods and the controller is ready.
func (d *Disturber) whole(ctx context.Context) error {
	for _, node := range d.nodes {
		if err := d.cluster.AwaitNodeNamed(ctx, node, true); err != nil {
			return err
		}
	}
	if err := d.cluster.ControllerSettled(ctx); err != nil {
		return err
	}
	pods, err := d.cluster.Controllers(ctx)
	if err != nil {
		return fmt.Errorf("cannot list the controller's pods: %w", err)
	}
	for _, pod := range pods {
		for _, s := range pod.Status.ContainerStatuses {
			if s.RestartCount >= restarts {
				return d.cluster.ReplaceController(ctx)
			}
		}
	}
	return nil
}

// scene is the state of one disturbance.
type scene struct {
	*Disturber
	Disturbance

	// hit are the pods of runs that are hit, note describes what is done, and mends are the repairs, to be called in reverse
	// order.
	hit   []string
	note  string
	mends []func(context.Context) error
}

// later registers a repair.
func (s *scene) later(mend func(context.Context) error) { s.mends = append(s.mends, mend) }

// mend calls all repairs, the last one first. A failed repair does not stop the others.
func (s *scene) mend(ctx context.Context) error {
	var all []error
	for _, mend := range slices.Backward(s.mends) {
		all = append(all, mend(ctx))
	}
	return errors.Join(all...)
}

// inflict starts the disturbance of the given kind.
func (s *scene) inflict(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	switch s.Kind {
	case KillController:
		return s.killController(ctx)
	case RestartController:
		return s.restartController(ctx)
	case ChangeLeader:
		return s.changeLeader(ctx)
	case CutWatches:
		return s.cutWatches(ctx)
	case CutOffController:
		return s.cutOffController(ctx)
	case StepClock:
		return s.stepClock(ctx)
	case RemoveWebhook:
		return s.removeWebhook(ctx)
	case RestartAPIServer:
		return s.restart(ctx, machine.APIServer)
	case RestartEtcd:
		return s.restart(ctx, machine.Etcd)
	case RestartKubelet:
		return s.restartOnNode(ctx, machine.Kubelet)
	case StopKubelet:
		return s.stopKubelet(ctx)
	case RestartContainerd:
		return s.restartOnNode(ctx, machine.Containerd)
	case DeletePod, KillPod, EvictPod:
		return s.removePod(ctx)
	case DrainNode:
		return s.drainNode(ctx)
	case SeparateNode:
		return s.separateNode(ctx)
	case CutPower:
		return s.cutPower(ctx)
	case DenyLogsBriefly, DenyLogs:
		return s.denyLogs(ctx)
	default:
		return fmt.Errorf("unknown kind of disturbance %q", s.Kind)
	}
}

// odd is a random bit of the plan.
func (s *scene) odd() bool { return s.Draw%2 == 1 }
