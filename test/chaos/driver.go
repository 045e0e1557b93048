package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/check"
	"github.com/sluice-ci/sluice/test/chaos/disturb"
	"github.com/sluice-ci/sluice/test/chaos/ledger"
	"github.com/sluice-ci/sluice/test/chaos/plan"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// maxLinger is the maximum time for which a run is watched after it has ended. Its outcome must not change.
const maxLinger = 4

// driver sends the generated runs and checks their outcomes.
type driver struct {
	cluster *kube.Cluster
	options options
	setting plan.Setting
	watcher *watcher
	tally   *tally
	// attacker is the hostile tenant, or nil.
	attacker *attacker

	mu     sync.Mutex
	events []disturb.Event
	// suspects are runs with findings. A disturbance that is reported later, after its repair, may explain the findings.
	suspects map[int]*suspect
}

// suspect is a run with findings, as it was when it had ended.
type suspect struct {
	observed *check.Case
	findings []check.Finding
}

func newDriver(c *kube.Cluster, o options, s plan.Setting) *driver {
	return &driver{
		cluster: c, options: o, setting: s, watcher: newWatcher(c.Client, s.Namespace), tally: newTally(), suspects: map[int]*suspect{},
	}
}

// watch starts the watch of the namespace.
func (d *driver) watch(ctx context.Context) {
	for _, list := range []client.ObjectList{&v1.TaskRunList{}, &v1.PipelineRunList{}, &corev1.PodList{}} {
		go d.watcher.follow(ctx, list)
	}
}

// send sends runs, several at the same time, until the time is over. It returns when all of them are checked.
func (d *driver) send(ctx context.Context) {
	until, cancel := context.WithTimeout(ctx, d.options.length())
	defer cancel()
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range d.options.parallel {
		workers.Go(func() {
			for number := range numbers {
				if err := d.carry(ctx, number); err != nil && ctx.Err() == nil {
					d.tally.trouble(number, err)
				}
			}
		})
	}
	for number := d.options.first; number-d.options.first < d.options.count && until.Err() == nil; number++ {
		select {
		case numbers <- number:
		case <-until.Done():
		}
	}
	close(numbers)
	workers.Wait()
}

// carry sends one run, waits for its end, checks it, and deletes it if it has no findings.
func (d *driver) carry(ctx context.Context, number int) error {
	observed := &check.Case{Plan: plan.Make(d.options.seed, number)}
	r := &observed.Plan
	object := d.object(r)
	if err := d.create(ctx, object); err != nil {
		return err
	}
	observed.Created = time.Now()
	limited, stop := context.WithCancel(ctx)
	defer stop()
	if r.Cancel != nil {
		go d.cancel(limited, r, observed.Created)
	}
	inTime := false
	err := kube.Poll(limited, func(context.Context) (bool, error) {
		_, inTime = d.watcher.over(r.Name())
		now := time.Now()
		return inTime || now.Sub(observed.Created) > r.Deadline()+brokenFor(d.disturbances(), observed.Created, now), nil
	})
	if err != nil {
		return nil //nolint:nilerr // the whole test ends, and the caller reports that
	}
	if inTime {
		observed.Ended, _ = d.watcher.over(r.Name())
		pause(ctx, time.Duration(number%maxLinger)*time.Second)
	}
	if err := d.observe(ctx, observed); err != nil {
		return err
	}
	d.judge(ctx, observed)
	return nil
}

// brokenFor returns how long something was broken between two times. A machine may need minutes to repair it.
func brokenFor(events []disturb.Event, from, to time.Time) time.Duration {
	var all time.Duration
	counted := from
	for _, e := range events { // disturbances follow one after another; one that hits several pods has an event for each
		begin, end := e.Began, e.Mended
		if begin.Before(counted) {
			begin = counted
		}
		if end.After(to) {
			end = to
		}
		if end.After(begin) {
			all += end.Sub(begin)
			counted = end
		}
	}
	return all
}

