package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/attack"
	"github.com/sluice-ci/sluice/test/chaos/check"
	"github.com/sluice-ci/sluice/test/load/hostile"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const (
	// attacks is the number of attacks that run at the same time.
	attacks = 2
	// glance is the time between two checks whether a run has ended.
	glance = 500 * time.Millisecond
)

// attacker is the hostile tenant. It sends attacks one after another and checks their outcomes.
type attacker struct {
	cluster    *kube.Cluster
	options    options
	setting    attack.Setting
	registries *registries
	// broken returns how long something was broken between two times.
	broken func(from, to time.Time) time.Duration

	mu    sync.Mutex
	sent  map[string]int
	found []string
}

// newAttacker creates the namespace of the hostile tenant, and opens its registries.
func newAttacker(ctx context.Context, d *driver) (*attacker, error) {
	namespace, err := d.cluster.MakeNamespace(ctx, nil)
	if err != nil {
		return nil, err
	}
	open, err := openRegistries()
	if err != nil {
		return nil, err
	}
	return &attacker{
		cluster: d.cluster, options: d.options, registries: open, sent: map[string]int{},
		setting: attack.Setting{Namespace: namespace, Image: d.setting.Image, Registries: open.addresses()},
		broken:  func(from, to time.Time) time.Duration { return brokenFor(d.disturbances(), from, to) },
	}, nil
}

// addresses returns the addresses of the hostile registries; none without an attacker.
func (a *attacker) addresses() []string {
	if a == nil {
		return nil
	}
	return a.registries.addresses()
}

// send sends attacks until the time is over, and returns when all of them are checked.
func (a *attacker) send(ctx context.Context) {
	until, cancel := context.WithTimeout(ctx, a.options.length())
	defer cancel()
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range attacks {
		workers.Go(func() {
			for number := range numbers {
				a.carry(ctx, number)
			}
		})
	}
	for number := 0; until.Err() == nil; number++ {
		select {
		case numbers <- number:
		case <-until.Done():
		}
	}
	close(numbers)
	workers.Wait()
}

// carry sends one attack, waits for its end, checks it, and deletes it.
func (a *attacker) carry(ctx context.Context, number int) {
	c := &check.AttackCase{Plan: attack.Make(a.options.seed, number), Created: time.Now()}
	object := c.Plan.Object(a.setting)
	if c.Plan.Kind == attack.Oversized && number%2 == 0 {
		_ = a.cluster.Client.Create(ctx, c.Plan.Object(a.setting), client.DryRunAll) // a dry run leaves nothing to check
	}
	if err := a.create(ctx, c, object); err == nil && c.Refused == "" {
		a.await(ctx, c, object)
	}
	if ctx.Err() != nil {
		return
	}
	a.judge(ctx, c)
	ctx, cancel := context.WithTimeout(ctx, leakTime)
	defer cancel()
	err := insist(ctx, "delete attack "+c.Plan.Name(), func(ctx context.Context) error {
		return client.IgnoreNotFound(a.cluster.Client.Delete(ctx, object))
	})
	if err != nil {
		a.find(err.Error())
	}
	pause(ctx, c.Plan.Rest)
}

// within polls until the deadline of an attack. The time for which something was broken since its creation extends the
// deadline.
func (a *attacker) within(ctx context.Context, c *check.AttackCase, done func(context.Context) bool) error {
	return kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		now := time.Now()
		if now.Sub(c.Created) > c.Plan.Deadline()+a.broken(c.Created, now) {
			return false, context.DeadlineExceeded
		}
		if done(ctx) {
			return true, nil
		}
		pause(ctx, glance)
		return false, nil
	})
}

// create sends the object until the API server has admitted or refused it.
func (a *attacker) create(ctx context.Context, c *check.AttackCase, object client.Object) error {
	return a.within(ctx, c, func(ctx context.Context) bool {
		err := a.cluster.Client.Create(ctx, object)
		switch {
		case err == nil, apierrors.IsAlreadyExists(err): // the response to an earlier request was lost
		case hostile.Judged(err):
			c.Refused = err.Error()
		default:
			return false
		}
		c.Answered = time.Now()
		return true
	})
}

// await waits until the run has ended. It first cancels a run whose only purpose is its size.
func (a *attacker) await(ctx context.Context, c *check.AttackCase, object client.Object) {
	if c.Plan.Kind == attack.Oversized {
		a.cancel(ctx, c, object)
	}
	_ = a.within(ctx, c, func(ctx context.Context) bool { // the last state is checked
		over, err := a.look(ctx, c, object)
		if err == nil && over {
			c.Ended = time.Now()
		}
		return err == nil && over
	})
}

