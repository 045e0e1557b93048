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
	// patience is how long one disturbance may take to be inflicted, and how long to be mended. A machine may be busy, and
	// a controller that was killed more than once is started anew by its kubelet after 20 s.
	patience = 4 * time.Minute
	// restarts is how often a container of the controller may have been started anew before fresh pods take its place: its
	// kubelet waits twice as long each time, and nothing of that would be learned more than once.
	restarts = 2
)

// Event is a disturbance that took place. One that hits several pods is told of once for each of them.
type Event struct {
	Disturbance

	// Began and Mended are the times of this machine's clock at which it was about to begin, and at which the cluster was
	// seen to be whole again.
	Began, Mended time.Time
	// Target is the namespace and name of the pod of a run that was hit, with a slash between; empty where there is none.
	Target string
	// Note says for people what was done.
	Note string
}

// Options are what a Disturber has to know.
type Options struct {
	// Directory is that of the localkube cluster.
	Directory string
	// Localkube is the program (default: bin/localkube).
	Localkube string
	// Namespace is where the runs are whose pods may be hit (default: any).
	Namespace string
}

// Disturber breaks one cluster.
type Disturber struct {
	cluster   *kube.Cluster
	machine   machine.Localkube
	namespace string
}

// New returns a Disturber of the cluster.
func New(c *kube.Cluster, o Options) *Disturber {
	return &Disturber{cluster: c, machine: machine.Localkube{Directory: o.Directory, Program: o.Localkube}, namespace: o.Namespace}
}

// Prepare lets the controller be one that can be disturbed: it gives up a log after ResultsDeadline, and stays on a node
// that all others have to leave. It returns once that controller leads. Restore undoes it. An error says what this machine
// lacks, or that the controller does not come up.
func (d *Disturber) Prepare(ctx context.Context) (restore func(context.Context) error, err error) {
	for _, program := range []string{"nsenter", "nft", "ss"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("cannot cut connections without %q: install nftables, iproute2 and util-linux: %w", program, err)
		}
	}
	return d.cluster.ChangeController(ctx, func(pod *corev1.PodSpec) {
		pod.Containers[0].Args = append(pod.Containers[0].Args, "--results-deadline="+ResultsDeadline.String())
		pod.Tolerations = append(pod.Tolerations, corev1.Toleration{Operator: corev1.TolerationOpExists})
		pod.PriorityClassName = "system-cluster-critical"
	})
}

// Run inflicts one disturbance after the other, each at its time from now, mends it, waits until the cluster is whole again,
// and tells of it. One that is late, because those before it took longer, comes a moment after them, but none begins
// later than the last one was to be over, so that the time after the plan is quiet on a slow machine, too. Run returns after
// the last one, or when ctx ends, and then has mended what it broke. An error says what could not be broken or mended.
func (d *Disturber) Run(ctx context.Context, plan []Disturbance, told func(Event)) error {
	start := time.Now()
	for i, planned := range plan {
		pause := time.Until(start.Add(planned.At))
		if i > 0 {
			pause = max(pause, shortestPause)
		}
		if !await(ctx, pause) || time.Since(start) > over(plan) {
			return nil
		}
		if err := d.disturb(ctx, planned, told); err != nil {
			return fmt.Errorf("cannot go through with disturbance %q, planned for %s: %w", planned.Kind, planned.At, err)
		}
	}
	return nil
}

// await waits for a while, and reports false when ctx ends before.
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

// disturb goes through with one disturbance.
func (d *Disturber) disturb(ctx context.Context, planned Disturbance, told func(Event)) error {
	event := Event{Disturbance: planned, Began: time.Now()}
	s := &scene{Disturber: d, Disturbance: planned}
	err := s.inflict(ctx)
	if err == nil {
		await(ctx, planned.For)
	} else if ctx.Err() != nil {
		err = nil // it was broken off, and is mended like any other
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err = errors.Join(err, s.mend(ctx), d.whole(ctx))
	event.Mended, event.Note = time.Now(), s.note
	if len(s.hit) == 0 {
		told(event)
	}
	for _, pod := range s.hit {
		event.Target = pod
		told(event)
	}
	return err
}

// whole waits until the node takes pods and the controller works.
func (d *Disturber) whole(ctx context.Context) error {
	if err := d.cluster.AwaitNode(ctx, true); err != nil {
		return err
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

// scene is one disturbance while it takes place.
type scene struct {
	*Disturber
	Disturbance

	// hit are the pods of runs that are hit, note what is done, and mends what undoes it, in reverse order.
	hit   []string
	note  string
	mends []func(context.Context) error
}

// later makes sure that something is undone.
func (s *scene) later(mend func(context.Context) error) { s.mends = append(s.mends, mend) }

// mend undoes all that was done, the last thing first. What fails does not keep it from the rest.
func (s *scene) mend(ctx context.Context) error {
	var all []error
	for _, mend := range slices.Backward(s.mends) {
		all = append(all, mend(ctx))
	}
	return errors.Join(all...)
}

// inflict does what the kind says.
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
		return s.restart(ctx, machine.Kubelet)
	case StopKubelet:
		return s.stopKubelet(ctx)
	case RestartContainerd:
		return s.restart(ctx, machine.Containerd)
	case DeletePod, KillPod, EvictPod:
		return s.removePod(ctx)
	case DrainNode:
		return s.drainNode(ctx)
	case DenyLogsBriefly, DenyLogs:
		return s.denyLogs(ctx)
	default:
		return fmt.Errorf("there is no disturbance of kind %q", s.Kind)
	}
}

// odd is a coin that the plan has thrown.
func (s *scene) odd() bool { return s.Draw%2 == 1 }