func pause(ctx context.Context, long time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(long):
	}
}

func (d *driver) object(r *plan.Run) client.Object {
	if r.Pipeline {
		return r.PipelineRun(d.setting)
	}
	return r.TaskRun(d.setting)
}

// create creates an object. An existing one was created by a request whose response was lost.
func (d *driver) create(ctx context.Context, object client.Object) error {
	err := kube.Create(ctx, d.cluster.Client, object)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// cancel cancels a run as its user does, unless the run has ended.
func (d *driver) cancel(ctx context.Context, r *plan.Run, created time.Time) {
	pause(ctx, time.Until(created.Add(r.Cancel.After)))
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"status":%q}}`, r.Cancel.Status))
	_ = kube.Poll(ctx, func(ctx context.Context) (bool, error) { // the object in its last state shows whether the API server accepted it
		if _, over := d.watcher.over(r.Name()); over {
			return true, nil
		}
		err := d.cluster.Client.Patch(ctx, d.object(r), patch)
		return err == nil || apierrors.IsInvalid(err) || apierrors.IsNotFound(err), nil
	})
}

// insist repeats an action until it succeeds or ctx ends. The error contains the last one from before ctx ended.
func insist(ctx context.Context, what string, do func(context.Context) error) error {
	var last error
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		err := do(ctx)
		if last == nil || ctx.Err() == nil {
			last = err // an interrupted action does not show why the others failed
		}
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("cannot %s: %w: %w", what, err, last)
	}
	return nil
}

// observe reads the objects of a run, and their histories.
func (d *driver) observe(ctx context.Context, c *check.Case) error {
	name, status := c.Plan.Name(), ""
	err := insist(ctx, "read run "+name, func(ctx context.Context) error {
		in := client.InNamespace(d.setting.Namespace)
		if !c.Plan.Pipeline {
			tr := &v1.TaskRun{}
			err := d.cluster.Client.Get(ctx, client.ObjectKey{Namespace: d.setting.Namespace, Name: name}, tr)
			if err == nil {
				c.TaskRuns, status = []*v1.TaskRun{tr}, string(tr.Spec.Status)
			}
			return client.IgnoreNotFound(err)
		}
		pr, children := &v1.PipelineRun{}, &v1.TaskRunList{}
		if err := d.cluster.Client.Get(ctx, client.ObjectKey{Namespace: d.setting.Namespace, Name: name}, pr); err != nil {
			return client.IgnoreNotFound(err)
		}
		if err := d.cluster.Client.List(ctx, children, in, client.MatchingLabels{v1.LabelPipelineRun: name}); err != nil {
			return err
		}
		c.PipelineRun, c.TaskRuns, status = pr, nil, string(pr.Spec.Status)
		for i := range children.Items {
			c.TaskRuns = append(c.TaskRuns, &children.Items[i])
		}
		return nil
	})
	if err != nil {
		return err
	}
	if c.Plan.Cancel != nil && status == c.Plan.Cancel.Status {
		c.Cancelled = c.Created.Add(c.Plan.Cancel.After)
	}
	c.Histories = d.watcher.copies(names(c))
	c.Ledger = map[string]ledger.Pod{}
	for _, uid := range pods(c) {
		if c.Ledger[uid], err = ledger.Read(d.setting.Folder, uid); err != nil {
			return err
		}
	}
	return nil
}

// names returns the names of all objects of a run.
func names(c *check.Case) []string {
	all := []string{c.Plan.Name()}
	for _, tr := range c.TaskRuns {
		if tr.Name != c.Plan.Name() {
			all = append(all, tr.Name)
		}
	}
	return all
}

// pods returns the UIDs of all pods of a run.
func pods(c *check.Case) []string {
	var all []string
	for _, h := range c.Histories {
		for _, p := range h.Pods {
			all = append(all, p.UID)
		}
	}
	return all
}