// cancel cancels a run.
func (a *attacker) cancel(ctx context.Context, c *check.AttackCase, object client.Object) {
	status := map[bool]string{true: string(v1.PipelineRunSpecStatusCancelled), false: string(v1.TaskRunSpecStatusCancelled)}
	_, isPipeline := object.(*v1.PipelineRun)
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"status":%q}}`, status[isPipeline]))
	if _, ok := object.(*v1.Task); ok {
		return
	}
	_ = a.within(ctx, c, func(ctx context.Context) bool {
		err := a.cluster.Client.Patch(ctx, object.DeepCopyObject().(client.Object), patch) //nolint:forcetypeassert // a copy of it
		return err == nil || hostile.Judged(err) || apierrors.IsNotFound(err)
	})
}

// look reads the objects of an attack, and reports whether it has ended.
func (a *attacker) look(ctx context.Context, c *check.AttackCase, object client.Object) (over bool, err error) {
	key := client.ObjectKeyFromObject(object)
	switch object.(type) {
	case *v1.TaskRun:
		tr := &v1.TaskRun{}
		if err := a.cluster.Client.Get(ctx, key, tr); err != nil {
			return false, err
		}
		c.TaskRuns = []*v1.TaskRun{tr}
		return tr.Status.Done(), nil
	case *v1.PipelineRun:
		pr, children := &v1.PipelineRun{}, &v1.TaskRunList{}
		if err := a.cluster.Client.Get(ctx, key, pr); err != nil {
			return false, err
		}
		c.PipelineRun = pr
		if !pr.Status.Done() {
			return false, nil
		}
		err := a.cluster.Client.List(ctx, children, client.InNamespace(key.Namespace), client.MatchingLabels{v1.LabelPipelineRun: key.Name})
		c.TaskRuns = nil
		for i := range children.Items {
			c.TaskRuns = append(c.TaskRuns, &children.Items[i])
		}
		return err == nil, err
	default:
		return true, nil
	}
}

// judge checks an attack, and keeps the evidence of one with findings.
func (a *attacker) judge(ctx context.Context, c *check.AttackCase) {
	found := check.Attack(c)
	a.mu.Lock()
	a.sent[c.Plan.Kind]++
	a.mu.Unlock()
	if len(found) == 0 {
		return
	}
	folder := filepath.Join(a.options.findings, fmt.Sprintf("seed-%d", a.options.seed), c.Plan.Name())
	files := map[string]any{"plan.yaml": c.Plan, "pipelinerun.yaml": c.PipelineRun, "controller.log": controllerLog(ctx, a.cluster)}
	// The lists have the objects of all attacks: a run may be stuck because of another one.
	for name, list := range map[string]client.ObjectList{
		"pods.yaml": &corev1.PodList{}, "taskruns.yaml": &v1.TaskRunList{}, "events.yaml": &corev1.EventList{},
	} {
		if err := a.cluster.Client.List(ctx, list, client.InNamespace(a.setting.Namespace)); err != nil {
			files[name] = []byte(text(err))
			continue
		}
		files[name] = list
	}
	err := writeAll(folder, files)
	if err != nil {
		a.find(err.Error())
	}
	for _, f := range found {
		a.find(fmt.Sprintf("%s (see %s)", f, folder))
	}
}

func (a *attacker) find(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Println("finding: attack:", text)
	a.found = append(a.found, text)
}

// report prints what was sent, and returns the number of findings. Attacks by registries that no program has asked test nothing.
func (a *attacker) report() int {
	connections := a.registries.connections()
	if !a.options.calm && a.sentOf(attack.Tarpit) > 0 && connections == 0 {
		a.find("no program has connected to a hostile registry")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Printf("%d attacks: %s; %d connections to hostile registries\n", sum(a.sent), counted(a.sent), connections)
	return len(a.found)
}

func (a *attacker) sentOf(kind string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sent[kind]
}

// close closes the registries, and deletes the namespace.
func (a *attacker) close(ctx context.Context) error {
	a.registries.close()
	namespace := &corev1.Namespace{}
	namespace.Name = a.setting.Namespace
	return client.IgnoreNotFound(a.cluster.Client.Delete(ctx, namespace))
}
